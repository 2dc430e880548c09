"""The command line: parses, calls, prints. Heavy imports happen inside the commands."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.data import data_app, detectors_app
from bench.cli.options import (
    Dataset,
    Device,
    Fresh,
    Json,
    Plugins,
    Root,
    Sets,
    StudyName,
    TierName,
    Uri,
    Weights,
    install,
    print_json,
    say_to,
)
from bench.cli.reading import app as reading_app
from bench.errors import Interrupted, UsageError

INTERRUPTED = 130
"""Exit code of a command that was asked to stop, and what typer makes of a Ctrl-C."""

# Without markup typer leaves rich alone, whose import is half of what `bench --help` takes.
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(reading_app)
app.add_typer(data_app, name="data")
app.add_typer(detectors_app, name="detectors")


@app.command()
def run(
    study: StudyName,
    tier: TierName = "classroom",
    dataset: Dataset = None,
    set_: Sets = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="seeds per cell; default: the tier's")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="of a search, for each family")
    ] = None,
    jobs: Annotated[str, typer.Option("--jobs", help="runs at a time: a number or auto")] = "auto",
    device: Device = "auto",
    storage: Annotated[str | None, typer.Option("--storage", help="Optuna's storage URL")] = None,
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugin: Plugins = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show runs, images and forecast")
    ] = False,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Run a study; the same command continues where it stopped."""
    from bench.cli.run import RunOptions, run_study

    install(inception_weights)
    options = RunOptions(
        study=study,
        tier=tier,
        dataset=dataset,
        overrides=tuple(set_ or ()),
        seeds=seeds,
        trials=trials,
        jobs=jobs,
        device=device,
        storage=storage,
        tracking_uri=tracking_uri,
        root=root,
        plugins=tuple(plugin or ()),
        dry_run=dry_run,
        fresh=fresh,
    )
    summary = run_study(options, say=say_to(as_json))
    if as_json:
        print_json(summary)
    if summary.get("failed"):
        raise typer.Exit(1)


@app.command()
def train(
    model: Annotated[str | None, typer.Argument(help="MODEL or MODEL:PRESET")] = None,
    config: Annotated[str | None, typer.Option("--config", help="repeat this tracked run")] = None,
    dataset: Dataset = None,
    set_: Sets = None,
    device: Device = "auto",
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugin: Plugins = None,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Train one model, or repeat a tracked run bit by bit (CPU)."""
    from bench.cli.train import TrainOptions, train_one

    install(inception_weights)
    options = TrainOptions(
        model=model,
        config=config,
        dataset=dataset,
        overrides=tuple(set_ or ()),
        device=device,
        tracking_uri=tracking_uri,
        root=root,
        plugins=tuple(plugin or ()),
        fresh=fresh,
    )
    summary = train_one(options, say=say_to(as_json))
    if as_json:
        print_json(summary)
    if summary["status"] == "failed" or summary.get("differences"):
        raise typer.Exit(1)


@app.command()
def sample(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="id of a tracked run")],
    count: Annotated[int, typer.Option("-n", min=1, help="number of images")] = 64,
    out: Annotated[Path, typer.Option("-o", help="PNG to write")] = Path("samples.png"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the noise")] = 0,
    label: Annotated[
        int | None, typer.Option("--class", help="of a conditional model; default: all")
    ] = None,
    device: Device = "auto",
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugin: Plugins = None,
) -> None:
    """Draw samples of a finished run as one grid."""
    from bench.cli.sample import sample_run

    sample_run(
        run_id,
        count,
        out,
        seed=seed,
        label=label,
        device=device,
        uri=tracking_uri,
        root=root,
        plugins=plugin or [],
    )
    typer.echo(f"{count} samples in {out}")


@app.command("eval")
def eval_(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="a finished run")] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="folder or .npz of images made elsewhere")
    ] = None,
    dataset: Dataset = None,
    name: Annotated[str | None, typer.Option("--name", help="of the model of --images")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="that the images came from")] = 0,
    study: Annotated[
        str | None, typer.Option("--study", help="put --images into this study's tables")
    ] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="of that study")] = None,
    set_: Sets = None,
    device: Device = "auto",
    tracking_uri: Uri = None,
    root: Root = Path("runs"),
    plugin: Plugins = None,
    inception_weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Measure a finished run again, or images made elsewhere."""
    from bench.cli.evaluate import EvalOptions, evaluate_one

    install(inception_weights)
    options = EvalOptions(
        run=run_id,
        images=images,
        name=name,
        seed=seed,
        study=study,
        tier=tier,
        dataset=dataset,
        overrides=tuple(set_ or ()),
        device=device,
        tracking_uri=tracking_uri,
        root=root,
        plugins=tuple(plugin or ()),
    )
    summary = evaluate_one(options, say=say_to(as_json))
    if as_json:
        print_json(summary)


def main() -> None:
    """Runs the command line; a mistake is one sentence, a stop is resumable."""
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(arguments or ["--help"], prog_name="bench", standalone_mode=False) or 0
    except Interrupted:
        code = INTERRUPTED
    except UsageError as error:
        code = _mistake(error, str(error))
    except typer.TyperException as error:
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context else "bench"
        code = _mistake(error, f"{error.format_message().rstrip('.')}: see `{command} --help`")
    if code == INTERRUPTED:
        print("bench: interrupted; the same command continues", file=sys.stderr)
    raise SystemExit(code)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _mistake(error: Exception, sentence: str) -> int:
    """The exit code of wrong usage, after its sentence; with ``--debug`` the error itself."""
    if "--debug" in sys.argv:
        raise error
    print(f"bench: {sentence}", file=sys.stderr)
    return 2
