"""The commands that train nothing: reports, their checks, comparisons, cards, lists, the UI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import (
    Dataset,
    Device,
    Fresh,
    Json,
    Plugins,
    Sets,
    StudyName,
    Uri,
    Weights,
    install,
    print_json,
    say_to,
)

app = typer.Typer(rich_markup_mode=None)


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
    from bench.cli.report import make_report

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
    from bench.cli.verify import verify_one

    verdict = verify_one(report, uri=tracking_uri, say=say_to(as_json))
    if as_json:
        print_json(verdict)
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
    from bench.cli.compare import compare_runs

    table = compare_runs(runs, out=out, uri=tracking_uri, say=say_to(as_json))
    if as_json:
        print_json(table)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="id, or its beginning")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="another one")],
    tracking_uri: Uri = None,
    as_json: Json = False,
) -> None:
    """What differs between two runs: configuration, provenance, results."""
    from bench.cli.diff import diff_runs

    found = diff_runs(first, second, uri=tracking_uri, say=say_to(as_json))
    if as_json:
        print_json(found)


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
    from bench.cli.calibrate import CalibrateOptions, write_calibration

    install(inception_weights)
    options = CalibrateOptions(
        dataset=dataset,
        detectors=detectors,
        most=count,
        device=device,
        out=out,
        plugins=tuple(plugin or ()),
        fresh=fresh,
    )
    summary = write_calibration(options, say=say_to(as_json))
    if as_json:
        print_json(summary)


@app.command("list")
def list_(
    kind: Annotated[str, typer.Argument(help="models, datasets, metrics, ...")],
    plugin: Plugins = None,
    as_json: Json = False,
) -> None:
    """List what is registered, with one line each."""
    from bench.cli.catalogue import summaries

    rows = summaries(kind, plugin or [])
    if as_json:
        print_json(rows)
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
    from bench.cli.catalogue import description

    typer.echo(description(name, dataset, plugin or []))


@app.command()
def init(name: Annotated[str, typer.Argument(help="of the study, and of its file")]) -> None:
    """Write a commented study file into ./studies, to start from."""
    from bench.cli.init import write_study

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
    from bench.cli.ui import serve_ui

    serve_ui(study=study, host=host, port=port, uri=tracking_uri, say=typer.echo)
