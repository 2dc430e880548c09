"""What ``bench run`` was asked for, resolved once: the study, its runs and where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.config import parse_assignments
from bench.errors import UsageError
from bench.plan.study import FlatValues, Identity, Study
from bench.records import DataSpec, TrialResult
from bench.runtime import resolve_device
from bench.study.cells import configured, full_overrides
from bench.study.grid import PlannedRun, expand, placeholder_trials, require_spaces, trial_of
from bench.training.checkpoint import load_result
from bench.training.run import held_for


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study under one identity, with all that its runs need.

    Attributes:
        study: The question.
        identity: Which tier, data set and ``--set`` values.
        num_seeds: Of each cell; of a search, fresh ones for each best configuration.
        num_trials: Of a search, for each arm alike; 0 for a grid.
        device: For every run.
        root: Holds the study's folder.
        storage: Optuna's storage; None takes ``optuna.db`` in the study's folder.
        plugins: Files that register things.
        command: What begins or continues it, for the tags of its runs.
    """

    study: Study
    identity: Identity
    num_seeds: int
    num_trials: int = 0
    device: torch.device
    root: Path = Path("runs")
    storage: str | None = None
    plugins: tuple[Path, ...] = ()
    command: str = ""

    @property
    def folder(self) -> Path:
        """Checkpoints, results and, by default, Optuna's storage."""
        return self.root / self.identity.key

    @property
    def storage_url(self) -> str:
        """Optuna's storage."""
        return self.storage or f"sqlite:///{self.folder.absolute() / 'optuna.db'}"

    def spec(self) -> DataSpec:
        """What models know of the data set, which is loaded here with what its first run needs."""
        config = configured(self.study.cells(self.identity.tier)[0], self.identity, 0)
        return held_for(config, self.device).spec

    def trials(self) -> list[PlannedRun]:
        """The trials before they are chosen; none of a grid."""
        return placeholder_trials(self.study, self.identity, self.num_trials)

    def trial(self, arm: str, number: int, values: FlatValues, sampler: str = "") -> PlannedRun:
        """A trial with the values chosen for it."""
        return trial_of(self.study, self.identity, arm, values, number=number, sampler=sampler)

    def runs(self, best: Mapping[str, FlatValues] | None = None) -> list[PlannedRun]:
        """The runs and baselines; of a search with what was found, else with what stands in."""
        spec = self.spec() if self.study.hold_parameters else None
        return expand(self.study, self.identity, self.num_seeds, best, spec=spec)

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
    trials: int | None = None,
    device: str = "auto",
    root: Path = Path("runs"),
    storage: str | None = None,
    plugins: Sequence[Path] = (),
) -> StudyPlan:
    """The plan that these options ask for; what they leave out is the tier's, else the study's.

    Raises:
        UsageError: One of them cannot work.
    """
    if storage is not None and "://" not in storage:
        raise UsageError(
            f"--storage takes a database URL, got '{storage}': write sqlite:///{storage}.db"
        )
    size = study.tier(tier)
    if study.search is None and trials is not None:
        raise UsageError(
            f"--trials is for a study that searches, and '{study.name}' runs all of a grid: leave "
            "it out"
        )
    identity = Identity(
        study=study.name,
        tier=tier,
        dataset=dataset or size.dataset,
        overrides=full_overrides(study, tier, parse_assignments(list(overrides))),
    )
    require_spaces(study, identity)
    num_seeds = seeds or size.seeds
    asked = "" if trials is None else f" --trials {trials}"
    return StudyPlan(
        study=study,
        identity=identity,
        num_seeds=num_seeds,
        num_trials=(trials or size.trials or study.search.trials) if study.search else 0,
        device=resolve_device(device),
        root=root,
        storage=storage,
        plugins=tuple(path.absolute() for path in plugins),
        command=f"bench run {identity.flags()} --seeds {num_seeds}{asked}",
    )
