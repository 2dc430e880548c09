"""``bench data`` and ``bench detectors``: what distances are measured on and with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Json, print_json
from bench.cli.text import columns

if TYPE_CHECKING:
    from bench.detectors._status import DetectorStatus

data_app = typer.Typer(rich_markup_mode=None, help="Install and check data sets.")
detectors_app = typer.Typer(rich_markup_mode=None, help="Feature networks of the distances.")


@data_app.command("list")
def data_list(as_json: Json = False) -> None:
    """Which data sets there are, and which are installed."""
    from bench.datasets import status

    rows = status()
    if as_json:
        print_json({row.name: {**vars(row), "path": str(row.path or "")} for row in rows})
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
    from bench.detectors._status import status

    rows = status()
    if as_json:
        print_json({name: vars(row) for name, row in rows.items()})
        return
    for line in detector_table(rows):
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
    from bench.detectors._train import train_detector
    from bench.runtime import prepare

    prepare(threads=1)  # more threads would sum in another order and give other weights
    path, facts = train_detector(dataset, load(dataset), name)
    typer.echo(f"test accuracy {facts['test_accuracy']}, weights in {path}")


@detectors_app.command("fetch")
def detectors_fetch(name: Annotated[str, typer.Argument()] = "inception") -> None:
    """Download the weights of Inception."""
    from bench.detectors._find import fetch_detector

    typer.echo(f"{name} in {fetch_detector(name)}")


@detectors_app.command("import")
def detectors_import(
    name: Annotated[str, typer.Argument(help="inception")],
    file: Annotated[Path, typer.Argument(help="the published weights")],
) -> None:
    """Install the weights of Inception from their file, for machines without a network."""
    from bench.detectors._find import import_detector

    typer.echo(f"{name} in {import_detector(name, file)}")


def detector_table(rows: Mapping[str, DetectorStatus]) -> list[str]:
    """Lines for a terminal: a table of all, then what is missing with its remedy."""
    head = ("name", "data set", "features", "digest", "test accuracy", "what")
    cells = [
        (
            name,
            *(fact or "-" for fact in (row.dataset, row.dim, row.digest, row.test_accuracy)),
            row.summary,
        )
        for name, row in rows.items()
    ]
    missing = [f"  {name}: {row.missing}" for name, row in rows.items() if row.missing]
    return [*columns([head, *cells]), *(["not here:", *missing] if missing else [])]
