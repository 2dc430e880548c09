"""What ``bench run`` was asked for, resolved once: the study, its runs and where they go."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import Precision, RunConfig, digest, in_precision, parse_assignments
from bench.errors import UsageError
from bench.measures import choice, mean_of
from bench.plan.space import (
    FINALIST,
    KNOWN,
    MOST_TRIAL_SEEDS,
    MOST_TRIALS,
    SETTINGS,
    bounds,
    middle,
)
from bench.plan.study import (
    FRESH_SEED,
    MOST_AT_LOOKS,
    MOST_SEEDS,
    Cell,
    FlatValues,
    Identity,
    Study,
    looks,
)
from bench.records import CONFIRM, DataSpec, TrialResult
from bench.study.cells import configured, full_overrides, known_settings, matched
from bench.text import remember, shown
from bench.tracking.address import sqlite_uri
from bench.training.checkpoint import load_result

if TYPE_CHECKING:
    import torch

    from bench.training.run import StageName

OPTUNA = "optuna.db"
"""Optuna's database in the study's folder."""

MOST_LETTERS = 80
"""Of a wrong option that its remedy repeats."""

MOST_RUNS = 100_000
"""Of a study; MLflow lists no more of them in one experiment in a bearable time."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of the grid, or one trial of a search.

    Attributes:
        cell: Its place.
        seed: Its seed; 0 for a baseline, from 0 for a trial.
        config: What it does.
        trial: Its number among the trials of its arm; None for a run.
        confirms: Whether its seed is a fresh one of a cell that was chosen.
        sampler: What chose a trial's configuration, ``known``, ``random``, ``tpe`` or ``FINALIST``.
    """

    cell: Cell
    seed: int
    config: RunConfig
    trial: int | None = None
    sampler: str = ""
    confirms: bool = False

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
        if self.stage == "run":
            return f"{self.name} seed={self.seed}"
        kind = FINALIST if self.is_finalist else "trial"
        return f"{self.name} {kind}={self.number}" + (f" seed={self.seed}" if self.seed else "")

    @property
    def name(self) -> str:
        """Short name of its cell, such as ``gan depth=3``."""
        factors = (f"{k.rpartition('.')[2]}={v}" for k, v in self.cell.factors.items())
        return " ".join([self.cell.arm, *factors])

    @property
    def is_finalist(self) -> bool:
        """Whether it is a trial of a search's second stage."""
        return self.sampler == FINALIST

    @property
    def role(self) -> str:
        """``run``, ``baseline``, ``search`` or ``CONFIRM``."""
        if self.stage == "trial":
            return "search"
        if self.confirms:
            return CONFIRM
        return "baseline" if self.cell.baseline else "run"

    @cached_property
    def digest(self) -> str:
        """Of its configuration."""
        return self.config.digest

    @cached_property
    def key(self) -> str:
        """Name of its folder: two trials of one configuration are two."""
        if self.stage == "run":
            return self.digest
        named = {"arm": self.cell.arm, "trial": self.trial, "config": self.digest}
        return f"trial{self.trial}-{digest(named)}"


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study under one identity, with all that its runs need.

    Attributes:
        study: The question.
        identity: Which tier, data set and ``--set`` values.
        num_seeds: Of each cell, and fresh ones of each that is chosen; of a search, fresh ones alone.
        only_seed: The one seed of each cell that is run here, the others somewhere else; None runs all.
        looks: Numbers of seeds at which it is asked whether all is decided; empty where it is not.
        compared: Seeds of what is compared, until the next look; 0 for as many as ``num_seeds``.
        num_trials: Of a search, for each arm alike; 0 for a grid.
        trial_seeds: Of each trial.
        device: For every run.
        deterministic: Whether a GPU is to repeat to the last bit.
        root: Holds the study's folder.
        storage: Optuna's storage; None takes ``optuna.db`` in the study's folder.
        plugins: Files that register things.
        command: What begins or continues it, for the tags of its runs.
        precision: What ``auto`` comes to, for every run that asks for it.
    """

    study: Study
    identity: Identity
    num_seeds: int
    only_seed: int | None = None
    looks: tuple[int, ...] = ()
    compared: int = 0
    num_trials: int = 0
    trial_seeds: int = 1
    device: torch.device
    deterministic: bool = False
    root: Path = Path("runs")
    storage: str | None = field(default=None, repr=False)
    plugins: tuple[Path, ...] = ()
    command: str = ""
    precision: Precision = "auto"

    @cached_property
    def folder(self) -> Path:
        """Checkpoints, results and, by default, Optuna's storage."""
        return self.root / self.identity.key

    @property
    def storage_url(self) -> str:
        """Optuna's storage."""
        return self.storage or sqlite_uri(self.folder / OPTUNA)

    def spec(self) -> DataSpec:
        """What models know of the data set."""
        from bench.datasets import spec_of

        first = self.configured(self.study.cells(self.identity.tier)[0], 0)
        return spec_of(first.data.dataset)

    def configured(self, cell: Cell, seed: int) -> RunConfig:
        """What a cell's run with that seed does."""
        return in_precision(configured(cell, self.identity, seed), self.precision)

    def runs(self, best: Mapping[str, FlatValues] | None = None) -> list[PlannedRun]:
        """Every run, seed by seed, so that a study half done is a whole one of fewer seeds.

        Of a study that searches, fresh seeds of what it found, ``best`` by arm, for the arms that
        are there; before the search (None) a configuration in the middle of each space stands in.
        """
        return list(self._planned) if best is None else self._runs(best)

    @cached_property
    def _planned(self) -> list[PlannedRun]:
        """Those of a grid, or of the middles of the spaces; made once, as there may be thousands."""
        return self._runs({arm: middle(space) for arm, space in self.study.spaces.items()})

    def _runs(self, found: Mapping[str, FlatValues]) -> list[PlannedRun]:
        study = self.study
        cells = study.cells(self.identity.tier)
        if study.search:
            cells = [c for cell in cells for c in self._after_search(cell, found)]
        if study.hold_parameters:
            spec = self.spec()
            cells = [matched(study, cell, self.identity, spec) for cell in cells]
        first = FRESH_SEED if study.search else 0
        return [
            PlannedRun(cell=cell, seed=seed, config=self.configured(cell, seed))
            for number in (
                range(self.seeds_of_a_cell[0]) if self.only_seed is None else [self.only_seed]
            )
            for cell in cells
            for seed in [0 if cell.baseline else first + number]
            if number == 0 or not cell.baseline
        ]

    @property
    def seeds_of_a_cell(self) -> tuple[int, int]:
        """How many a cell has, and fresh ones a cell that was chosen from others, to be compared by."""
        if self.only_seed is not None:
            return 1, 0
        compared = self.compared or self.num_seeds
        return (self.num_seeds, compared) if self.is_choosing else (compared, 0)

    @cached_property
    def is_choosing(self) -> bool:
        """Whether it is a sweep that runs what it chooses again, on fresh seeds; one seed chooses nothing."""
        if self.only_seed is not None:
            return False
        cells = Counter(c.arm for c in self.study.cells(self.identity.tier) if not c.baseline)
        return self.study.confirm and not self.study.search and any(n > 1 for n in cells.values())

    def confirming(self) -> list[PlannedRun]:
        """The chosen cell of each arm that has several, on as many fresh seeds as there are others.

        Chosen as a report does, from what has ended by now; of an arm of which nothing has, a cell
        in the middle stands in. What a search has found is on fresh seeds as it is.
        """
        chosen = self._chosen() if self.is_choosing else []
        return [
            PlannedRun(cell=cell, seed=seed, config=self.configured(cell, seed), confirms=True)
            for seed in range(FRESH_SEED, FRESH_SEED + (self.compared or self.num_seeds))
            for cell in chosen
        ]

    def everything(self) -> list[PlannedRun]:
        """All that is to be run, as far as is known by now."""
        return self.trials() + self.runs() + self.confirming()

    def _chosen(self) -> list[Cell]:
        arms: dict[str, dict[str, list[PlannedRun]]] = {}
        for run in self._planned:
            if not run.cell.baseline:
                arms.setdefault(run.cell.arm, {}).setdefault(run.name, []).append(run)
        found = []
        for cells in (list(cells.values()) for cells in arms.values() if len(cells) > 1):
            ends = [self._ends(runs) for runs in cells]
            best = choice([mean for mean, _ in ends], [lost for _, lost in ends])
            found.append(cells[len(cells) // 2 if best is None else best][0].cell)
        return found

    def _ends(self, runs: Sequence[PlannedRun]) -> tuple[float | None, int]:
        """The mean validation value of a cell's runs, and how many of them have none."""
        results = [result for run in runs if (result := self.result(run))]
        valued = [each for each in results if each.value is not None]
        values = [
            each.value for each in valued if each.value is not None and math.isfinite(each.value)
        ]
        mean = mean_of(f"val/{valued[0].primary}", values) if values else None
        return mean, len(runs) - len(valued)

    def _after_search(self, cell: Cell, best: Mapping[str, FlatValues]) -> list[Cell]:
        """A cell with its settings; none where nothing was found, or what was found was known."""
        if cell.baseline:
            return [cell]
        if cell.factors.get(SETTINGS) == KNOWN:
            return [_with(cell, self.known[cell.arm][0])]
        if cell.arm not in best:
            return []
        found = _with(cell, best[cell.arm])
        if SETTINGS not in cell.factors:
            return [found]
        known = _with(cell, self.known[cell.arm][0])
        is_new = self.configured(found, 0).digest != self.configured(known, 0).digest
        return [found] if is_new else []

    @cached_property
    def known(self) -> dict[str, list[FlatValues]]:
        """What a search begins with, by arm: as many different settings for each of them.

        Raises:
            UsageError: The search could not choose them.
        """
        study, tier = self.study, self.study.tier(self.identity.tier)
        if study.search is None or not study.search.known:
            return {}
        found = {
            arm: known_settings(self._cell(arm), space, tier.known.get(arm, ()), self.identity)
            for arm, space in study.spaces.items()
        }
        fewest = min(map(len, found.values()))
        return {arm: each[:fewest] for arm, each in found.items()}

    def trials(self) -> list[PlannedRun]:
        """The trials before they are chosen, each in the middle of its space, arms in turn."""
        search = self.study.search
        if search is None:
            return []
        number = search.finalists + bool(search.known) if search.finalists else 0
        return [
            replace(run, trial=n, sampler=sampler)
            for sampler, count, seeds in (
                ("", self.num_trials, self.trial_seeds),
                (FINALIST, number, self.finalist_seeds),
            )
            for n in range(count)
            for run in self._placeholders(sampler, seeds)
        ]

    @property
    def finalist_seeds(self) -> int:
        """Of each finalist."""
        return max(self.trial_seeds, self.study.tier(self.identity.tier).finalist_seeds)

    def _placeholders(self, sampler: str, seeds: int) -> list[PlannedRun]:
        return [
            self.trial(arm, 0, middle(space), sampler, seed)
            for arm, space in self.study.spaces.items()
            for seed in range(seeds)
        ]

    def trial(
        self, arm: str, number: int, values: FlatValues, sampler: str = "", seed: int = 0
    ) -> PlannedRun:
        """A trial with the values chosen for it; a finalist sees all images."""
        cell = self._cell(arm)
        if search := self.study.search:
            values = {"train.num_validations": search.validations, **values}
        cell = _with(cell, values)
        config = self.configured(cell, seed)
        share = self.study.trial_share(self.identity.tier)
        if share < 1 and sampler != FINALIST:
            part = {"train.num_images": max(2, round(share * config.train.num_images))}
            cell = cell.model_copy(update={"matched": part})  # lies over --set
            config = self.configured(cell, seed)
        return PlannedRun(cell=cell, seed=seed, config=config, trial=number, sampler=sampler)

    def _cell(self, arm: str) -> Cell:
        """An arm before its settings are chosen."""
        cell = next(c for c in self.study.cells(self.identity.tier) if c.arm == arm)
        return cell.model_copy(update={"factors": {}})

    def address(self, run: PlannedRun) -> str:
        """Where a run's folder lies under ``root``: the tag ``folder``."""
        return f"{self.folder.name}/{run.key}"

    def result(self, run: PlannedRun) -> TrialResult | None:
        """How a run ended; None where it has not, or is to be tried again since it failed."""
        return load_result(self.folder / run.key)


def resolve(
    study: Study,
    *,
    tier: str,
    dataset: str | None = None,
    overrides: Sequence[str] = (),
    seeds: int | None = None,
    only_seed: int | None = None,
    trials: int | None = None,
    seeds_per_trial: int | None = None,
    device: str = "auto",
    deterministic: bool = False,
    root: Path = Path("runs"),
    storage: str | None = None,
    plugins: Sequence[Path] = (),
) -> StudyPlan:
    """The plan that these options ask for; what they leave out is the tier's, else the study's.

    Raises:
        UsageError: One of them cannot work, or a model does not take an end of its space.
    """
    remember(storage or "")
    if storage is not None and "://" not in storage:
        raise UsageError(
            f"--storage takes a database URL, got {shown(storage)}: write "
            f"sqlite:///{storage.removesuffix('.db') if len(storage) < MOST_LETTERS else 'optuna'}.db"
        )
    size = study.tier(tier)
    for option, value in (("--trials", trials), ("--seeds-per-trial", seeds_per_trial)):
        if study.search is None and value is not None:
            raise UsageError(
                f"{option} is for a study that searches, and '{study.name}' runs all of a grid: "
                "leave it out"
            )
    identity = Identity(
        study=study.name,
        tier=tier,
        dataset=dataset or size.dataset,
        overrides=full_overrides(study, tier, parse_assignments(list(overrides))),
    )
    _require_one_seed(study, seeds, only_seed)
    num_seeds = _within("--seeds", size.seeds if seeds is None else seeds, MOST_SEEDS)
    num_trials, trial_seeds = 0, 1
    if study.search:
        wanted = study.search.seeds if seeds_per_trial is None else seeds_per_trial
        trial_seeds = _within("--seeds-per-trial", wanted, MOST_TRIAL_SEEDS)
        wanted = trials if trials is not None else size.trials or study.search.trials
        num_trials = _within("--trials", wanted, MOST_TRIALS)
    _require_countable(study, tier, num_seeds, num_trials * trial_seeds)
    for cell in {each.arm: each for each in study.cells(tier)}.values():
        configured(cell, identity, 0)
    asked = "" if trials is None else f" --trials {trials}"
    asked += "" if seeds_per_trial is None else f" --seeds-per-trial {seeds_per_trial}"
    asked += " --deterministic" if deterministic else ""
    number = f"--seeds {num_seeds}" if only_seed is None else f"--only-seed {only_seed}"
    from bench.runtime import resolve_device  # imports torch: names and values are right by now

    plan = StudyPlan(
        study=study,
        identity=identity,
        num_seeds=num_seeds,
        only_seed=only_seed,
        num_trials=num_trials,
        trial_seeds=trial_seeds,
        device=resolve_device(device),
        deterministic=deterministic,
        root=root,
        storage=storage,
        plugins=tuple(path.absolute() for path in plugins),
        command=f"bench run {identity.flags()} {number}{asked}",
    )
    for arm, space in study.spaces.items():
        for values in bounds(space):
            plan.trial(arm, 0, values)
    _require_trials(plan)
    return plan


def in_looks(plan: StudyPlan, most: int) -> StudyPlan:
    """The study as it goes on until all that it declares is decided, with so many seeds at most.

    What it compares has ever more seeds: fresh ones of chosen cells, which stay chosen, else its own.

    Raises:
        UsageError: What is compared would change between two looks, or nobody has said what matters.
    """
    study, name = plan.study, plan.study.name
    cells = Counter(c.arm for c in study.cells(plan.identity.tier) if not c.baseline).values()
    if plan.only_seed is not None:
        raise UsageError("--until decided compares seeds, and --only-seed runs one: leave one out")
    if study.search or not study.confirm or (1 in cells and max(cells) > 1):
        raise UsageError(
            f"--until decided needs a choice that stays as it is, by seeds of its own, and '{name}' "
            "searches, confirms nothing, or has arms of one cell beside arms of several: use --seeds"
        )
    if vague := [p for p in study.planned if p.matters is None]:
        raise UsageError(
            f"--until decided needs to know which difference of '{vague[0].measure}' matters: declare "
            f"it in '{name}' as Planned(..., smallest=...)"
        )
    command = f"{plan.command} --until decided --max-seeds {most}"
    return replace(plan, looks=looks(_within("--max-seeds", most, MOST_AT_LOOKS)), command=command)


def _require_trials(plan: StudyPlan) -> None:
    """A search has trials for what is known and for as many finalists as it wants.

    Raises:
        UsageError: It has too few.
    """
    known = len(next(iter(plan.known.values()), []))
    finalists = plan.study.search.finalists if plan.study.search else 0
    if plan.num_trials < (least := max(known, finalists)):
        raise UsageError(
            f"--trials must be at least {least}, since '{plan.study.name}' begins with {known} known "
            f"settings and ends with {finalists} finalists, got {plan.num_trials}"
        )


def _within(option: str, number: int, most: int) -> int:
    """A number that is asked for.

    Raises:
        UsageError: There are no so many.
    """
    if not 1 <= number <= most:
        raise UsageError(f"{option} must be in 1..{most:,}, got {number}")
    return number


def _require_one_seed(study: Study, seeds: int | None, only: int | None) -> None:
    """Whether the runs of one seed are a part of the study.

    Raises:
        UsageError: A search has none, or both options are given.
    """
    if only is not None and study.search:
        raise UsageError(
            f"--only-seed is for a study of cells, and '{study.name}' searches for its own: leave it out"
        )
    if only is not None and seeds is not None:
        raise UsageError("--only-seed runs one seed and --seeds several: leave one of them out")


def _require_countable(study: Study, tier: str, num_seeds: int, num_trials: int) -> None:
    number = num_seeds * (len(study.cells(tier)) + len(study.arms)) + num_trials * len(study.spaces)
    if number > MOST_RUNS:
        asked = f"--seeds ({num_seeds})" + (f" or --trials ({num_trials})" if num_trials else "")
        raise UsageError(
            f"'{study.name}' would be {number:,} runs, and a study holds {MOST_RUNS:,}: lower {asked}"
        )


def _with(cell: Cell, settings: FlatValues) -> Cell:
    """The cell with these settings over its own."""
    return cell.model_copy(update={"settings": {**cell.settings, **settings}})
