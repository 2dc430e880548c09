"""What a study file says: a question, arms, factors and the budget of each tier. Data only."""

from __future__ import annotations

import itertools
import math
import shlex
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from bench.config import Settings, dataset_slug, digest
from bench.dataset_names import DatasetName
from bench.errors import UsageError
from bench.plan.claim import Claim, Published
from bench.plan.space import MOST_TRIAL_SEEDS, MOST_TRIALS, SETTINGS, Search, Space
from bench.records import Scalar
from bench.registry import closest

FlatValues = dict[str, Scalar]

FRESH_SEED = 1000
"""The first seed that no choice has seen: of what a search found, of a sweep's chosen cells."""

MOST_SEEDS, MOST_CELLS = FRESH_SEED, 10_000
"""Of a cell, and of a study; more of them no report shows."""

RESERVED = {"data.dataset": "--dataset", "train.seed": "--seeds"}
"""Keys that say which study it is, or which run of a cell: options and no factors."""


class Arm(Settings):
    """One side of the comparison: a model with its own settings.

    Attributes:
        name: Label in tables and figures, the tag ``family``.
        model: Registered model, or ``MODEL:PRESET``.
        settings: Flat keys over the model's defaults.
        factors: Factors of this arm alone (a search over its settings).
    """

    name: str
    model: str
    settings: FlatValues = Field(default_factory=dict)
    factors: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)


class Tier(Settings):
    """A size of the study, never another code path.

    Attributes:
        dataset: Default data set.
        settings: Flat keys for every arm: the budget.
        arms: Arm name to flat keys: the training settings chosen for this tier.
        known: Arm name to what former searches found on this data set, which a search tries first.
        seeds: How many, unless ``--seeds`` says otherwise.
        trials: Of a search, for each arm; None takes the search's own number.
        trial_share: Of the images of a run, that a trial sees; None takes the search's own.
        finalist_seeds: Of each finalist of a search, 0, 1, ...; at least as many as a trial has.
        takes: How long it was measured to take, and where.
    """

    dataset: str
    settings: FlatValues = Field(default_factory=dict)
    arms: dict[str, FlatValues] = Field(default_factory=dict)
    known: dict[str, tuple[FlatValues, ...]] = Field(default_factory=dict)
    seeds: int = Field(3, ge=1, le=MOST_SEEDS)
    trials: int | None = Field(None, ge=1, le=MOST_TRIALS)
    trial_share: float | None = Field(None, gt=0, le=1)
    finalist_seeds: int = Field(1, ge=1, le=MOST_TRIAL_SEEDS)
    takes: str = ""


LOOK_EVERY, AT_LOOKS, MOST_AT_LOOKS = 5, 20, 100
"""How many seeds a study that goes on until it is decided adds at a time, has at most where nothing is
asked for, and may be asked to have."""


def looks(most: int) -> tuple[int, ...]:
    """Numbers of seeds at which such a study is looked at: ``(5, 10, 15, 20)``."""
    return (*range(LOOK_EVERY, most, LOOK_EVERY), most)


DISTANCE = "distance"
"""Stands for the headline distance, whose name carries the detector and n."""


