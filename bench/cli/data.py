"""``bench data``: what distances are measured on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench import datasets
from bench.cli.options import Say, app, command, quiet

data = typer.Typer(rich_markup_mode=None)
app.add_typer(data, name="data")


@command("list", into=data, example="bench data list")
def data_list(*, say: Say = quiet) -> dict[str, Any]:
    """Which data sets there are, and which are installed."""
    rows = datasets.status()
    for row in rows:
        state = "installed" if row.installed else "not installed"
        say(f"{row.name:<14} {state:<14} {row.summary}")
    say("folder:PATH    your images, one folder per class, or flat")
    say("npz:PATH       your arrays, x_train y_train x_test y_test or x y")
    return {row.name: {**vars(row), "path": str(row.path or "")} for row in rows}


@command("fetch", into=data, example="bench data fetch mnist")
def data_fetch(
    name: Annotated[str, typer.Argument(help="see `bench data list`")], *, say: Say = quiet
) -> Path:
    """Download a data set."""
    path = datasets.fetch(name)
    say(f"{name} in {path}")
    return path


@command("import", into=data, example="bench data import mnist downloads")
def data_import(
    name: Annotated[str, typer.Argument(help="see `bench data list`")],
    directory: Annotated[Path, typer.Argument(help="folder of the four IDX files")],
    *,
    say: Say = quiet,
) -> Path:
    """Install a data set from its IDX files, for machines without a network."""
    path = datasets.import_idx(name, directory)
    say(f"{name} in {path}")
    return path


@command(
    "verify", into=data, fails=lambda found: not found["ok"], example="bench data verify mnist"
)
def data_verify(
    name: Annotated[str, typer.Argument(help="see `bench data list`")], *, say: Say = quiet
) -> dict[str, Any]:
    """Compare an installed data set with its digest."""
    verdict = datasets.verify(name)
    say(verdict.sentence)
    return {"name": name, "ok": verdict.ok, "digest": verdict.digest, "said": verdict.sentence}
