"""The runs of a study, resolved: which configuration, which seed. Nothing runs here."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench import datasets
from bench.config import RunConfig, digest, full_key, known_keys
from bench.errors import UsageError
from bench.models import configure, find
from bench.plan.space import corners
from bench.plan.study import Cell, FlatValues, Identity, Study
from bench.records import DataSpec
from bench.study.widths import nearest_width, parameters_of

RESERVED = {"data.dataset": "--dataset", "train.seed": "--seeds"}
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
    def label(self) -> str:
        """Short name, such as ``gan depth=3 seed=1`` or ``gan trial=4``; one of a kind in a study."""
        number = f"seed={self.seed}" if self.trial is None else f"trial={self.trial}"
        return f"{self.name} {number}"

    @property
    def name(self) -> str:
        """Short name of its cell, such as ``gan depth=3``."""
        factors = (f"{k.rpartition('.')[2]}={v}" for k, v in self.cell.factors.items())
        return " ".join([self.cell.arm, *factors])

    @property
    def role(self) -> str:
        """``run``, ``baseline`` or ``search``."""
        if self.trial is not None:
            return "search"
        return "baseline" if self.cell.baseline else "run"

    @property
    def key(self) -> str:
        """Name of its folder: two trials of one configuration are two."""
        if self.trial is None:
            return self.config.digest
        named = {"arm": self.cell.arm, "trial": self.trial, "config": self.config.digest}
        return f"trial{self.trial}-{digest(named)}"


def expand(
    study: Study,
    identity: Identity,
    num_seeds: int,
    best: Mapping[str, FlatValues] | None = None,
) -> list[PlannedRun]:
    """Every run of the grid, seed by seed, so that a study half done is a whole one of fewer seeds.

    Of a study that searches, fresh seeds of what it found, ``best`` by arm, for the arms that
    are there; before the search (None) a configuration in the middle of each space stands in.

    Raises:
        UsageError: A ``--set`` key that no model of the study knows, that is a factor, or
            that has an option of its own; or a value out of range.
    """
    cells = [_found(study, cell, best) for cell in study.cells(identity.tier)]
    if best is not None:
        cells = [cell for cell in cells if cell.baseline or cell.arm in best]
    _check_overrides(identity.overrides, cells, searched(study))
    if study.hold_parameters:
        cells = [cell if cell.baseline else held(study, cell, identity) for cell in cells]
    first = FRESH_SEED if study.search else 0
    return [
        PlannedRun(cell=cell, seed=seed, config=configured(cell, identity, seed))
        for number in range(num_seeds)
        for cell in cells
        for seed in [0 if cell.baseline else first + number]
        if number == 0 or not cell.baseline
    ]


def stand_ins(study: Study, identity: Identity, num_trials: int) -> list[PlannedRun]:
    """The trials of a search before it chooses, each in the middle of its space, arms in turn."""
    if study.search is None:
        return []
    first = [
        trial_of(study, identity, arm, study.search.middle(arm)) for arm in study.search.spaces
    ]
    return [replace(run, trial=number) for number in range(num_trials) for run in first]


def trial_of(study: Study, identity: Identity, arm: str, values: FlatValues) -> PlannedRun:
    """A run of one trial's configuration, number 0."""
    assert study.search is not None
    cell = next(c for c in study.cells(identity.tier) if c.arm == arm)
    settings = {
        **cell.settings,
        "train.num_validations": study.search.validations,
        **values,
    }
    cell = cell.model_copy(update={"settings": settings})
    return PlannedRun(cell=cell, seed=0, config=configured(cell, identity, 0), trial=0)


def require_spaces(study: Study, identity: Identity) -> None:
    """Nothing where a model takes every end of its space.

    Raises:
        UsageError: A key that the model does not know, or a value out of its range.
    """
    for arm in study.arms if study.search else ():
        assert study.search is not None
        for values in corners(study.search.spaces[arm.name]):
            trial_of(study, identity, arm.name, values)


