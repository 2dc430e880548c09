"""``bench data``: what distances are measured on."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import datasets
from bench.cli.options import Say, app, command, quiet

data = typer.Typer(rich_markup_mode=None)
app.add_typer(data, name="data")


@command("list", into=data)
def data_list(*, say: Say = quiet) -> dict[str, Any]:
    """Which data sets there are, and which are installed."""
    rows = datasets.status()
    for row in rows:
        state = "installed" if row.installed else "not installed"
        say(f"{row.name:<14} {state:<14} {row.summary}")
    say("folder:PATH    your images, one folder per class, or flat")
    say("npz:PATH       your arrays, x_train y_train x_test y_test or x y")
    return {row.name: {**vars(row), "path": str(row.path or "")} for row in rows}


@command("fetch", into=data)
def data_fetch(name: Annotated[str, typer.Argument()], *, say: Say = quiet) -> None:
    """Download a data set."""
    say(f"{name} in {datasets.fetch(name)}")


@command("import", into=data)
def data_import(
    name: Annotated[str, typer.Argument()],
    directory: Annotated[Path, typer.Argument(help="folder of the four IDX files")],
    *,
    say: Say = quiet,
) -> None:
    """Install a data set from its IDX files, for machines without a network."""
    say(f"{name} in {datasets.import_idx(name, directory)}")


@command("verify", into=data, fails=operator.not_)
def data_verify(name: Annotated[str, typer.Argument()], *, say: Say = quiet) -> bool:
    """Compare an installed data set with its digest."""
    verdict = datasets.verify(name)
    say(verdict.sentence)
    return verdict.ok
