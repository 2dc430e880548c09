"""How long a run will take, from a few timed steps and samples of its own model."""

from __future__ import annotations

import time

import torch

from bench.config import RunConfig
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated
from bench.metrics._evaluate import num_samples
from bench.training.run import build
from bench.training.trainer import Trainer, TrainingDiverged

WARM, TIMED = 1, 2
NUM_SAMPLES = 128
PICTURES_SECONDS = 0.15
INVERSION_SAMPLES = 5_000
"""What the pictures by inversion cost, in samples: 256 draws, 100 steps forth and back for 16."""
IMPORTANCE_DRAWS = 64
"""Decoded for each image of the importance-weighted bound that is measured unasked."""


def seconds_per_run(config: RunConfig, held: ReferenceData) -> float:
    """Forecast in seconds of training and evaluation of one run, on one thread."""
    trainable = build(config, held)
    evaluation = _sampling_seconds(config, held) if trainable.phases else 1.0
    if not trainable.phases:
        return evaluation
    period = max(phase.every for phase in trainable.phases)
    steps = WARM + TIMED * period
    short = config.train.model_copy(
        update={
            "num_images": steps * config.train.batch_size,
            "num_logs": steps,
            "num_validations": 1,
        }
    )
    trainer = Trainer(trainable, held.images("train"), held.labels("train"), short)
    logs = iter(trainer)
    try:
        for _ in range(WARM):
            next(logs)
        started = time.perf_counter()
        for _ in logs:
            pass
    except TrainingDiverged:
        return evaluation  # the run itself will end soon, as diverged
    per_step = (time.perf_counter() - started) / (TIMED * period)
    return per_step * config.train.num_steps + evaluation


def _sampling_seconds(config: RunConfig, held: ReferenceData) -> float:
    """Validations and the two test evaluations, scaled from a small one."""
    trainable = build(config, held)
    generated = Generated(held, trainable.modules, trainable.eval_fns)
    started = time.perf_counter()
    with torch.no_grad():
        generated.samples(NUM_SAMPLES, NUM_SAMPLES)
        if held.detector is not None:
            generated.features(NUM_SAMPLES, NUM_SAMPLES, held.detector)
    each = (time.perf_counter() - started) / NUM_SAMPLES
    n_val, n_test = num_samples(config.eval, held)
    likelihood = 3 if trainable.eval_fns.density is not None else 1
    samples = (config.train.num_validations + 1) * n_val + 2 * n_test
    fns = trainable.eval_fns
    samples += INVERSION_SAMPLES if fns.encode is None and fns.latent_dim else 0
    decoded = samples * likelihood
    if fns.inference is not None:
        sizes = (len(held.images(split)) for split in ("val", "test"))
        decoded += IMPORTANCE_DRAWS * sum(min(n, config.eval.likelihood_images) for n in sizes)
    return each * decoded + PICTURES_SECONDS * (config.train.num_validations + 1)
