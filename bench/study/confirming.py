"""The chosen cell of each arm on fresh seeds, which the choice has not seen (protocol rule 22)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.measures import choice, mean_of
from bench.plan.study import Cell
from bench.records import CONFIRM, SUPERSEDED, TrialResult
from bench.study.plan import PlannedRun
from bench.study.queues import GridQueue


class ConfirmQueue(GridQueue):
    """What a sweep chose, on as many fresh seeds as it has of its own.

    With other seeds another cell may be the best: the fresh runs of the one before are kept, and
    count no more.
    """

    def runs(self) -> list[PlannedRun]:
        """The chosen cells by what has ended until now."""
        return self._plan.confirming(self._chosen())

    def known(self) -> list[PlannedRun]:
        """Nothing while the grid still runs: another cell may be chosen yet."""
        return [] if self._is_open() else self.runs()

    def left(self) -> list[PlannedRun]:
        """The runs without a result; while the grid still runs, its first cells stand in."""
        return self._plan.confirming() if self._is_open() else self._tracked.left(self.runs())

    def close(self) -> None:
        """Says which fresh runs count now."""
        counted = {self._plan.address(run) for run in self.runs()}
        for record in self._tracked.records():
            about = record.about
            if about.role not in {CONFIRM, SUPERSEDED} or about.is_retired:
                continue
            role = CONFIRM if about.folder in counted else SUPERSEDED
            if role != about.role:
                self._tracked.store.logger(record.run_id).tags({"role": role})

    def _is_open(self) -> bool:
        return bool(self._tracked.left(self._plan.runs()))

    def _chosen(self) -> list[Cell]:
        """Of each arm that has more than one cell and a run with a value."""
        results: dict[str, list[TrialResult]] = {}
        for run, result, _ in self._tracked.ended(self._plan.runs()):
            results.setdefault(run.name, []).append(result)
        chosen = []
        for cells in self._plan.choices():
            of_cells = [results.get(run.name, []) for run in cells]
            best = choice(list(map(_mean, of_cells)), list(map(_num_lost, of_cells)))
            chosen += [] if best is None else [cells[best].cell]
        return chosen


def _mean(results: Sequence[TrialResult]) -> float | None:
    """Of the validation values; None where no run has one."""
    valued = [r for r in results if r.value is not None and math.isfinite(r.value)]
    values = [r.value for r in valued if r.value is not None]
    return mean_of(f"val/{valued[0].primary}", values) if valued else None


def _num_lost(results: Sequence[TrialResult]) -> int:
    return sum(result.status in {"diverged", "failed"} for result in results)
