"""How long a run will take, from a few timed steps, samples and pictures of its own model."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from bench.config import RunConfig
from bench.contracts import Trainable
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated
from bench.metrics._evaluate import num_samples, view_of
from bench.metrics.importance import DRAWS
from bench.pictures import draw_pictures
from bench.pictures._inversion import NUM_DRAWS, NUM_STEPS
from bench.pictures.inversion import PAIRS, ROWS
from bench.training.capture import WARM_UP
from bench.training.parts import build, trainer_of
from bench.training.trainer import TrainingDiverged

WARM, TIMED = 1, 2
NUM_SAMPLES = 128
RUN_SECONDS = 0.4
"""What a run pays beside: the model built, checkpoints written, its store told."""
INVERTED = NUM_DRAWS + 3 * NUM_STEPS * ROWS * PAIRS
"""What the pictures by inversion cost, in samples: back takes twice as long as forth."""


def seconds_per_run(config: RunConfig, reference: ReferenceData) -> float:
    """Forecast in seconds of training and evaluation of one run, on one thread."""
    trainable = build(config, reference)
    if not trainable.phases:
        return 1.0
    return (
        RUN_SECONDS
        + _evaluation_seconds(config, reference, trainable)
        + _training_seconds(config, reference, trainable)
    )


def _training_seconds(config: RunConfig, reference: ReferenceData, trainable: Trainable) -> float:
    period = max(phase.every for phase in trainable.phases)
    # Where steps are captured, those before that say nothing of the others.
    warm = (WARM_UP + 1) * period if reference.device.type == "cuda" else WARM
    steps = warm + TIMED * period
    few = {
        "num_images": steps * config.train.batch_size,
        "num_logs": steps,
        "num_validations": 1,
    }
    short = config.model_copy(update={"train": config.train.model_copy(update=few)})
    logs = iter(trainer_of(trainable, short, reference))
    try:
        for _ in range(warm):
            next(logs)
        seconds = _seconds(lambda: list(logs))
    except TrainingDiverged:
        return 0.0  # the run itself will end soon, as diverged
    return seconds / (TIMED * period) * config.train.num_steps


@torch.no_grad()
def _evaluation_seconds(config: RunConfig, reference: ReferenceData, trainable: Trainable) -> float:
    """Validations and the two test evaluations, scaled from a small one."""
    settings, fns = config.eval, trainable.eval_fns
    few = {"max_samples": NUM_SAMPLES, "max_val_samples": NUM_SAMPLES}
    view = view_of(
        Generated(reference, trainable.modules, fns), "val", settings.model_copy(update=few)
    )
    made = seen = _seconds(lambda: view.samples(NUM_SAMPLES)) / NUM_SAMPLES
    if reference.detector is not None:
        seen += _seconds(lambda: view.generated_features(NUM_SAMPLES)) / NUM_SAMPLES
    pictures = _seconds(lambda: draw_pictures(view, at_end=False))
    n_val, n_test = num_samples(settings, reference)
    num_validations = config.train.num_validations + 1
    samples = num_validations * n_val + 2 * n_test
    samples += INVERTED if fns.encode is None and fns.latent_dim else 0
    samples *= 1 if fns.density is None else 3
    draws = 0  # the bound's, which no detector sees
    if fns.inference is not None:
        sizes = (len(reference.images(split)) for split in ("val", "test"))
        draws = DRAWS * sum(min(n, settings.likelihood_images) for n in sizes)
    return seen * samples + made * draws + pictures * num_validations


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
