"""What a run and a trial of a search measure, during training and at their end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.config import RunConfig, listed
from bench.contracts import Trainable
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated
from bench.logger import Logger
from bench.measures import ELBOS, MeasureName
from bench.metrics import requested
from bench.metrics._evaluate import Measured, measure, selection_metric, view_of
from bench.modules import count_parameters
from bench.pictures._draw import draw_pictures
from bench.records import TrialResult
from bench.training import health
from bench.training.checkpoint import BEST, Progress, load_best, save_best
from bench.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What sets a run and a trial of a search apart (protocol rules 2 and 22).

    Attributes:
        end: What is measured at the end; only a run's opens the test split.
        prunes: Whether it may be ended after a validation.
        draws: Whether pictures are drawn: nobody looks at a trial's.
        keeps_best: Whether the best state is kept, to be measured at the end.
        warns: Whether its health is judged.
    """

    end: Callable[[State], TrialResult]
    prunes: bool = False
    draws: bool = False
    keeps_best: bool = False
    warns: bool = False


@dataclass(kw_only=True)
class State:
    """A run under way: all that measures read.

    Attributes:
        config: What to do.
        held: Data and detector on the device.
        folder: Where checkpoints and the result lie.
        logger: Where curves and pictures go.
        stage: What it may do.
        trainable: The model.
        trainer: How far it has come.
        progress: What is remembered of the way.
    """

    config: RunConfig
    held: ReferenceData
    folder: Path
    logger: Logger
    stage: Stage
    trainable: Trainable
    trainer: Trainer
    progress: Progress

    def generated(self) -> Generated:
        """Samples of the state that it has now."""
        return Generated(self.held, self.trainer.evaluated, self.trainable.eval_fns)

    def cost(self) -> dict[str, float]:
        """What it took so far."""
        return {
            "cost/train_seconds": self.progress.train_seconds,
            "cost/eval_seconds": self.progress.eval_seconds,
            "cost/num_parameters": float(count_parameters(self.trainable.modules)),
            "cost/images_seen": float(self.trainer.images_seen),
            **{f"cost/updates_{name}": float(n) for name, n in self.trainer.updates.items()},
        }

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[Generated]:
        """Samples to measure; the time counts as that of evaluation."""
        started = time.perf_counter()
        yield self.generated()
        self.progress.eval_seconds += time.perf_counter() - started


def validate(state: State) -> None:
    """What is measured at a validation but the last, whose place the end takes."""
    with state.evaluating() as generated:
        measured = measure(generated, state.config.eval, "val", "validation")
        _validated(state, generated, measured, at_end=False)


def end_of_run(state: State) -> TrialResult:
    """The last state on validation and test, the best one on test (protocol rule 2)."""
    settings = state.config.eval
    also = requested(listed(settings.measures))
    with state.evaluating() as generated:
        val = measure(generated, settings, "val", "end", also)
        _validated(state, generated, val, at_end=True)
        open_test_split(state.folder, state.logger)
        test = measure(generated, settings, "test", "end", also)
        best = _best_on_test(state, generated, test)
    return result_of(val | test | best)


def end_of_trial(state: State) -> TrialResult:
    """The last state on validation; a search never opens the test split (rule 2)."""
    with state.evaluating() as generated:
        settings, also = state.config.eval, health.COLLAPSE_METRICS
        val = measure(generated, settings, "val", "validation", also)
        _validated(state, generated, val, at_end=True)
    return result_of(val)


def end_of_pruned(state: State) -> TrialResult:
    """What a trial has when it is ended early: its last validation value."""
    primary = selection_metric(state.config.eval, state.held)
    value = state.progress.curve[-1]
    return TrialResult(
        status="pruned",
        reason=f"ended by the search after {state.trainer.images_seen} images",
        primary=primary,
        value=value,
        metrics={f"val/{primary}": value},
    )


StageName = Literal["run", "trial"]
STAGES: dict[StageName, Stage] = {
    "run": Stage(end=end_of_run, draws=True, keeps_best=True, warns=True),
    "trial": Stage(end=end_of_trial, prunes=True),
}


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


def log_result(logger: Logger, result: TrialResult, images_seen: int) -> None:
    """Every value, and how it ended, to the logger."""
    logger.metrics(result.metrics, images_seen)
    logger.tags(result.tags())
    logger.flush()


def open_test_split(folder: Path, logger: Logger, known: int = 0) -> int:
    """Counts an opening of the test split before it is read (protocol rule 2); their number.

    ``known`` is how many the tracking store knows of, which a copied folder may not.
    """
    path = folder / "test_reads"
    reads = 1 + max(known, int(path.read_text()) if path.exists() else 0)
    path.write_text(str(reads))
    logger.tags({"test_reads": str(reads)})
    return reads


def _validated(state: State, generated: Generated, val: Measured, *, at_end: bool) -> None:
    """Values and pictures to the logger; the weights are kept where they are the best."""
    images_seen, progress, value = state.trainer.images_seen, state.progress, val.value
    state.logger.metrics(val.values, images_seen)
    progress.curve += [] if value is None else [value]
    if state.stage.draws:
        view = view_of(generated, "val", state.config.eval)
        for name, picture in draw_pictures(view, at_end=at_end).items():
            state.logger.picture(name, picture, images_seen)
    if state.stage.keeps_best and value is not None and value < progress.best:
        progress.best, progress.best_images = value, images_seen
        save_best(state.folder, generated.nets)


def _best_on_test(state: State, generated: Generated, last: Measured) -> Measured:
    """The best state's distance and ELBO, which are the last one's where that is the best."""
    measured = last
    if (state.folder / BEST).exists() and state.progress.best_images != state.trainer.images_seen:
        load_best(state.folder, generated.nets, state.held.device)
        chosen = Generated(state.held, generated.nets, generated.fns)
        measured = measure(chosen, state.config.eval, "test", "validation")
    series, values = MeasureName.parse(last.selection).series, measured.of("test")
    kept = {
        f"test_best/{name}": values[str(name)]
        for name in map(MeasureName.parse, values)
        if name.measure in ELBOS or name.series == series
    }
    seen = {"test_best/images_seen": float(state.progress.best_images)}
    return replace(last, values=kept | seen)
