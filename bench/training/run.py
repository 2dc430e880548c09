"""One run from configuration to result; the only place that knows all parts."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from bench import datasets
from bench.config import RunConfig
from bench.contracts import Trainable
from bench.detectors._find import find_detector, find_others
from bench.errors import Interrupted, UsageError
from bench.evaluation.feature_cache import user_cache
from bench.evaluation.reference import ReferenceData
from bench.images import NotFinite
from bench.logger import Logger
from bench.metrics import declared_tag
from bench.models import MODELS
from bench.modules import place
from bench.records import TrialResult
from bench.runtime import seeded_modules
from bench.training.checkpoint import (
    LAST,
    RESULT,
    load_last,
    load_result,
    resume,
    save_last,
    save_result,
)
from bench.training.ends import STAGES, StageName, State, end_of_pruned, log_result, validate
from bench.training.health import Diagnostics
from bench.training.health_checks import examine
from bench.training.trainer import Trainer, TrainingDiverged


@dataclass(kw_only=True)
class Run:
    """One run with everything it needs.

    Attributes:
        config: What to do.
        held: Data and detector on the device.
        folder: Where checkpoints and the result lie.
        logger: Where curves and pictures go.
        stage: ``run``, or ``trial`` of a search, which reads validation alone.
        should_stop: Asked at each log; True saves a checkpoint and raises ``Interrupted``.
        should_prune: Asked by a trial after each validation but the last, with all values so
            far; True ends it there.
    """

    config: RunConfig
    held: ReferenceData
    folder: Path
    logger: Logger
    stage: StageName = "run"
    should_stop: Callable[[], bool] = lambda: False
    should_prune: Callable[[list[float]], bool] = lambda _: False
    state: State = field(init=False)

    @property
    def finished(self) -> bool:
        """Whether the result is there already."""
        return (self.folder / RESULT).exists()

    def execute(self) -> TrialResult:
        """Trains, measures, and stores the result; a finished run only returns it.

        Raises:
            Interrupted: ``should_stop`` said so; calling again continues.
        """
        if (known := load_result(self.folder)) is not None:
            # The tracking store may be a new one, which knows nothing of this run yet.
            self._log(known)
            return known
        self.state = self._begin()
        try:
            result = (
                self.state.stage.end(self.state) if self._train() else end_of_pruned(self.state)
            )
        except (TrainingDiverged, NotFinite) as error:
            result = TrialResult(status="diverged", reason=str(error))
        result = replace(result, metrics=result.metrics | self.state.cost())
        if self.state.trainable.phases and self.state.stage.warns:
            result = replace(result, warnings=examine(diagnostics_of(self.state, result)))
        self._log(result)
        save_result(self.folder, result)
        return result

    def _begin(self) -> State:
        """Where the last checkpoint stands, else before the first step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        trainable = build(self.config, self.held)
        density = trainable.eval_fns.density
        passport = "" if density is None else density.likelihood_name
        self.logger.tags({"passport": passport, **declared_tag()})
        images, labels = self.held.images("train"), self.held.labels("train")
        trainer = Trainer(trainable, images, labels, self.config.train)
        return State(
            config=self.config,
            held=self.held,
            folder=self.folder,
            logger=self.logger,
            stage=STAGES[self.stage],
            trainable=trainable,
            trainer=trainer,
            progress=resume(self.folder, trainer, self.held.device),
        )

    def _train(self) -> bool:
        """To the last log, whose validation belongs to the end; False where it was pruned before."""
        trainer, progress, settings = self.state.trainer, self.state.progress, self.config.train
        every = settings.num_logs // settings.num_validations
        started = time.perf_counter()
        for log in trainer:
            progress.train_seconds += time.perf_counter() - started
            values = {f"train/{name}": value for name, value in log.scalars.items()}
            self.logger.metrics(values, log.images_seen)
            progress.logs.append(log.scalars)
            due = trainer.logs_done % every == 0
            ended = trainer.logs_done == settings.num_logs
            stopping = self.should_stop()
            if due and not ended:
                validate(self.state)
            if due or stopping:
                self.logger.flush()
                save_last(self.folder, trainer, progress)
            if stopping:
                raise Interrupted(f"stopped at {log.images_seen} images")
            # After the checkpoint: a trial may be killed while it waits for the answer.
            if due and not ended and self._pruned():
                return False
            started = time.perf_counter()
        return True

    def _pruned(self) -> bool:
        curve = self.state.progress.curve
        return self.state.stage.prunes and bool(curve) and self.should_prune(list(curve))

    def _log(self, result: TrialResult) -> None:
        log_result(self.logger, result, int(result.metrics.get("cost/images_seen", 0)))


def diagnostics_of(state: State, result: TrialResult) -> Diagnostics:
    """What the warnings about a run read: no test value (protocol rule 2)."""
    val = {k.removeprefix("val/"): v for k, v in result.metrics.items() if k.startswith("val/")}
    return Diagnostics(
        status=result.status,
        reason=result.reason,
        roles={phase.name: phase.role for phase in state.trainable.phases},
        logs=state.progress.logs,
        curve=state.progress.curve,
        val=val,
        settings=state.config.flat(),
    )


@functools.lru_cache(maxsize=2)
def held_data(
    dataset: str, detector: str, device: torch.device, also: str = "none"
) -> ReferenceData:
    """Data and detectors, loaded once per process."""
    splits = datasets.load(dataset)
    others, lacking = find_others(also, splits.spec)
    first = find_detector(detector, splits.spec)
    return ReferenceData(
        splits, device, first, other_detectors=others, unavailable=lacking, cache=user_cache()
    )


def held_for(config: RunConfig, device: torch.device) -> ReferenceData:
    """The data and detector that a configuration names."""
    return held_data(config.data.dataset, config.eval.detector, device, config.eval.also)


def build(config: RunConfig, held: ReferenceData) -> Trainable:
    """The model with seeded weights, initialised, on the device."""
    with seeded_modules(config.train.seed):
        trainable = MODELS.get(config.name).build(config.model, held.spec)
    for module in trainable.modules.values():
        place(module, held.device)
    if trainable.initialise is not None:
        trainable.initialise(trainable.modules, held.images("train"))
    return trainable


def restore(config: RunConfig, held: ReferenceData, folder: Path) -> Trainable:
    """The model of a run as its last checkpoint has it, averages in place of what they average.

    One without training is built anew.
    """
    trainable = build(config, held)
    load_last(folder, trainable.modules, held.device)
    return trainable


def restore_run(config: RunConfig, held: ReferenceData, folder: Path, run_id: str) -> Trainable:
    """The model of a tracked run.

    Raises:
        UsageError: ``folder`` is not there, or has no checkpoint of a model that was trained.
    """
    if not folder.is_dir():
        raise UsageError(f"run '{run_id}' has no folder {folder}: give where it lies with --root")
    trainable = restore(config, held, folder)
    if trainable.phases and not (folder / LAST).exists():
        raise UsageError(
            f"run '{run_id}' has no checkpoint in {folder}: give its folder with --root"
        )
    return trainable
