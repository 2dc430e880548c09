"""The runs of a study, resolved: which configuration, which seed. Nothing runs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench import datasets
from bench.config import RunConfig, digest
from bench.plan.space import bounds, middle
from bench.plan.study import Cell, FlatValues, Identity, Study
from bench.records import DataSpec
from bench.study.cells import check_overrides, configured, matched
from bench.training.ends import StageName

FRESH_SEED = 1
"""The first seed after a search, whose trials have seed 0."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of the grid, or one trial of a search.

    Attributes:
        cell: Its place.
        seed: Its seed; 0 for a baseline and for a trial.
        config: What it does.
        trial: Its number among the trials of its arm; None for a run.
        sampler: What chose a trial's configuration, ``random`` or ``tpe``.
    """

    cell: Cell
    seed: int
    config: RunConfig
    trial: int | None = None
    sampler: str = ""

    @property
    def stage(self) -> StageName:
        """What it may do: a trial reads validation alone and may be ended early."""
        return "run" if self.trial is None else "trial"

    @property
    def number(self) -> int:
        """A trial's number, a run's seed."""
        return self.seed if self.trial is None else self.trial

    @property
    def label(self) -> str:
        """Short name, such as ``gan depth=3 seed=1`` or ``gan trial=4``; one of a kind in a study."""
        return f"{self.name} {'seed' if self.stage == 'run' else 'trial'}={self.number}"

    @property
    def name(self) -> str:
        """Short name of its cell, such as ``gan depth=3``."""
        factors = (f"{k.rpartition('.')[2]}={v}" for k, v in self.cell.factors.items())
        return " ".join([self.cell.arm, *factors])

    @property
    def role(self) -> str:
        """``run``, ``baseline`` or ``search``."""
        if self.stage == "trial":
            return "search"
        return "baseline" if self.cell.baseline else "run"

    @property
    def key(self) -> str:
        """Name of its folder: two trials of one configuration are two."""
        if self.stage == "run":
            return self.config.digest
        named = {"arm": self.cell.arm, "trial": self.trial, "config": self.config.digest}
        return f"trial{self.trial}-{digest(named)}"


def expand(
    study: Study,
    identity: Identity,
    num_seeds: int,
    best: Mapping[str, FlatValues] | None = None,
    *,
    spec: DataSpec | None = None,
) -> list[PlannedRun]:
    """Every run of the grid, seed by seed, so that a study half done is a whole one of fewer seeds.

    Of a study that searches, fresh seeds of what it found, ``best`` by arm, for the arms that
    are there; before the search (None) a configuration in the middle of each space stands in.
    ``spec`` is of the data set, which is loaded without it where widths are matched.

    Raises:
        UsageError: A ``--set`` key that no model of the study knows, that is a factor, or
            that has an option of its own; or a value out of range.
    """
    cells = [_found(study, cell, best) for cell in study.cells(identity.tier)]
    if best is not None:
        cells = [cell for cell in cells if cell.baseline or cell.arm in best]
    check_overrides(study, cells, list(identity.overrides))
    if study.hold_parameters:
        spec = spec or datasets.load(identity.dataset).spec
        cells = [matched(study, cell, identity, spec) for cell in cells]
    first = FRESH_SEED if study.search else 0
    return [
        PlannedRun(cell=cell, seed=seed, config=configured(cell, identity, seed))
        for number in range(num_seeds)
        for cell in cells
        for seed in [0 if cell.baseline else first + number]
        if number == 0 or not cell.baseline
    ]


def placeholder_trials(study: Study, identity: Identity, num_trials: int) -> list[PlannedRun]:
    """The trials of a search before it chooses, each in the middle of its space, arms in turn."""
    first = [trial_of(study, identity, arm, middle(space)) for arm, space in study.spaces.items()]
    return [replace(run, trial=number) for number in range(num_trials) for run in first]


def trial_of(
    study: Study,
    identity: Identity,
    arm: str,
    values: FlatValues,
    *,
    number: int = 0,
    sampler: str = "",
) -> PlannedRun:
    """A trial of an arm with the values chosen for it."""
    cell = next(c for c in study.cells(identity.tier) if c.arm == arm)
    validations = {"train.num_validations": study.search.validations} if study.search else {}
    cell = cell.model_copy(update={"settings": {**cell.settings, **validations, **values}})
    config = configured(cell, identity, 0)
    return PlannedRun(cell=cell, seed=0, config=config, trial=number, sampler=sampler)


def require_spaces(study: Study, identity: Identity) -> None:
    """Nothing where a model takes every end of its space.

    Raises:
        UsageError: A key that the model does not know, or a value out of its range.
    """
    for arm, space in study.spaces.items():
        for values in bounds(space):
            trial_of(study, identity, arm, values)


def _found(study: Study, cell: Cell, best: Mapping[str, FlatValues] | None) -> Cell:
    """The cell of a searched arm with what was found for it."""
    if cell.baseline or not study.search:
        return cell
    values = middle(study.spaces[cell.arm]) if best is None else best.get(cell.arm, {})
    return cell.model_copy(update={"settings": {**cell.settings, **values}})