def searched(study: Study) -> dict[str, list[str]]:
    """Every key that some arm's search chooses, with those arms."""
    found: dict[str, list[str]] = {}
    for arm, space in (study.search.spaces if study.search else {}).items():
        for key in space:
            found.setdefault(key, []).append(arm)
    return found


def full_overrides(study: Study, tier: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """``--set`` values with full keys, so that two spellings are one identity."""
    named: dict[str, str] = {}
    for cell in study.cells(tier):
        known = _keys(cell.model)
        for key, value in overrides.items():
            if _fits(key, known):
                named[full_key(key, known)] = value
    unknown = [key for key in overrides if not any(_same(key, full) for full in named)]
    if unknown:
        _check_overrides({key: overrides[key] for key in unknown}, study.cells(tier), {})
    return dict(sorted(named.items()))


def configured(cell: Cell, identity: Identity, seed: int) -> RunConfig:
    """What a cell's run with that seed does."""
    fixed = {"data.dataset": identity.dataset, "train.seed": seed}
    overrides = _known(identity.overrides, cell.model)
    return configure(cell.model, cell.settings, overrides, cell.held, fixed)


def held(study: Study, cell: Cell, identity: Identity) -> Cell:
    """The cell with the width at which it has most nearly the parameters of the reference."""
    reference = _parameters(_reference(study, cell), identity)
    width = nearest_width(lambda w: _parameters(_of_width(cell, w), identity), reference)
    return _of_width(cell, width)


def held_deviation(study: Study, identity: Identity) -> float:
    """How far the numbers of parameters are from the reference's at most, as a share of it."""
    cells = [cell for cell in study.cells(identity.tier) if not cell.baseline]
    shares = [
        _parameters(held(study, cell, identity), identity)
        / _parameters(_reference(study, cell), identity)
        for cell in cells
    ]
    return max(abs(share - 1) for share in shares)


def _reference(study: Study, cell: Cell) -> Cell:
    settings = {**cell.settings, **(study.hold_parameters or {})}
    return cell.model_copy(update={"settings": settings})


def _of_width(cell: Cell, width: int) -> Cell:
    return cell.model_copy(update={"held": {"model.width": width}})


def _parameters(cell: Cell, identity: Identity) -> int:
    return parameters_of(configured(cell, identity, 0), _spec(identity.dataset))


@functools.cache
def _spec(dataset: str) -> DataSpec:
    return datasets.load(dataset).spec


def arm_names(study: Study) -> list[str]:
    """Arms and baselines, in the study's order."""
    return [*(arm.name for arm in study.arms), *study.baselines]


def _found(study: Study, cell: Cell, best: Mapping[str, FlatValues] | None) -> Cell:
    """The cell of a searched arm with what was found for it."""
    if study.search is None or cell.baseline:
        return cell
    values = study.search.middle(cell.arm) if best is None else best.get(cell.arm, {})
    return cell.model_copy(update={"settings": {**cell.settings, **values}})


def _keys(model: str) -> list[str]:
    return known_keys(find(model)[1].settings)


def _fits(key: str, known: list[str]) -> bool:
    return any(_same(key, full) for full in known)


def _same(key: str, full: str) -> bool:
    return key == full or ("." not in key and full.split(".", 1)[1] == key)


def _known(overrides: Mapping[str, str], model: str) -> dict[str, str]:
    known = _keys(model)
    return {key: value for key, value in overrides.items() if _fits(key, known)}


def _check_overrides(
    overrides: Mapping[str, str], cells: Sequence[Cell], searched_keys: Mapping[str, list[str]]
) -> None:
    everything = sorted({key for cell in cells for key in _keys(cell.model)})
    factors = {key for cell in cells for key in cell.factors}
    for key in overrides:
        full = full_key(key, everything)
        if full in RESERVED:
            raise UsageError(
                f"'{key}' has an option of its own: use {RESERVED[full]} instead of --set"
            )
        if full in factors:
            raise UsageError(
                f"'{key}' is a factor of this study, which runs all its values: leave it out"
            )
        if full in searched_keys:
            raise UsageError(
                f"'{key}' is what this study searches for {', '.join(searched_keys[full])}: leave "
                "it out"
            )
