"""One run as the report reads it, one cell of the grid with its runs, and which run stands where."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property

from bench.config import UNSAID
from bench.measures import MeasureName, mean_of
from bench.plan.space import FOUND, SETTINGS
from bench.plan.study import Cell, FlatValues
from bench.records import (
    CONFIRM,
    CONTESTED,
    OUTSIDE,
    STATUSES,
    SUPERSEDED,
    RunRecord,
    RunTags,
    Scalar,
)

TRIAL = "search"
"""Role of a run that looked for the best configuration."""

UNFINISHED = "unfinished"
"""Status of a run that still trains or was interrupted."""

PRECISION = "train.precision"

_ENDED = (*STATUSES, "pruned")


@dataclass(frozen=True)
class MeasuredWith:
    """What two values must share to stand in one column; empty where a run does not say."""

    selection_metric: str
    detector_digest: str
    data_digest: str

    def admits(self, other: MeasuredWith) -> bool:
        """Whether everything ``other`` says is the same here."""
        pairs = zip(astuple(other), astuple(self), strict=True)
        return all(not theirs or theirs == ours for theirs, ours in pairs)


@dataclass(frozen=True)
class RecordedRun:
    """One record, read: its arm, seed and status."""

    record: RunRecord

    @cached_property
    def tags(self) -> RunTags:
        """The record's tags as fields."""
        return self.record.about

    @cached_property
    def arm(self) -> str:
        """Arm or baseline."""
        return self.tags.family

    @property
    def is_outside(self) -> bool:
        """Whether it holds images made elsewhere."""
        return self.tags.role == OUTSIDE

    @property
    def is_trial(self) -> bool:
        """Whether it looked for the best configuration of its arm."""
        return self.tags.role == TRIAL

    @property
    def is_confirming(self) -> bool:
        """Whether it repeats a chosen cell on a fresh seed."""
        return self.tags.role == CONFIRM

    @property
    def is_superseded(self) -> bool:
        """Whether something better was found since, a search looks elsewhere now, or another counts."""
        return self.tags.role in {SUPERSEDED, CONTESTED}

    @property
    def trial(self) -> int:
        """Optuna's number of a trial."""
        return self.tags.trial or 0

    @cached_property
    def seed(self) -> int:
        """The run's seed."""
        seed = self.tags.seed
        return int(self.record.params.get("train.seed", "0")) if seed is None else seed

    @cached_property
    def status(self) -> str:
        """One of ``STATUSES``, ``pruned`` for a trial, or ``UNFINISHED``."""
        status = self.tags.status
        return status if self.record.finished and status in _ENDED else UNFINISHED

    @property
    def has_values(self) -> bool:
        """Collapsed runs have values and enter the means; diverged and failed ones do not."""
        return self.status in {"ok", "collapsed"}

    @property
    def is_lost(self) -> bool:
        """Whether it ended without a value."""
        return self.status in {"diverged", "failed"}

    @cached_property
    def precision(self) -> str:
        """Of its networks in training."""
        return self.param(PRECISION) or ""

    @cached_property
    def measured_with(self) -> MeasuredWith:
        """What its values may be compared with."""
        return MeasuredWith(self.tags.primary, self.tags.detector_digest, self.tags.data_digest)

    def value(self, metric: str) -> float | None:
        """The last value; None where the run has none or it is not finite."""
        value = self.record.metrics.get(metric) if self.has_values else None
        return value if value is not None and math.isfinite(value) else None

    def has_curve(self, name: str) -> bool:
        """Whether a curve of that name was logged: its last value is there, or the curve itself."""
        return name in self.record.metrics or name in self.record.histories

    def param(self, key: str) -> str | None:
        """A parameter by its full key, or by one without its prefix."""
        if key == SETTINGS:
            return self.tags.settings or FOUND  # before, a search ran nothing else
        params = {**UNSAID, **self.record.params}
        if key in params:
            return params[key]
        return next((v for k, v in sorted(params.items()) if k.endswith(f".{key}")), None)


