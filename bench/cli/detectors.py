"""``bench detectors``: what distances are measured with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import Say, app, columns, command, quiet, say_notes
from bench.datasets import load
from bench.detectors._find import published_weights
from bench.detectors._status import DetectorStatus, status
from bench.detectors._train import train_detector

detectors = typer.Typer(rich_markup_mode=None)
app.add_typer(detectors, name="detectors")


@command("list", into=detectors, example="bench detectors list")
def detectors_list(*, say: Say = quiet) -> dict[str, Any]:
    """Which detectors there are, what they were trained on, and what is missing."""
    rows = status()
    for line in detector_table(rows):
        say(line)
    return {name: vars(row) for name, row in rows.items()}


@command("train", into=detectors, example="bench detectors train folder:pictures")
def detectors_train(
    dataset: Annotated[str, typer.Argument(help="data set with labels")],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="of the detector; default: the data set's")
    ] = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Train and store the classifier of a data set by its fixed recipe."""
    splits = load(dataset)
    say_notes(splits.notes, say)
    path, facts = train_detector(dataset, splits, name)
    say(f"test accuracy {facts['test_accuracy']}, weights in {path}")
    return {"path": str(path), **facts}


@command("fetch", into=detectors, example="bench detectors fetch inception")
def detectors_fetch(
    name: Annotated[str, typer.Argument(help="inception, dinov2 or clip")] = "inception",
    *,
    say: Say = quiet,
) -> Path:
    """Download the published weights of Inception, DINOv2 or CLIP."""
    path = published_weights(name).fetch()
    say(f"{name} in {path}")
    return path


@command("import", into=detectors, example="bench detectors import dinov2 weights.pth")
def detectors_import(
    name: Annotated[str, typer.Argument(help="inception, dinov2 or clip")],
    file: Annotated[Path, typer.Argument(help="the published weights")],
    *,
    say: Say = quiet,
) -> Path:
    """Install published weights from their file, for machines without a network."""
    path = published_weights(name).install(file)
    say(f"{name} in {path}")
    return path


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
