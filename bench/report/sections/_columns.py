"""Columns of the report's tables of results."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.records import STATUSES
from bench.results.format import (
    BELOW_GAUSSIAN,
    MISSING,
    NOT_APPLICABLE,
    code,
    footnotes,
    measured,
    share,
)
from bench.results.results import Results
from bench.results.runs import UNFINISHED, CellRuns
from bench.results.summary import against_gaussian


@dataclass(frozen=True)
class MeasureColumn:
    """A measured column: its heading, the value and how a mean with its interval is shown.

    Attributes:
        title: The heading.
        metric: Name of the value, ``test/...``.
        kind: The registered metric that gives it.
    """

    title: str
    metric: str
    kind: str

    def cell(self, place: CellRuns) -> str:
        """Mean and interval; n/a where runs ended and the model has no such measure."""
        values = place.values(self.metric)
        if not values and place.valued:
            return NOT_APPLICABLE
        return measured(self.metric, values, num_lost=place.num_lost, most=place.most(self.metric))


class LowerEnd(MeasureColumn):
    """What a share is at least: the mean over runs of its lower ends, each within a run; from 0 on.

    A run whose samples are poor tells little of copies, and its share alone may be anything.
    """

    def cell(self, place: CellRuns) -> str:
        """The bound, without an interval: it is the end of one."""
        values = place.values(self.metric)
        return share(max(0.0, math.fsum(values) / len(values))) if values else MISSING


def present(results: Results, columns: Sequence[MeasureColumn]) -> list[MeasureColumn]:
    """The columns that some run has a value for."""
    return [c for c in columns if any(run.value(c.metric) is not None for run in results.runs)]


def elbo_columns(results: Results) -> list[MeasureColumn]:
    return [
        MeasureColumn(f"{code(name)} ↑ (nats)", f"test/{name}", "elbo") for name in results.elbos
    ]


def distance(results: Results, place: CellRuns, metric: str) -> str:
    """Mean and interval, marked where they do not beat the pixel Gaussian."""
    text = measured(metric, place.values(metric), num_lost=place.num_lost)
    beside = against_gaussian(results, place, metric)
    if place.cell.baseline or beside is None or beside.is_beaten:
        return text
    return f"{text} {BELOW_GAUSSIAN}"


def statuses(place: CellRuns) -> str:
    """``2 ok, 1 diverged``, in the order of ``STATUSES``."""
    counts = Counter(run.status for run in place.runs)
    named = (f"{counts[one]} {one}" for one in (*STATUSES, UNFINISHED) if counts[one])
    return ", ".join(named) or "none"


def noted(text: str, note: str) -> str:
    notes = " ".join(filter(None, [footnotes(text), note]))
    return f"{text}\n\n{notes}" if notes else text


ACTIVE_UNITS = MeasureColumn("active units", "test/active_units", "active_units")
