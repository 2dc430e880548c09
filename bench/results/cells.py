"""Which run stands where: each in the cell that its parameters name, one per seed."""

from __future__ import annotations

import re

from bench.plan.study import Cell, FlatValues
from bench.records import Scalar
from bench.results.runs import UNFINISHED, CellRuns, RecordedRun


def into_cells(
    cells: list[Cell], runs: list[RecordedRun]
) -> tuple[tuple[CellRuns, ...], tuple[RecordedRun, ...]]:
    """Each run into its cell, one per seed; the others are unplaced."""
    keys = {cell.arm: tuple(cell.factors) for cell in cells}
    places: dict[tuple[str, ...], dict[int, RecordedRun]] = {
        _address(c.arm, c.factors): {} for c in cells
    }
    unplaced_runs = []
    for run in sorted(runs, key=_precedence, reverse=True):
        factors = {key: run.param(key) or "" for key in keys.get(run.arm, ())}
        seeds = places.get(_address(run.arm, factors))
        if seeds is None or run.seed in seeds:
            unplaced_runs.append(run)
        else:
            seeds[run.seed] = run
    found = (
        CellRuns(
            cell, tuple(run for _, run in sorted(places[_address(cell.arm, cell.factors)].items()))
        )
        for cell in cells
    )
    return tuple(found), tuple(sorted(unplaced_runs, key=lambda run: run.record.run_id))


def _address(arm: str, factors: FlatValues | dict[str, str]) -> tuple[str, ...]:
    return (arm, *(_plain(value) for value in factors.values()))


def _plain(value: Scalar) -> str:
    """One spelling for 3, 3.0 and '3'; MLflow gives parameters back as text."""
    try:
        return repr(float(str(value)))
    except ValueError:
        return str(value).lower()


def _precedence(run: RecordedRun) -> tuple[bool, tuple[int, ...], str]:
    """Of two runs of one cell and seed, the ended one counts, then the newer version's."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", run.tags.bench_version))
    return run.status != UNFINISHED, numbers, run.record.run_id
