"""Of which places the runs of a merged study are, and whether those places agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.measures import scale_of
from bench.records import CONTESTED
from bench.results.results import Results, once
from bench.results.runs import CellRuns, RecordedRun
from bench.stats.variance import Nested, nested

HERE = "this store"


@dataclass(frozen=True)
class Place:
    """Where runs were made.

    Attributes:
        bundle: Begin of the digest of the bundle that they came in; ``HERE`` where they were made.
        processor: As the runs say it; may be empty.
    """

    bundle: str
    processor: str


@dataclass(frozen=True)
class Contest:
    """A run that has other values than the one that counts.

    Attributes:
        counts: The one that counts; None where it is not there any more.
        other: The one that is kept beside it.
    """

    counts: RecordedRun | None
    other: RecordedRun


def place_of(run: RecordedRun) -> Place:
    """Where a run was made."""
    bundle = run.tags.came_in.partition("/")[0] or HERE
    return Place(bundle, run.record.tags.get("processor", ""))


@once
def places(results: Results) -> dict[Place, list[RecordedRun]]:
    """Every place with its runs, in the order of bundles."""
    found: dict[Place, list[RecordedRun]] = {}
    for run in _everything(results):
        found.setdefault(place_of(run), []).append(run)
    return dict(sorted(found.items(), key=lambda pair: (pair[0].bundle, pair[0].processor)))


@once
def contests(results: Results) -> list[Contest]:
    """The runs that claim one configuration and seed with other values."""
    every = _everything(results)
    by_folder = {r.tags.folder: r for r in every if r.tags.role != CONTESTED}
    return [
        Contest(by_folder.get(run.tags.contests), run)
        for run in every
        if run.tags.role == CONTESTED
    ]


@once
def agreement(results: Results) -> Nested | None:
    """Whether places differ within cells, by the test distance; None where that cannot be told.

    Told by the cells of which two places or more hold two seeds or more.
    """
    cells = [_by_place(results, place) for place in results.arm_cells]
    return nested([groups for groups in cells if len(groups) > 1])


def _by_place(results: Results, cell: CellRuns) -> list[list[float]]:
    """The values of a cell by place, as the measure is averaged, of places with several."""
    metric, found = results.test_metric, dict[Place, list[float]]()
    for run in cell.headline.runs:
        if (value := run.value(metric)) is not None:
            found.setdefault(place_of(run), []).append(value)
    values = [value for group in found.values() for value in group]
    is_log = scale_of(metric) == "log" and min(values, default=0.0) > 0
    groups = [[math.log(v) for v in g] if is_log else g for g in found.values()]
    return [group for group in groups if len(group) > 1]


def _everything(results: Results) -> Sequence[RecordedRun]:
    return [
        run
        for group in results.groups
        for run in (*group.runs, *group.unplaced_runs, *group.trials)
    ]
