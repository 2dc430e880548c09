"""``bench list``: what is registered; imports neither MLflow nor Optuna."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import Plugins, Say, command, quiet
from bench.errors import UsageError
from bench.plan.files import study_summaries
from bench.registry import PACKAGES, closest, registry_of


@command("list")
def list_kind(
    kind: Annotated[str, typer.Argument(help="models, datasets, metrics, ...")],
    *,
    plugins: Plugins = None,
    say: Say = quiet,
) -> dict[str, str]:
    """Name to one line, for one kind of registered thing or for ``studies``.

    Raises:
        UsageError: No such kind.
    """
    rows = _summaries(kind)
    width = max((len(name) for name in rows), default=0)
    for name, summary in rows.items():
        say(f"{name:<{width}}  {summary}".rstrip())
    return rows


def _summaries(kind: str) -> dict[str, str]:
    if kind == "studies":
        return study_summaries()
    if kind not in PACKAGES:
        raise UsageError(closest(kind, [*PACKAGES, "studies"], kind="kind", what="known"))
    if kind == "detectors":
        from bench.detectors._status import status

        return {name: row.phrase for name, row in status().items()}
    return registry_of(kind).summaries()
