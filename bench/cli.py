"""The command line: parses, calls, prints. Heavy imports happen inside the commands."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import Interrupted, UsageError

INTERRUPTED = 130
"""Exit code of a command that was asked to stop, and what typer makes of a Ctrl-C."""

# Without markup typer leaves rich alone, whose import is half of what `bench --help` takes.
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
data_app = typer.Typer(rich_markup_mode=None, help="Install and check data sets.")
detectors_app = typer.Typer(rich_markup_mode=None, help="Feature networks of the distances.")
app.add_typer(data_app, name="data")
app.add_typer(detectors_app, name="detectors")

StudyName = Annotated[str, typer.Option("--study", help="name of a file in studies/")]
TierName = Annotated[str, typer.Option("--tier", help="size: classroom, lab or paper")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="name, folder:PATH or npz:PATH")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="may be repeated")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda")]
Root = Annotated[Path, typer.Option("--root", help="folder of checkpoints and results")]
Uri = Annotated[str | None, typer.Option("--tracking-uri", help="MLflow store")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", metavar="FILE", help="registers things")
]
Weights = Annotated[
    Path | None,
    typer.Option("--inception-weights", metavar="FILE", help="install Inception's weights first"),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
Fresh = Annotated[bool, typer.Option("--fresh", help="discard what was done before")]


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
    from bench.commands.study import RunOptions, run_study

    _install(inception_weights)
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
    summary = run_study(options, say=_say(as_json))
    if as_json:
        _print_json(summary)
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
    from bench.commands.train import TrainOptions, train_one

    _install(inception_weights)
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
    summary = train_one(options, say=_say(as_json))
    if as_json:
        _print_json(summary)
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
    from bench.commands.sample import sample_run

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
    from bench.commands.evaluate import EvalOptions, evaluate_one

    _install(inception_weights)
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
    summary = evaluate_one(options, say=_say(as_json))
    if as_json:
        _print_json(summary)


@app.command()
def report(
    study: StudyName,
    tier: Annotated[str | None, typer.Option("--tier", help="of the study that was run")] = None,
    dataset: Dataset = None,
    set_: Sets = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder; default reports/STUDY")] = None,
    tracking_uri: Uri = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="the first so many; default all")
    ] = None,
) -> None:
    """Write the comparison report of a study from what MLflow holds."""
    from bench.report.from_tracking import make_report

    path = make_report(
        study, tier=tier, dataset=dataset, sets=set_ or [], out=out, uri=tracking_uri, seeds=seeds
    )
    typer.echo(f"report in {path}")


@app.command()
def verify(
    report: Annotated[Path, typer.Argument(help="folder of a report, or its README.md")],
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """Recompute every number of a report from the tracked runs; exit 1 where any differs."""
    from bench.commands.verify import verify_one

    verdict = verify_one(report, uri=tracking_uri, say=_say(as_json))
    if as_json:
        _print_json(verdict)
    if not verdict["equal"]:
        raise typer.Exit(1)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="ids, or their beginnings")],
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for README.md with pictures")
    ] = None,
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """Set runs side by side; those that differ in their seed alone are one column."""
    from bench.commands.compare import compare_runs

    table = compare_runs(runs, out=out, uri=tracking_uri, say=_say(as_json))
    if as_json:
        _print_json(table)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="id, or its beginning")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="another one")],
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """What differs between two runs: configuration, provenance, results."""
    from bench.commands.diff import diff_runs

    found = diff_runs(first, second, uri=tracking_uri, say=_say(as_json))
    if as_json:
        _print_json(found)


@app.command()
def calibrate(
    dataset: Annotated[str, typer.Argument(help="name, folder:PATH or npz:PATH")],
    detectors: Annotated[
        str, typer.Option("--detectors", help="which; those that are not here are left out")
    ] = "auto,random,inception",
    count: Annotated[int, typer.Option("-n", min=1, help="most images per distance")] = 10_000,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option("--out", help="folder; default reports/calibration_DATASET")
    ] = None,
    plugin: Plugins = None,
    fresh: Fresh = False,
    inception_weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Measure how far the distances of a data set can be trusted, as a card."""
    from bench.commands.calibrate import CalibrateOptions, write_calibration

    _install(inception_weights)
    options = CalibrateOptions(
        dataset=dataset,
        detectors=detectors,
        most=count,
        device=device,
        out=out,
        plugins=tuple(plugin or ()),
        fresh=fresh,
    )
    summary = write_calibration(options, say=_say(as_json))
    if as_json:
        _print_json(summary)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="models, datasets, metrics, ...")],
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """List what is registered, with one line each."""
    from bench.catalogue import summaries

    rows = summaries(kind, plugin or [])
    if as_json:
        _print_json(rows)
        return
    width = max((len(name) for name in rows), default=0)
    for name, summary in rows.items():
        typer.echo(f"{name:<{width}}  {summary}".rstrip())


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="MODEL, MODEL:PRESET or STUDY")],
    dataset: Annotated[str, typer.Option("--dataset", help="for the parameter count")] = "digits",
    plugin: Plugins = None,
) -> None:
    """Show a model's settings, ranges and source, or a study's plan."""
    from bench.catalogue import description

    typer.echo(description(name, dataset, plugin or []))


