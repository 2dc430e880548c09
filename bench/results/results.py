"""What the records of a study say: cells with their runs, chosen cells, names of measures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from bench.errors import UsageError
from bench.measures import ELBOS, POINTS, MeasureName, choice, largest
from bench.plan.space import FOUND, SETTINGS
from bench.plan.study import Cell, Identity, Study
from bench.records import OUTSIDE, RunRecord, Scalar
from bench.results.format import count, span
from bench.results.present import of_present_settings
from bench.results.runs import CellRuns, MeasuredWith, RecordedRun, into_cells

T = TypeVar("T")

Pictures = Callable[[str, str], bytes | None]
"""``pictures(run_id, name)``: PNG bytes, or None where the run has no such picture.

``samples`` is the last one, ``samples@24000`` that after so many images.
"""

Point = tuple[int, float]
"""Images seen and a value."""

Curves = Callable[[Sequence[str], str], Mapping[str, Sequence[Point]]]
"""``curves(run_ids, name)``: the points of the runs that have any."""

REAL_IMAGES = "memoriser"
"""The baseline whose samples are training images: the real ones beside the generated."""

GAUSSIAN = "pixel_gaussian"
"""The baseline that a model must beat, or it is marked (protocol rule 4)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """The runs of one study whose values may be compared with each other.

    Attributes:
        study: The plan.
        identity: Which tier, data set and ``--set`` values.
        measured_with: What all the values share.
        cells: Every cell of the grid in the plan's order, baselines last.
        unplaced_runs: Runs that fit no cell, that repeat a cell and seed, or that a search superseded.
        pictures: Where pictures come from.
        trials: Runs of a search for the best configuration, by Optuna's number; in no place.
        facts: What was said of the study as a whole: tags of its experiment.
        curves: Where curves come from; None where the records hold them.
        elsewhere: Runs of the study whose values may not stand beside these, grouped likewise.
        former: Of the unplaced runs those of other settings than the study has at present.
    """

    study: Study
    identity: Identity
    measured_with: MeasuredWith
    cells: tuple[CellRuns, ...]
    unplaced_runs: tuple[RecordedRun, ...]
    pictures: Pictures
    trials: tuple[RecordedRun, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    curves: Curves | None = None
    elsewhere: tuple[Results, ...] = ()
    former: tuple[RecordedRun, ...] = ()

    @property
    def groups(self) -> tuple[Results, ...]:
        """These, then those measured in another way."""
        return (self, *self.elsewhere)

    @property
    def arms(self) -> list[str]:
        """What is compared, in the study's order."""
        return [arm.name for arm in self.study.arms]

    @property
    def arm_cells(self) -> list[CellRuns]:
        """The cells of every arm."""
        return [place for arm in self.arms for place in self.cells_of(arm)]

    @property
    def arm_runs(self) -> list[RecordedRun]:
        """The runs that are compared: no baselines."""
        return [run for place in self.arm_cells for run in place.every]

    @property
    def x_name(self) -> str:
        """``depth``: the x factor as it is shown; empty where the study has none."""
        return short(self.study.x or "")

    def budget(self, share: float = 1) -> str:
        """A share of the real images per run, ``24,000``; ``24,000 to 32,000`` where they differ."""
        texts = (run.param("train.num_images") for run in self.arm_runs)
        return span((share * int(text) for text in texts if text), count)

    @property
    def chosen_cells(self) -> list[CellRuns]:
        """The chosen cell of every arm that has one, with the runs of its headline."""
        return [place for arm in self.arms if (place := self.headline(arm))]

    @property
    def baselines(self) -> list[CellRuns]:
        """The baselines that have a run."""
        return [p for p in self.cells if p.cell.baseline and p.runs]

    @property
    def runs(self) -> list[RecordedRun]:
        """Every run that is used, in the plan's order."""
        return [run for place in self.cells for run in place.every]

    @property
    def selection_metric(self) -> str:
        """The validation measure that selection reads, ``val/fd_digits_n297``; may be empty."""
        return self.measured_with.selection_metric

    @property
    def selection_metric_name(self) -> str:
        """``fd_digits_n297``; while no run has said it, ``fd``."""
        return self.selection_metric.partition("/")[2] or "fd"

    @property
    def has_points(self) -> bool:
        """Whether an image is a point of the plane."""
        return MeasureName.parse(self.selection_metric_name).detector == POINTS

    @property
    def test_metric_name(self) -> str:
        """``fd_digits_n500``."""
        return self.test_metric.partition("/")[2]

    @cached_property
    def test_metric(self) -> str:
        """The same measure on the whole test split: the largest n, ``test/fd_digits_n500``."""
        name = replace(MeasureName.parse(self.selection_metric_name), split="test")
        return str(next((m for m in largest(self.measured) if m.series == name.series), name))

    @cached_property
    def elbos(self) -> list[str]:
        """Every ELBO and exact log-likelihood that some run has on test; each is a column of its own."""
        return [m.name for m in self.measured if m.split == "test" and m.measure in ELBOS]

    @cached_property
    def measured(self) -> list[MeasureName]:
        """The names of all values that some run has, in order."""
        metrics = {m for run in self.runs for m in run.record.metrics}
        return [MeasureName.parse(name) for name in sorted(metrics)]

    def cells_of(self, arm: str) -> list[CellRuns]:
        """The arm's cells in the plan's order."""
        return [p for p in self.cells if p.arm == arm and not p.cell.baseline]

    def baseline(self, name: str) -> CellRuns | None:
        """The baseline of that name, if it was run."""
        return next((p for p in self.baselines if p.arm == name), None)

    def chosen(self, arm: str) -> CellRuns | None:
        """The arm's cell with the lowest mean validation measure.

        Cells that lost a run are passed over while the arm has one that lost none.
        """
        return self._chosen.get(arm)

    def headline(self, arm: str) -> CellRuns | None:
        """The chosen cell with the runs that say how good it is: on fresh seeds where there are any."""
        chosen = self.chosen(arm)
        return chosen and chosen.headline

    @cached_property
    def _chosen(self) -> dict[str, CellRuns | None]:
        return {arm: self._choose(arm) for arm in self.arms}

    def _choose(self, arm: str) -> CellRuns | None:
        """Of a search what it found, which fresh seeds had no part in; else the best on validation."""
        cells = self.cells_of(arm)
        found = [p for p in cells if p.runs and p.cell.factors.get(SETTINGS) == FOUND]
        return found[0] if found else _chosen_of(cells, self.selection_metric)

    def along_x(self, arm: str) -> list[tuple[Scalar, CellRuns]]:
        """The arm's cells along the x factor, other factors as in the chosen cell."""
        x, chosen = self.study.x, self.chosen(arm)
        if x is None or chosen is None:
            return []
        others = {k: v for k, v in chosen.cell.factors.items() if k != x}
        return [
            (p.cell.factors[x], p)
            for p in self.cells_of(arm)
            if all(p.cell.factors[k] == v for k, v in others.items())
        ]

    def lines(self, arm: str) -> list[tuple[str, CellRuns]]:
        """What curves show of an arm: the cells along x, else its chosen cell; with labels."""
        if self.study.x is not None:
            return [(str(value), place) for value, place in self.along_x(arm)]
        chosen = self.chosen(arm)
        return [("chosen", chosen)] if chosen else []

    @property
    def x_values(self) -> list[str]:
        """Labels of the lines in the plan's order, the same for every figure."""
        found = (label for arm in self.arms for label, _ in self.lines(arm))
        return list(dict.fromkeys(found))

    def points(self, runs: Iterable[RecordedRun], name: str) -> dict[str, list[Point]]:
        """The finite points of a curve by run, read for all runs at once."""
        logged = {run.record.run_id: run for run in runs if run.has_curve(name)}
        found: Mapping[str, Sequence[Point]]
        if self.curves is None or not logged:
            found = {key: run.record.histories.get(name, []) for key, run in logged.items()}
        else:
            found = self.curves(list(logged), name)
        finite = {key: [(x, y) for x, y in each if math.isfinite(y)] for key, each in found.items()}
        return {key: points for key, points in finite.items() if points}

    def label(self, place: CellRuns) -> str:
        """``depth 3``: the factors that vary within the arm, with this cell's values."""
        peers = self.cells_of(place.arm)
        return ", ".join(
            f"{short(key)} {value}"
            for key, value in place.cell.factors.items()
            if len({p.cell.factors[key] for p in peers}) > 1
        )


def once(compute: Callable[[Results], T]) -> Callable[[Results], T]:
    """The same function, which computes at the first call and keeps what came out."""
    known: WeakKeyDictionary[Results, T] = WeakKeyDictionary()

    @wraps(compute)
    def kept(results: Results) -> T:
        if results not in known:
            known[results] = compute(results)
        return known[results]

    return kept


def short(key: str) -> str:
    """A flat key without its prefix."""
    return key.rpartition(".")[2]


def read_results(
    study: Study,
    identity: Identity,
    records: Sequence[RunRecord],
    pictures: Pictures,
    *,
    facts: Mapping[str, str] | None = None,
    curves: Curves | None = None,
) -> Results:
    """Groups the records by what they were measured with; detectors, data and measures may differ.

    The group with the most runs holds the others. Runs that do not say what they were measured
    with (they ended before) belong to it.

    Raises:
        UsageError: There is no record at all, the study has no such tier, or runs are of several
            settings of which none is known to be the present one.
    """
    if not records:
        raise UsageError(
            f"study '{identity.key}' has no runs to report: "
            f"start it with bench run {identity.flags()}"
        )
    every = [RecordedRun(record) for record in sorted(records, key=lambda r: r.run_id)]
    counted = [run for run in every if not run.is_trial and not run.is_superseded]
    runs, former = of_present_settings(study, identity, counted, facts or {})
    superseded = tuple(run for run in every if run.is_superseded)
    trials = tuple(sorted((run for run in every if run.is_trial), key=lambda run: run.trial))
    cells = [*study.cells(identity.tier), *_outside_cells(runs)]
    # While the search still runs, its trials alone say what is measured.
    contexts = _contexts(runs or trials or superseded, {c.arm for c in cells if c.baseline})
    groups: dict[MeasuredWith, list[RecordedRun]] = {context: [] for context in contexts}
    for run in runs:
        groups[next(c for c in contexts if c.admits(run.measured_with))].append(run)
    group = partial(
        Results,
        study=study,
        identity=identity,
        pictures=pictures,
        facts=facts or {},
        curves=curves,
    )
    found = []
    for context, members in groups.items():
        everything, unplaced = into_cells(cells, members, identity.overrides)
        places, overtaken = _without_overtaken(everything, context.selection_metric)
        found.append((context, places, (*unplaced, *overtaken)))
    (context, places, unplaced), *others = found
    return group(
        measured_with=context,
        cells=places,
        unplaced_runs=(*unplaced, *superseded, *former),
        former=tuple(former),
        trials=trials,
        elsewhere=tuple(group(measured_with=c, cells=p, unplaced_runs=u) for c, p, u in others),
    )


def _chosen_of(places: Sequence[CellRuns], metric: str) -> CellRuns | None:
    best = choice([p.mean(metric) for p in places], [p.num_lost for p in places])
    return None if best is None else places[best]


def _without_overtaken(
    places: Sequence[CellRuns], metric: str
) -> tuple[tuple[CellRuns, ...], list[RecordedRun]]:
    """The places with fresh seeds of chosen cells alone, and those of cells that were chosen once."""
    arms: dict[str, list[CellRuns]] = {}
    for place in places:
        arms.setdefault(place.arm, []).append(place)
    chosen = {id(_chosen_of(each, metric)) for each in arms.values()}
    rest = [run for place in places if id(place) not in chosen for run in place.confirming]
    return tuple(p if id(p) in chosen else replace(p, confirming=()) for p in places), rest


def _contexts(runs: Iterable[RecordedRun], baselines: set[str]) -> list[MeasuredWith]:
    """The distinct contexts: those of most compared runs first, baselines' own last."""
    counts = Counter(run.measured_with for run in runs if run.arm not in baselines)
    ranked = sorted(counts, key=lambda c: (not c.selection_metric, -counts[c], str(c)))
    ranked += sorted({run.measured_with for run in runs if run.arm in baselines}, key=str)
    kept: list[MeasuredWith] = []
    for context in ranked:
        if not any(other.admits(context) for other in kept):
            kept.append(context)
    return kept


def _outside_cells(runs: Iterable[RecordedRun]) -> list[Cell]:
    """One place for each name that `bench eval --images` put into the study."""
    names = sorted({run.arm for run in runs if run.is_outside})
    return [Cell(arm=name, model=OUTSIDE, factors={}, settings={}, baseline=True) for name in names]
