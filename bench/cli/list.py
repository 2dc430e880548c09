"""``bench list``: what is registered, the code of a kind imported where no index has it; tracked runs."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from bench.cli import names
from bench.cli.index import kept
from bench.cli.options import Plugins, Say, Uri, command, quiet
from bench.errors import UsageError
from bench.failed_checks import read_record
from bench.files import data_home
from bench.measures import MEASURES
from bench.registry import PACKAGES, closest, registry_of
from bench.text import shown

RUNS = "runs"
UNSETTLED = "?"
"""At the end of a signature: the folder was written a moment ago."""


@command("list")
def list_kind(
    kind: Annotated[
        str, typer.Argument(help="models, datasets, ..., studies, runs", autocompletion=names.kinds)
    ],
    study: Annotated[
        str | None,
        typer.Argument(metavar="[STUDY]", help="of runs", autocompletion=names.studies),
    ] = None,
    *,
    plugins: Plugins = None,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Name to one line, for one kind of registered thing or for ``studies``; ``runs`` by their ids.

    Raises:
        UsageError: No such kind, or no runs.
    """
    if kind == RUNS:
        from bench.cli.list_runs import list_runs

        return list_runs(study, uri=tracking_uri, say=say)
    if study is not None:
        raise UsageError(
            f"bench list {kind} takes no further word, got {shown(study)}: leave it out"
        )
    rows = _summaries(kind)
    if kind == "metrics":
        rows = {name: f"{summary}{_failures(name)}" for name, summary in rows.items()}
    width = max((len(name) for name in rows), default=0)
    for name, summary in rows.items():
        say(f"{name:<{width}}  {summary}".rstrip())
    return rows


def _summaries(kind: str) -> dict[str, str]:
    if kind == "studies":
        from bench.plan.files import study_summaries

        return study_summaries()
    if kind not in PACKAGES:
        raise UsageError(closest(kind, [*PACKAGES, "studies", RUNS], kind="kind", what="known"))
    seen = _weights() if kind == "detectors" else ""
    # What this process has registered by itself is listed too, and is in no index.
    if PACKAGES[kind] in sys.modules or seen.endswith(UNSETTLED):
        return _found(kind)
    return kept(f"list {kind} {seen}", lambda: _found(kind))


def _failures(metric: str) -> str:
    """What its values fail in the exams on record, as further sentences."""
    bases = [base for base, measure in MEASURES.items() if measure.metric == metric]
    said = [
        f" {base} {says} in the exam on {sat.subject}."
        for sat in read_record()
        for base in bases
        if (says := sat.says(base))
    ]
    return "".join(said)


def _found(kind: str) -> dict[str, str]:
    if kind == "detectors":
        from bench.detectors._status import status

        return {name: row.phrase for name, row in status().items()}
    return registry_of(kind).summaries()


def _weights() -> str:
    """Another text where other weights are installed."""
    from bench.datasets._remembered import signature

    return signature(data_home() / "detectors")
