"""One run from configuration to result; the only place that knows all parts."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from bench import datasets
from bench.config import RunConfig, listed
from bench.contracts import Nets, Trainable
from bench.detectors._find import find_detector, find_others
from bench.errors import Interrupted, UsageError
from bench.evaluation.feature_cache import user_cache
from bench.evaluation.measurement import primary_name, view_of
from bench.evaluation.reference import HeldData
from bench.evaluation.view import Evaluation, Generated
from bench.files import written_whole
from bench.images import NotFinite
from bench.logger import Logger
from bench.measures import ELBOS, MeasureName
from bench.metrics import declared_tag, requested
from bench.metrics._evaluate import evaluate, measured
from bench.models import MODELS
from bench.modules import count_parameters, place
from bench.pictures._draw import draw_pictures
from bench.records import TrialResult
from bench.runtime import seeded_modules
from bench.training import health
from bench.training.evidence import Evidence
from bench.training.trainer import Trainer, TrainingDiverged

LAST, BEST, RESULT = "last.pt", "best.pt", "result.json"


@dataclass(kw_only=True)
class Progress:
    """What a run remembers beside the trainer's state.

    Attributes:
        best: Lowest primary validation value so far.
        best_images: Images seen at that point; 0 before the first validation.
        train_seconds: Spent in training steps, over all starts.
        eval_seconds: Spent in evaluation, over all starts.
        logs: Training scalars at each log, for the warnings at the end.
        curve: Primary value at each validation.
    """

    best: float = float("inf")
    best_images: int = 0
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    logs: list[dict[str, float]] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class Run:
    """One run with everything it needs.

    Attributes:
        config: What to do.
        held: Data and detector on the device.
        folder: Where checkpoints and the result lie.
        logger: Where curves and pictures go.
        should_stop: Asked at each log; True saves a checkpoint and raises ``Interrupted``.
        should_prune: Makes the run a trial of a search, which reads validation alone. Asked
            after each validation but the last, with all values so far; True ends it there.
    """

    config: RunConfig
    held: HeldData
    folder: Path
    logger: Logger
    should_stop: Callable[[], bool] = lambda: False
    should_prune: Callable[[list[float]], bool] | None = None
    progress: Progress = field(default_factory=Progress)

    @property
    def finished(self) -> bool:
        """Whether the result is there already."""
        return (self.folder / RESULT).exists()

    def execute(self) -> TrialResult:
        """Trains, measures, and stores the result; a finished run only returns it.

        Raises:
            Interrupted: ``should_stop`` said so; calling again continues.
        """
        if self.finished:
            result = TrialResult.from_json(json.loads((self.folder / RESULT).read_text()))
            # The tracking store may be a new one, which knows nothing of this run yet.
            self._log_result(result)
            return result
        self.folder.mkdir(parents=True, exist_ok=True)
        trainable = build(self.config, self.held)
        inference = trainable.eval_fns.inference
        passport = "" if inference is None else inference.passport
        self.logger.tags({"passport": passport, **declared_tag()})
        settings = self.config.train
        images, labels = self.held.images("train"), self.held.labels("train")
        trainer = Trainer(trainable, images, labels, settings)
        self._resume(trainer)
        try:
            whole = self._train(trainable, trainer)
            measure = self._measure if self.should_prune is None else self._measure_trial
            result = measure(trainable, trainer) if whole else self._pruned(trainable, trainer)
        except (TrainingDiverged, NotFinite) as error:
            result = TrialResult(
                status="diverged", reason=str(error), metrics=self._cost(trainable, trainer)
            )
        if trainable.phases and self.should_prune is None:
            result = self._examined(result)
        self._conclude(result)
        return result

    def _train(self, trainable: Trainable, trainer: Trainer) -> bool:
        """To the last log; its validation belongs to ``_measure``, which sees more.

        False where a trial was pruned before.
        """
        settings = self.config.train
        every = settings.num_logs // settings.num_validations
        started = time.perf_counter()
        for log in trainer:
            self.progress.train_seconds += time.perf_counter() - started
            values = {f"train/{name}": value for name, value in log.scalars.items()}
            self.logger.metrics(values, log.images_seen)
            self.progress.logs.append(log.scalars)
            ended = trainer.logs_done == settings.num_logs
            due = trainer.logs_done % every == 0
            stopping = self.should_stop()
            if due and not ended:
                self._validate(trainable, trainer)
            if due or stopping:
                self._checkpoint(trainer)
            if stopping:
                raise Interrupted(f"stopped at {log.images_seen} images")
            # After the checkpoint: a trial may be killed while it waits for the answer.
            if due and not ended and self._judged():
                return False
            started = time.perf_counter()
        return True

    def _judged(self) -> bool:
        curve = self.progress.curve
        return self.should_prune is not None and bool(curve) and self.should_prune(list(curve))

    def _validate(self, trainable: Trainable, trainer: Trainer) -> None:
        started = time.perf_counter()
        generated = Generated(self.held, trainer.evaluated, trainable.eval_fns)
        view = view_of(generated, "val", self.config.eval)
        values, _ = evaluate(view, validation_only=True)
        self._log_validation(view, values, trainer.images_seen, at_end=False)
        self.progress.eval_seconds += time.perf_counter() - started

    def _log_validation(
        self, view: Evaluation, values: dict[str, float], images_seen: int, *, at_end: bool
    ) -> None:
        """Values and pictures to the logger; the weights are kept where they are the best.

        Of a trial the values alone: nobody looks at its pictures or measures its best state.
        """
        self.logger.metrics({f"val/{name}": value for name, value in values.items()}, images_seen)
        value = values.get(primary_name(view))
        self.progress.curve += [] if value is None else [value]
        if self.should_prune is not None:
            return
        for name, picture in draw_pictures(view, at_end=at_end).items():
            self.logger.picture(name, picture, images_seen)
        if value is not None and value < self.progress.best:
            self.progress.best, self.progress.best_images = value, images_seen
            self._save({"modules": _weights(view.nets)}, BEST)

    def _measure(self, trainable: Trainable, trainer: Trainer) -> TrialResult:
        """The last state on validation and test, the best one on test (protocol rule 2)."""
        started = time.perf_counter()
        generated = Generated(self.held, trainer.evaluated, trainable.eval_fns)
        view = view_of(generated, "val", self.config.eval)
        primary = primary_name(view)
        wanted = requested(listed(self.config.eval.measures))
        val, reasons = evaluate(view, validation_only=False, requested=wanted)
        self._log_validation(view, val, trainer.images_seen, at_end=True)
        open_test_split(self.folder, self.logger)
        view = view_of(generated, "test", self.config.eval)
        test, lacking = evaluate(view, validation_only=False, requested=wanted)
        best = self._best_on_test(generated, trainer.images_seen, test)
        self.progress.eval_seconds += time.perf_counter() - started
        reason = health.collapse(val)
        values = {f"val/{k}": v for k, v in val.items()} | {f"test/{k}": v for k, v in test.items()}
        return TrialResult(
            status="collapsed" if reason else "ok",
            reason=reason,
            primary=primary if primary in val else "",
            value=val.get(primary),
            metrics=values | best | self._cost(trainable, trainer),
            not_applicable={name: why for name, why in reasons.items() if name in lacking},
        )

    def _measure_trial(self, trainable: Trainable, trainer: Trainer) -> TrialResult:
        """The last state on validation; a search never opens the test split (rule 2)."""
        started = time.perf_counter()
        generated = Generated(self.held, trainer.evaluated, trainable.eval_fns)
        view = view_of(generated, "val", self.config.eval)
        values, _ = evaluate(view, validation_only=True)
        values |= measured(view, health.COLLAPSE_METRICS)
        self._log_validation(view, values, trainer.images_seen, at_end=True)
        self.progress.eval_seconds += time.perf_counter() - started
        reason = health.collapse(values)
        primary = primary_name(view)
        return TrialResult(
            status="collapsed" if reason else "ok",
            reason=reason,
            primary=primary if primary in values else "",
            value=values.get(primary),
            metrics={f"val/{k}": v for k, v in values.items()} | self._cost(trainable, trainer),
        )

    def _pruned(self, trainable: Trainable, trainer: Trainer) -> TrialResult:
        """What a trial has when it is ended early: its last validation value."""
        generated = Generated(self.held, trainer.evaluated, trainable.eval_fns)
        primary = primary_name(view_of(generated, "val", self.config.eval))
        value = self.progress.curve[-1]
        return TrialResult(
            status="pruned",
            reason=f"ended by the search after {trainer.images_seen} images",
            primary=primary,
            value=value,
            metrics={f"val/{primary}": value} | self._cost(trainable, trainer),
        )

    def _examined(self, result: TrialResult) -> TrialResult:
        """The result with its warnings, which read no test value (protocol rule 2)."""
        val = {k.removeprefix("val/"): v for k, v in result.metrics.items() if k.startswith("val/")}
        evidence = Evidence(
            status=result.status,
            reason=result.reason,
            logs=self.progress.logs,
            curve=self.progress.curve,
            val=val,
            settings=self.config.flat(),
        )
        return replace(result, warnings=health.examine(evidence))

    def _best_on_test(
        self, generated: Generated, images_seen: int, last: dict[str, float]
    ) -> dict[str, float]:
        values = last
        if (self.folder / BEST).exists() and self.progress.best_images != images_seen:
            weights = torch.load(
                self.folder / BEST, weights_only=True, map_location=self.held.device
            )
            _load_weights(generated.nets, weights["modules"])
            chosen = Generated(self.held, generated.nets, generated.fns)
            view = view_of(chosen, "test", self.config.eval)
            values, _ = evaluate(view, validation_only=True)
        primary = MeasureName.parse(primary_name(view_of(generated, "test", self.config.eval)))
        names = [MeasureName.parse(name) for name in values]
        kept = {
            f"test_best/{m}": values[str(m)]
            for m in names
            if m.measure in ELBOS or m.series == primary.series
        }
        return kept | {"test_best/images_seen": float(self.progress.best_images)}

    def _cost(self, trainable: Trainable, trainer: Trainer) -> dict[str, float]:
        return {
            "cost/train_seconds": self.progress.train_seconds,
            "cost/eval_seconds": self.progress.eval_seconds,
            "cost/num_parameters": float(count_parameters(trainable.modules)),
            "cost/images_seen": float(trainer.images_seen),
            **{f"cost/updates_{name}": float(n) for name, n in trainer.updates.items()},
        }

    def _checkpoint(self, trainer: Trainer) -> None:
        self.logger.flush()
        self._save({"trainer": trainer.state_dict(), "progress": vars(self.progress)}, LAST)

    def _resume(self, trainer: Trainer) -> None:
        path = self.folder / LAST
        if path.exists():
            state = torch.load(path, weights_only=True, map_location=self.held.device)
            trainer.load_state_dict(state["trainer"])
            self.progress = Progress(**state["progress"])

    def _save(self, state: dict[str, Any], name: str) -> None:
        with written_whole(self.folder / name) as file:
            torch.save(state, file)

    def _conclude(self, result: TrialResult) -> None:
        self._log_result(result)
        with written_whole(self.folder / RESULT) as file:
            file.write(json.dumps(result.to_json(), indent=1, sort_keys=True).encode())

    def _log_result(self, result: TrialResult) -> None:
        self.logger.metrics(result.metrics, int(result.metrics.get("cost/images_seen", 0)))
        self.logger.tags(result.tags())
        self.logger.flush()


@functools.lru_cache(maxsize=2)
def held_data(dataset: str, detector: str, device: torch.device, also: str = "none") -> HeldData:
    """Data and detectors, loaded once per process."""
    splits = datasets.load(dataset)
    others, lacking = find_others(also, splits.spec)
    first = find_detector(detector, splits.spec)
    return HeldData(splits, device, first, also=others, lacking=lacking, cache=user_cache())


def held_for(config: RunConfig, device: torch.device) -> HeldData:
    """The data and detector that a configuration names."""
    return held_data(config.data.dataset, config.eval.detector, device, config.eval.also)


def build(config: RunConfig, held: HeldData) -> Trainable:
    """The model with seeded weights, initialised, on the device."""
    with seeded_modules(config.train.seed):
        trainable = MODELS.get(config.name).build(config.model, held.spec)
    for module in trainable.modules.values():
        place(module, held.device)
    if trainable.initialise is not None:
        trainable.initialise(trainable.modules, held.images("train"))
    return trainable


def restore(config: RunConfig, held: HeldData, folder: Path) -> Trainable:
    """The model of a run as its last checkpoint has it, averages in place of what they average.

    One without training is built anew.
    """
    trainable = build(config, held)
    if (folder / LAST).exists():
        state = torch.load(folder / LAST, weights_only=True, map_location=held.device)
        _load_weights(trainable.modules, state["trainer"]["modules"] | state["trainer"]["averages"])
    return trainable


def restore_run(config: RunConfig, held: HeldData, folder: Path, run_id: str) -> Trainable:
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


def open_test_split(folder: Path, logger: Logger, known: int = 0) -> int:
    """Counts an opening of the test split before it is read (protocol rule 2); their number.

    ``known`` is how many the tracking store knows of, which a copied folder may not.
    """
    path = folder / "test_reads"
    reads = 1 + max(known, int(path.read_text()) if path.exists() else 0)
    path.write_text(str(reads))
    logger.tags({"test_reads": str(reads)})
    return reads


def _weights(nets: Nets) -> dict[str, dict[str, Any]]:
    return {name: module.state_dict() for name, module in nets.items()}


def _load_weights(nets: Nets, weights: dict[str, dict[str, Any]]) -> None:
    for name, module in nets.items():
        module.load_state_dict(weights[name])
