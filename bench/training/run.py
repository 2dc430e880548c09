"""One run or trial from configuration to result: trained, measured, stored."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench.config import RunConfig, listed
from bench.contracts import Trainable
from bench.errors import Damaged, DiskTrouble, Interrupted, UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated
from bench.files import set_aside
from bench.images import NotFinite
from bench.logger import Logger
from bench.measures import ELBOS, MeasureName
from bench.metrics import declared_tag, requested
from bench.metrics._evaluate import Measured, When, measure, selection_metric, view_of
from bench.modules import count_parameters
from bench.pictures import draw_pictures
from bench.pieces import Pieces, in_pieces
from bench.records import StepLog, TrialResult
from bench.training import health
from bench.training.checkpoint import (
    LAST,
    Progress,
    count_test_read,
    load_best,
    load_result,
    note_stop,
    resume,
    save_best,
    save_last,
    save_result,
)
from bench.training.health_checks import examine
from bench.training.identity import MadeBy, differing, made_by
from bench.training.parts import build, trainer_of
from bench.training.trainer import Advance, Trainer, TrainingDiverged

StageName = Literal["run", "trial"]


@dataclass(kw_only=True)
class Run:
    """One run, or a trial of a search, with everything it needs.

    A trial reads validation alone (protocol rules 2 and 22) and may be ended after one; nobody
    looks at its pictures, its best state or its health.

    Attributes:
        config: What to do.
        reference: Data and detector on the device.
        folder: Where checkpoints and the result lie.
        logger: Where curves and pictures go.
        stage: ``run``, or ``trial`` of a search.
        should_stop: Asked before each step and between the pieces of an evaluation; True saves a
            checkpoint and raises ``Interrupted``.
        should_prune: Asked by a trial after each validation but the last, with all values so
            far; True ends it there.
        smaller: By how much pieces of evaluation are smaller from the start (``bench.pieces``).
        advance: Trains it, where others train with it.
        trainable: The model, once it is under way.
        trainer: How far it has come.
        progress: What is remembered of the way.
        pieces: How evaluation goes on.
    """

    config: RunConfig
    reference: ReferenceData
    folder: Path
    logger: Logger
    stage: StageName = "run"
    should_stop: Callable[[], bool] = lambda: False
    should_prune: Callable[[list[float]], bool] = lambda _: False
    smaller: int = 1
    advance: Advance | None = None
    trainable: Trainable = field(init=False, repr=False)
    trainer: Trainer = field(init=False, repr=False)
    progress: Progress = field(init=False, repr=False)
    pieces: Pieces = field(init=False, repr=False)

    @property
    def finished(self) -> bool:
        """Whether the result is there already."""
        return load_result(self.folder) is not None

    def execute(self) -> TrialResult:
        """Trains, measures, and stores the result; a finished run only returns it.

        Raises:
            Interrupted: ``should_stop`` said so; calling again continues.
        """
        known = load_result(self.folder)
        with in_pieces(self.should_stop, self.smaller) as self.pieces:
            result = known or self._signed(self._result())
        if known is None:
            save_result(self.folder, result)
        # A known one too: its process may have died before it could say so.
        log_result(self.logger, result)
        return result

    @property
    def made_by(self) -> MadeBy:
        """What makes it here and now."""
        reference = self.reference
        detectors = [*filter(None, [reference.detector]), *reference.other_detectors]
        return made_by(self.config, reference.spec, detectors)

    def generated(self) -> Generated:
        """Samples of the state that it has now."""
        return Generated(self.reference, self.trainer.evaluated, self.trainable.eval_fns)

    def diagnostics(self, result: TrialResult) -> health.Diagnostics:
        """What the warnings about it read: no test value (protocol rule 2)."""
        val = {k.removeprefix("val/"): v for k, v in result.metrics.items() if k.startswith("val/")}
        return health.Diagnostics(
            status=result.status,
            reason=result.reason,
            roles={phase.name: phase.role for phase in self.trainable.phases},
            logs=self.progress.logs,
            curve=self.progress.curve,
            val=val,
            settings=self.config.flat(),
        )

    def _signed(self, result: TrialResult) -> TrialResult:
        """With what made it; without what another measure had chosen."""
        if chosen := self._chosen_otherwise():
            why = f"the best state was chosen by {chosen}, which is not what selects now"
            result = replace(result, not_applicable=result.not_applicable | {"test_best": why})
        progress, measured = self.progress, self.made_by.measured
        return replace(result, trained_by=progress.trained_by, measured_by=measured)

    def _result(self) -> TrialResult:
        self._begin()
        end = self._end_of_run if self.stage == "run" else self._end_of_trial
        try:
            result = end() if self._train() else self._end_of_pruned()
        except (TrainingDiverged, NotFinite) as error:
            result = TrialResult(status="diverged", reason=str(error))
        result = replace(result, metrics=result.metrics | self._cost())
        if self.trainable.phases and self.stage == "run":
            result = replace(result, warnings=examine(self.diagnostics(result)))
        if self.progress.smaller > 1:
            self.logger.tags({"eval_pieces": f"1/{self.progress.smaller}"})
        if self.trainer.facts:
            self.logger.tags(self.trainer.facts)
        return result

    def _begin(self) -> None:
        """Where the last checkpoint stands, else before the first step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.trainable = build(self.config, self.reference)
        density = self.trainable.eval_fns.density
        passport = "" if density is None else density.likelihood_name
        self.logger.tags({"passport": passport, **declared_tag()})
        self.trainer = trainer_of(
            self.trainable,
            self.config,
            self.reference,
            should_stop=self.should_stop,
            advance=self.advance,
        )
        try:
            self.progress = resume(self.folder, self.trainer, self.reference.device)
        except Damaged as damage:  # half of it may be loaded
            set_aside(self.folder / LAST, damage)
            self._begin()
        self.pieces.smaller = max(self.smaller, self.progress.smaller)
        self._require_same_training()
        self.progress.selected_by = self.progress.selected_by or self._selection()
        if self._chosen_otherwise() and self.stage == "run":
            self.progress.best, self.progress.best_images, self.progress.curve = float("inf"), 0, []

    def _require_same_training(self) -> None:
        """What began a run also continues it; what was begun by an older version has no name.

        Raises:
            UsageError: It changed since.
        """
        progress, now = self.progress, self.made_by.trained
        if not self.trainer.images_seen:
            progress.trained_by = now
        if progress.trained_by and (changed := differing(progress.trained_by, now)):
            raise UsageError(
                f"the run began with other {', '.join(changed)}: the same command begins it anew"
            )

    def _train(self) -> bool:
        """To the last log, whose validation belongs to the end; False where it was pruned before.

        A stop keeps what was trained; a validation that it breaks off is made on the way on.
        """
        try:
            return self._trained()
        except DiskTrouble:
            raise
        except Interrupted:
            self._save()
            note_stop(self.folder, self.trainer.images_seen, self.config.train.num_images)
            raise

    def _trained(self) -> bool:
        trainer, settings = self.trainer, self.config.train
        every = settings.num_logs // settings.num_validations
        if self.progress.validating and not self._go_on():
            return False
        for log in self._logs():
            values = {f"train/{name}": value for name, value in log.scalars.items()}
            self.logger.metrics(values, log.images_seen)
            self.progress.logs.append(log.scalars)
            if trainer.logs_done == settings.num_logs:
                self._save()
            elif trainer.logs_done % every == 0 and not self._go_on():
                return False
        return True

    def _logs(self) -> Iterator[StepLog]:
        """Those of the trainer, whose time counts as that of training."""
        logs = iter(self.trainer)
        while True:
            started = time.perf_counter() - self.trainer.waited
            worked = self._processor_seconds()
            try:
                log = next(logs, None)
            finally:
                ended = time.perf_counter() - self.trainer.waited
                self.progress.train_seconds += ended - started
                self.progress.processor_seconds += self._processor_seconds() - worked
            if log is None:
                return
            yield log

    def _go_on(self) -> bool:
        """Validates on the way, and keeps it; False where that ends a trial."""
        self.progress.validating = True
        with self._evaluating() as generated:
            self._validated(generated, "validation", at_end=False)
        self.progress.validating = False
        self._save()
        # After the checkpoint: a trial may be killed while it waits for the answer.
        return not self._pruned()

    def _save(self) -> None:
        self.logger.flush()
        save_last(self.folder, self.trainer, self.progress)

    def _pruned(self) -> bool:
        curve = self.progress.curve
        return self.stage == "trial" and bool(curve) and self.should_prune(list(curve))

    def _end_of_run(self) -> TrialResult:
        """The last state on validation and test, the best one on test (protocol rule 2)."""
        also = requested(listed(self.config.eval.measures))
        with self._evaluating() as generated:
            val = self._validated(generated, "end", also, at_end=True)
            open_test_split(self.folder, self.logger)
            test = measure(generated, self.config.eval, "test", "end", also)
            best = self._best_on_test(generated, test)
        return result_of(val | test | best)

    def _end_of_trial(self) -> TrialResult:
        """The last state on validation; a search never opens the test split (rule 2)."""
        with self._evaluating() as generated:
            return result_of(
                self._validated(generated, "validation", health.COLLAPSE_METRICS, at_end=True)
            )

    def _end_of_pruned(self) -> TrialResult:
        """What a trial has when it is ended early: its last validation value."""
        primary, value = selection_metric(self.config.eval, self.reference), self.progress.curve[-1]
        return TrialResult(
            status="pruned",
            reason=f"ended by the search after {self.trainer.images_seen} images",
            primary=primary,
            value=value,
            metrics={f"val/{primary}": value},
        )

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[Generated]:
        """Samples to measure; the time counts as that of evaluation."""
        started = time.perf_counter()
        try:
            yield self.generated()
        finally:
            self.progress.eval_seconds += time.perf_counter() - started
            self.progress.smaller = self.pieces.smaller

    def _validated(
        self, generated: Generated, when: When, also: Collection[str] = (), *, at_end: bool
    ) -> Measured:
        """Values and pictures to the logger; a run keeps the weights where they are the best."""
        val = measure(generated, self.config.eval, "val", when, also)
        images_seen, progress, value = self.trainer.images_seen, self.progress, val.value
        view = view_of(generated, "val", self.config.eval)
        pictures = {} if self.stage == "trial" else draw_pictures(view, at_end=at_end)
        # All or nothing: from here on no stop comes between.
        self.logger.metrics(val.values | self._seconds(), images_seen)
        progress.curve += [] if value is None else [value]
        for name, picture in pictures.items():
            self.logger.picture(name, picture, images_seen)
        if self.stage == "run" and value is not None and value < progress.best:
            progress.best, progress.best_images = value, images_seen
            save_best(self.folder, generated.nets)
        return val

    def _selection(self) -> str:
        """What chooses the best state: a measure through a detector."""
        detector = self.reference.detector
        weights = "" if detector is None else f" of {detector.digest}"
        return f"{selection_metric(self.config.eval, self.reference)}{weights}"

    def _chosen_otherwise(self) -> str:
        """What chose the best state, if it was something else than what chooses now."""
        selected = self.progress.selected_by
        return selected if selected != self._selection() else ""

    def _best_on_test(self, generated: Generated, last: Measured) -> Measured:
        """The best state's distance and ELBO, which are the last one's where that is the best."""
        if self._chosen_otherwise():
            return replace(last, values={})
        measured, best_images = last, self.progress.best_images
        if best_images and best_images != self.trainer.images_seen:
            load_best(self.folder, generated.nets, self.reference.device)
            measured = measure(self.generated(), self.config.eval, "test", "validation")
        series, values = MeasureName.parse(last.selection).series, measured.of("test")
        kept = {
            f"test_best/{name}": values[str(name)]
            for name in map(MeasureName.parse, values)
            if name.measure in ELBOS or name.series == series
        }
        seen = {"test_best/images_seen": float(best_images)}
        return replace(last, values=kept | seen)

    def _cost(self) -> dict[str, float]:
        """What it took so far."""
        return {
            **self._seconds(),
            "cost/eval_seconds": self.progress.eval_seconds,
            "cost/num_parameters": float(count_parameters(self.trainable.modules)),
            "cost/images_seen": float(self.trainer.images_seen),
            **{f"cost/updates_{name}": float(n) for name, n in self.trainer.updates.items()},
        }

    def _processor_seconds(self) -> float:
        """Of this process; NaN where they say nothing of training: runs that train as one, a GPU."""
        is_alone = not self.advance and self.reference.device.type == "cpu"
        return time.process_time() if is_alone else math.nan

    def _seconds(self) -> dict[str, float]:
        """Of training so far; the processor's where all of them were counted."""
        seconds = {"cost/train_seconds": self.progress.train_seconds}
        worked = {"cost/processor_seconds": self.progress.processor_seconds}
        return seconds | worked if math.isfinite(self.progress.processor_seconds) else seconds


def result_of(measured: Measured) -> TrialResult:
    """How a state that was measured counts (protocol rule 3), with all that was measured."""
    reason = health.collapse(measured.of("val"))
    return TrialResult(
        status="collapsed" if reason else "ok",
        reason=reason,
        primary=measured.primary,
        value=measured.value,
        metrics=measured.values,
        not_applicable=measured.lacking,
    )


def log_result(logger: Logger, result: TrialResult, images_seen: int | None = None) -> None:
    """Every value, at its own number of images where no other is given, and how it ended."""
    seen = result.metrics.get("cost/images_seen", 0) if images_seen is None else images_seen
    logger.metrics(result.metrics | result.shown, int(seen))
    logger.tags(result.tags())
    logger.flush()


def open_test_split(folder: Path, logger: Logger, known: int = 0) -> int:
    """Counts an opening of the test split before it is read (protocol rule 2); their number.

    ``known`` is how many the tracking store knows of, which a copied folder may not.
    """
    reads = count_test_read(folder, known)
    logger.tags({"test_reads": str(reads)})
    return reads