@dataclass(frozen=True)
class CellRuns:
    """One cell of the grid, or a baseline, with the runs made for it, by seed.

    Attributes:
        cell: Its place.
        runs: The study's own, by whose values cells are chosen.
        confirming: On fresh seeds, made since the cell was chosen.
    """

    cell: Cell
    runs: tuple[RecordedRun, ...]
    confirming: tuple[RecordedRun, ...] = ()

    @property
    def arm(self) -> str:
        """Arm or baseline."""
        return self.cell.arm

    @property
    def is_outside(self) -> bool:
        """Whether its images were made elsewhere."""
        return self.cell.model == OUTSIDE

    @property
    def every(self) -> tuple[RecordedRun, ...]:
        """Its own runs, then those on fresh seeds."""
        return (*self.runs, *self.confirming)

    @property
    def headline(self) -> CellRuns:
        """The same cell with the runs that say how good it is: on fresh seeds once those have ended.

        A cell that was chosen for its values looks better by them than it is.
        """
        have_ended = all(run.status != UNFINISHED for run in self.confirming)
        return CellRuns(self.cell, self.confirming) if self.confirming and have_ended else self

    @property
    def valued(self) -> tuple[RecordedRun, ...]:
        """The runs that have values."""
        return tuple(run for run in self.runs if run.has_values)

    @property
    def num_lost(self) -> int:
        """Runs that ended without a value."""
        return sum(run.is_lost for run in self.runs)

    def values(self, metric: str) -> list[float]:
        """One value per seed."""
        return list(self.by_seed(metric).values())

    def by_seed(self, metric: str) -> dict[int, float]:
        """Seed to value, of the runs that have one."""
        return {run.seed: v for run in self.valued if (v := run.value(metric)) is not None}

    def num_collapsed(self, metric: str) -> int:
        """Runs that have a value and collapsed."""
        return sum(r.status == "collapsed" and r.value(metric) is not None for r in self.runs)

    def most(self, metric: str) -> float:
        """What a count cannot exceed: the classes or modes of real data, a model's latents; else infinity."""
        measure = MeasureName.parse(metric).measure
        if measure in {"active_units", "kl_latents_90"}:
            return max(
                (float(run.param("latent_dim") or math.inf) for run in self.runs), default=math.inf
            )
        real = self.values(f"{metric}_real") if measure in {"classes", "covered", "modes"} else []
        return math.ceil(max(real)) if real else math.inf

    def mean(self, metric: str) -> float | None:
        """Mean over the seeds, of a Frechet distance the geometric one."""
        values = self.values(metric)
        return mean_of(metric, values) if values else None


def into_cells(
    cells: list[Cell], runs: list[RecordedRun], overrides: Mapping[str, str]
) -> tuple[tuple[CellRuns, ...], tuple[RecordedRun, ...]]:
    """Each run into its cell, one per seed and all of one precision; the others are unplaced."""
    keys = {cell.arm: tuple(cell.factors) for cell in cells}
    there: dict[tuple[str, ...], list[RecordedRun]] = {}
    for run in sorted(runs, key=_precedence, reverse=True):
        factors = {key: run.param(key) or "" for key in keys.get(run.arm, ())}
        there.setdefault(_address(run.arm, factors), []).append(run)
    found = []
    for cell in cells:
        members = there.get(_address(cell.arm, cell.factors), [])
        wanted = _precision({**cell.settings, **overrides}, members)
        # The first of a seed counts.
        seeds = {run.seed: run for run in reversed(members) if run.precision == wanted}
        ended = [run for _, run in sorted(seeds.items())]
        own = tuple(run for run in ended if not run.is_confirming)
        fresh = tuple(run for run in ended if run.is_confirming)
        if ended or cell.factors.get(SETTINGS) != FOUND:  # nothing new found: no cell of it
            found.append(CellRuns(cell, own, fresh))
    placed = {id(run) for place in found for run in place.every}
    rest = sorted((r for r in runs if id(r) not in placed), key=lambda run: run.record.run_id)
    return tuple(found), tuple(rest)


def _precision(settings: Mapping[str, Scalar], runs: list[RecordedRun]) -> str:
    """The one of a cell: that of its settings; that of most runs where no run has it, as with auto."""
    named = [str(v) for k, v in settings.items() if k in {PRECISION, PRECISION.rpartition(".")[2]}]
    counts = Counter(run.precision for run in runs)
    wanted = named[-1] if named else UNSAID[PRECISION]
    return wanted if wanted in counts else max(counts, key=lambda p: (counts[p], p), default="")


def _address(arm: str, factors: FlatValues | dict[str, str]) -> tuple[str, ...]:
    return (arm, *(plain(value) for value in factors.values()))


def plain(value: Scalar) -> str:
    """One spelling for 3, 3.0 and '3'; MLflow gives parameters back as text."""
    try:
        return repr(float(str(value)))
    except ValueError:
        return str(value).lower()


def _precedence(run: RecordedRun) -> tuple[bool, tuple[int, ...], str]:
    """Of two runs of one cell and seed, the ended one counts, then the newer version's."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", run.tags.bench_version))
    return run.status != UNFINISHED, numbers, run.record.run_id
