"""What several commands of the command line share: options, and how they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

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


def install(weights: Path | None) -> None:
    """Inception's weights from a file that was given with the command."""
    if weights is not None:
        from bench.detectors._find import import_detector

        import_detector("inception", weights)


def say_to(as_json: bool) -> Callable[[str], object]:
    """Where a command's lines go: nowhere when one JSON object is wanted."""
    return (lambda _: None) if as_json else typer.echo


def print_json(value: Any) -> None:
    """One JSON object, keys sorted."""
    typer.echo(json.dumps(value, indent=1, sort_keys=True, default=str))
