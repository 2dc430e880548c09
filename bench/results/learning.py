"""Whether families were still learning when their budget ended: validation at half and at all of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.results.results import Results, once
from bench.results.runs import CellRuns, RecordedRun
from bench.results.trends import at_half

HALF = "half/"
"""In front of a validation measure: its value at half of the run's budget, in the table of runs."""

STILL_LEARNING = 0.1
"""A distance that the last half of the budget lowers by more than this share has not settled."""


@dataclass(frozen=True)
class Progress:
    """What the last half of the budget did to an arm's validation distance.

    Attributes:
        arm: The family.
        fall: Share of the distance at half the budget that was gone at its end, the geometric mean
            over runs; negative where the distance rose.
        runs: How many have both values.
    """

    arm: str
    fall: float
    runs: int

    @property
    def is_learning(self) -> bool:
        """Whether it fell by more than a tenth."""
        return self.fall > STILL_LEARNING


@once
def half_values(results: Results) -> dict[str, float]:
    """Run id to the selection measure logged nearest to half of its budget.

    Runs without a validation near are left out.
    """
    runs = [run for run in results.arm_runs if run.has_values]
    return {**_tabled(results, runs), **_logged(results, runs)}


def _tabled(results: Results, runs: list[RecordedRun]) -> dict[str, float]:
    """As the table of runs has them, which holds no curves."""
    name = half_name(results)
    found = {run.record.run_id: run.value(name) for run in runs}
    return {run_id: value for run_id, value in found.items() if value is not None}


def _logged(results: Results, runs: list[RecordedRun]) -> dict[str, float]:
    points = results.points(runs, results.selection_metric)
    found = {run.record.run_id: at_half(run, points.get(run.record.run_id, [])) for run in runs}
    return {run_id: value for run_id, value in found.items() if value is not None}


def half_name(results: Results) -> str:
    """``half/fd_mnist_n2000``."""
    return f"{HALF}{results.selection_metric_name}"


@once
def progress(results: Results) -> list[Progress]:
    """Each arm whose chosen cell was validated at half its budget and at its end."""
    halves, found = half_values(results), []
    for place in results.chosen_cells:
        ends = [
            (halves.get(r.record.run_id), r.value(results.selection_metric)) for r in place.runs
        ]
        logs = [math.log(end / half) for half, end in ends if half and end and min(half, end) > 0]
        if logs:
            fall = -math.expm1(math.fsum(logs) / len(logs))
            found.append(Progress(place.arm, fall, len(logs)))
    return found


def still_learning(results: Results) -> list[str]:
    """The arms whose distance fell by more than a tenth over the last half of the budget."""
    return [one.arm for one in progress(results) if one.is_learning]


def learning_unknown(results: Results) -> list[str]:
    """The arms none of whose runs was validated near half of its budget, of those that train at all."""
    known = {one.arm for one in progress(results)}
    return [p.arm for p in results.chosen_cells if _is_trained(p) and p.arm not in known]


def _is_trained(place: CellRuns) -> bool:
    """Whether a run with values took a step: what is computed in closed form has nothing to learn."""
    names = {name for run in place.valued for name in run.record.metrics}
    return any(name.startswith("cost/updates_") for name in names)