@app.command()
def init(name: Annotated[str, typer.Argument(help="of the study, and of its file")]) -> None:
    """Write a commented study file into ./studies, to start from."""
    from bench.commands.init import write_study

    path = write_study(name)
    typer.echo(f"study in {path}: edit it, then `bench show {name}` and `bench run --study {name}`")


@app.command()
def ui(
    study: Annotated[str | None, typer.Option("--study", help="open at this study")] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="port to listen on")] = 5000,
    tracking_uri: Uri = None,
) -> None:
    """Serve what was logged and print the comparison page's address."""
    from bench.commands.ui import serve_ui

    serve_ui(study=study, host=host, port=port, uri=tracking_uri, say=typer.echo)


@data_app.command("list")
def data_list(as_json: Json = False) -> None:
    """Which data sets there are, and which are installed."""
    from bench.datasets import status

    rows = status()
    if as_json:
        _print_json({row.name: {**vars(row), "path": str(row.path or "")} for row in rows})
        return
    for row in rows:
        state = "installed" if row.installed else "not installed"
        typer.echo(f"{row.name:<14} {state:<14} {row.summary}")
    typer.echo("folder:PATH    your images, one folder per class, or flat")
    typer.echo("npz:PATH       your arrays, x_train y_train x_test y_test or x y")


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument()]) -> None:
    """Download a data set."""
    from bench.datasets import fetch

    typer.echo(f"{name} in {fetch(name)}")


@data_app.command("import")
def data_import(
    name: Annotated[str, typer.Argument()],
    directory: Annotated[Path, typer.Argument(help="folder of the four IDX files")],
) -> None:
    """Install a data set from its IDX files, for machines without a network."""
    from bench.datasets import import_idx

    typer.echo(f"{name} in {import_idx(name, directory)}")


@data_app.command("verify")
def data_verify(name: Annotated[str, typer.Argument()]) -> None:
    """Compare an installed data set with its digest."""
    from bench.datasets import verify

    verdict = verify(name)
    typer.echo(verdict.sentence)
    if not verdict.ok:
        raise typer.Exit(1)


@detectors_app.command("list")
def detectors_list(as_json: Json = False) -> None:
    """Which detectors there are, what they were trained on, and what is missing."""
    from bench.detector_list import status, table

    rows = status()
    if as_json:
        _print_json({name: vars(row) for name, row in rows.items()})
        return
    for line in table(rows):
        typer.echo(line)


@detectors_app.command("train")
def detectors_train(
    dataset: Annotated[str, typer.Argument(help="data set with labels")],
    name: Annotated[
        str | None, typer.Option("--name", help="of the detector; default: the data set's")
    ] = None,
) -> None:
    """Train and store the classifier of a data set by its fixed recipe."""
    from bench.datasets import load
    from bench.detector_training import train_detector
    from bench.runtime import prepare

    prepare(threads=1)  # more threads would sum in another order and give other weights
    path, facts = train_detector(dataset, load(dataset), name)
    typer.echo(f"test accuracy {facts['test_accuracy']}, weights in {path}")


@detectors_app.command("fetch")
def detectors_fetch(name: Annotated[str, typer.Argument()] = "inception") -> None:
    """Download the weights of Inception."""
    from bench.detection import fetch_detector

    typer.echo(f"{name} in {fetch_detector(name)}")


@detectors_app.command("import")
def detectors_import(
    name: Annotated[str, typer.Argument(help="inception")],
    file: Annotated[Path, typer.Argument(help="the published weights")],
) -> None:
    """Install the weights of Inception from their file, for machines without a network."""
    from bench.detection import import_detector

    typer.echo(f"{name} in {import_detector(name, file)}")


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


def _install(weights: Path | None) -> None:
    """Inception's weights from a file that was given with the command."""
    if weights is not None:
        from bench.detection import import_detector

        import_detector("inception", weights)


def _say(as_json: bool) -> Any:
    """Where a command's lines go: nowhere when one JSON object is wanted."""
    return (lambda _: None) if as_json else typer.echo


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, indent=1, sort_keys=True, default=str))


if __name__ == "__main__":
    main()