class Planned(Settings):
    """One comparison that a study declares before it is run (protocol rule 21).

    Attributes:
        a: An arm.
        b: Another arm.
        measure: ``distance``, or the name of a test value such as ``class_accuracy``.
        better: Which direction of ``measure`` is better.
        smallest: The smallest difference that matters, of distances as the logarithm of a ratio: a
            study that goes on until it is decided stops where it excludes one.
    """

    a: str
    b: str
    measure: str = DISTANCE
    better: Literal["lower", "higher"] = "lower"
    smallest: float | None = Field(None, gt=0)

    @property
    def matters(self) -> float | None:
        """The smallest difference that matters: of distances a quarter where nothing is declared."""
        return (
            math.log(1.25) if self.smallest is None and self.measure == DISTANCE else self.smallest
        )

    @model_serializer(mode="wrap")
    def _said(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a size that is not declared: a study that declares none has the text that it had."""
        return {k: v for k, v in whole(self).items() if k != "smallest" or v is not None}


class Study(Settings):
    """A question and the full grid of runs that answers it, or the search that does.

    Attributes:
        name: The file's name without ``.py``.
        question: One sentence that ends in a question mark.
        arms: What is compared.
        factors: Factor key to its values, crossed with every arm; the first one with more
            than one value is the x-axis of the figures.
        search: Looks for each arm's best configuration in place of a grid; fresh seeds of that
            configuration are the study's runs then.
        confirm: Whether an arm's best cell is run again on fresh seeds, from which the headline is
            then; the seeds it was chosen by flatter it.
        hold_parameters: A cell of the grid whose number of parameters all the others get, by
            another ``model.width`` (protocol rule 23).
        baselines: Models measured once beside the arms (protocol rule 4).
        comparisons: What is tested; every pair of arms by distance where nothing is declared.
        claims: What others reported of this experiment; the report sets ours beside it.
        published: Numbers of publications; the page of replications sets ours beside them.
        tiers: By name; ``classroom`` is the default.
        notes: Sentences that the report prints under its protocol.
    """

    name: str
    question: str
    arms: tuple[Arm, ...] = Field(min_length=1)
    factors: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    search: Search | None = None
    confirm: bool = True
    hold_parameters: FlatValues | None = None
    baselines: tuple[str, ...] = ()
    comparisons: tuple[Planned, ...] = ()
    claims: tuple[Claim, ...] = ()
    published: tuple[Published, ...] = ()
    tiers: dict[str, Tier]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arm names must differ, got {names}")
        for tier, plan in self.tiers.items():
            if unknown := {*plan.arms, *plan.known} - set(names):
                raise ValueError(f"tier {tier} has settings for unknown arms {sorted(unknown)}")
        for planned in self.comparisons:
            if planned.a == planned.b or not {planned.a, planned.b} <= set(names):
                raise ValueError(
                    f"a comparison is of two arms of {names}, got '{planned.a}' and '{planned.b}'"
                )
        for claim in self.claims:
            if unknown := set(claim.arms) - set(names):
                raise ValueError(f"a claim is about arms of {names}, got {sorted(unknown)}")
        for number in self.published:
            if unknown := {number.arm, number.against or number.arm} - set(names):
                raise ValueError(f"a published number is of arms of {names}, got {sorted(unknown)}")
        return self

    @model_validator(mode="after")
    def _chooses_what_is_not_reserved(self) -> Self:
        chosen = {*self.factors, *(key for arm in self.arms for key in arm.factors)}
        chosen |= {key for space in self.spaces.values() for key in space}
        for key, option in RESERVED.items():
            if key in chosen:
                raise ValueError(
                    f"'{key}' is no factor, every run has it from {option}: leave it out"
                )
        return self

    @model_validator(mode="after")
    def _precision_is_decided_for_all(self) -> Self:
        varied = [self.factors, *(arm.factors for arm in self.arms)]
        varied += [{k: r.samples for k, r in space.items()} for space in self.spaces.values()]
        for each in varied:
            for key, values in each.items():
                if key.endswith("precision") and "auto" in values:
                    raise ValueError(
                        f"'{key}' cannot vary with auto, which is decided once for all runs: take fp32, "
                        "bf16 or tf32"
                    )
        return self

    @model_validator(mode="after")
    def _cells_can_be_counted(self) -> Self:
        for arm in self.arms:
            factors = {**self.factors, **arm.factors}
            cells = math.prod(len(values) for values in factors.values())
            if cells > MOST_CELLS:
                raise ValueError(
                    f"the factors of arm '{arm.name}' cross to {cells:,} cells: at most "
                    f"{MOST_CELLS:,} can be run"
                )
        return self

    @model_validator(mode="after")
    def _search_has_no_grid(self) -> Self:
        if self.search is None:
            return self
        names = [arm.name for arm in self.arms]
        if set(self.search.spaces) != set(names):
            raise ValueError(
                f"a search has a space for each arm {names}, got {list(self.search.spaces)}"
            )
        if self.factors or any(arm.factors for arm in self.arms):
            raise ValueError("a study has factors or a search: leave one of them out")
        return self

    @model_validator(mode="after")
    def _reference_is_a_cell_of_the_grid(self) -> Self:
        wanted = self.hold_parameters
        if wanted is None:
            return self
        known = self.factors
        if not wanted or any(value not in known.get(key, ()) for key, value in wanted.items()):
            raise ValueError(f"hold_parameters names values of factors {dict(known)}, got {wanted}")
        if "model.width" in self.factors:
            raise ValueError("hold_parameters sets model.width: it cannot be a factor as well")
        return self

    @property
    def planned(self) -> tuple[Planned, ...]:
        """The declared comparisons; every pair of arms by distance where none is declared."""
        if self.comparisons:
            return self.comparisons
        pairs = itertools.combinations([arm.name for arm in self.arms], 2)
        return tuple(Planned(a=a, b=b) for a, b in pairs)

    @property
    def spaces(self) -> dict[str, Space]:
        """Arm to what its trials choose from; empty where nothing is searched."""
        return self.search.spaces if self.search else {}

    def trial_share(self, tier: str) -> float:
        """Of the images of a run, that a trial sees."""
        share = self.tier(tier).trial_share
        return share or (self.search.share if self.search else 1.0)

    @property
    def _found_or_known(self) -> dict[str, tuple[Scalar, ...]]:
        """The factor of a search that runs what it found beside what was known."""
        return {SETTINGS: self.search.settings} if self.search and self.search.known else {}

    @property
    def x(self) -> str | None:
        """The factor on the x-axis, or None."""
        return next((key for key, values in self.factors.items() if len(values) > 1), None)

    def tier(self, name: str) -> Tier:
        """The tier of that name.

        Raises:
            UsageError: The study has no such tier.
        """
        if name not in self.tiers:
            raise UsageError(closest(name, self.tiers, kind="tier", what=f"tiers of {self.name}"))
        return self.tiers[name]

    def cells(self, tier: str) -> list[Cell]:
        """Every (arm, factor values) of the grid, arms outermost; baselines last."""
        plan = self.tier(tier)
        cells = []
        for arm in self.arms:
            factors = {**self.factors, **arm.factors, **self._found_or_known}
            for values in itertools.product(*factors.values()):
                chosen = dict(zip(factors, values, strict=True))
                settings = {
                    **plan.settings,
                    **arm.settings,
                    **plan.arms.get(arm.name, {}),
                    **{key: value for key, value in chosen.items() if key != SETTINGS},
                }
                cells.append(Cell(arm=arm.name, model=arm.model, factors=chosen, settings=settings))
        kept = {k: v for k, v in plan.settings.items() if k.startswith("eval.")}
        return cells + [
            Cell(arm=name, model=name, factors={}, settings=kept, baseline=True)
            for name in self.baselines
        ]


class Cell(Settings):
    """One place of the grid, to be run once per seed; a baseline has one run, seed 0.

    ``matched`` is what was chosen for it to have as many parameters as the others; it lies over
    ``--set``.
    """

    arm: str
    model: str
    factors: FlatValues
    settings: FlatValues
    baseline: bool = False
    matched: FlatValues = Field(default_factory=dict)


class Identity(Settings):
    """What makes two commands the same study (design: study, tier, data set, ``--set`` values)."""

    study: str
    tier: str
    dataset: DatasetName
    overrides: dict[str, str] = Field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.key)

    def names_same(self, other: Identity) -> bool:
        """Whether both mean one study, however the keys of ``--set`` were spelled."""
        return self._short() == other._short()

    def _short(self) -> tuple[str, str, str, dict[str, str]]:
        short = {key.rpartition(".")[2]: value for key, value in self.overrides.items()}
        return self.study, self.tier, self.dataset, short

    @property
    def key(self) -> str:
        """Name of the experiment in MLflow and of the folder under ``--root``."""
        name = f"{self.study}-{self.tier}-{dataset_slug(self.dataset)}"
        return f"{name}-{digest(self.overrides)[:6]}" if self.overrides else name

    def flags(self) -> str:
        """The options of ``bench run`` and ``bench report`` that name this identity."""
        sets = "".join(
            f" --set {shlex.quote(f'{key}={value}')}"
            for key, value in sorted(self.overrides.items())
        )
        return (
            f"--study {self.study} --tier {self.tier} --dataset {shlex.quote(self.dataset)}{sets}"
        )
