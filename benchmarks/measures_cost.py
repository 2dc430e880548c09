"""Seconds of every measure that ends a run by default, and the process's peak memory.

BENCH_DATA=FOLDER python benchmarks/measures_cost.py [--dataset mnist] [--threads 1]

A small VAE is trained for a few steps and measured as the runner does at the end of a run: on
validation, then on test, with as many samples as each split has, at most 10,000. The table is that
of a further run; the first one on a machine also computes what real images alone decide, which is
kept (here in a folder that goes with the process). Measures on request are left out.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from bench import datasets
from bench.config import RunConfig
from bench.detectors._find import find_detector
from bench.evaluation.feature_cache import FeatureCache
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.metrics import METRICS, NotApplicable
from bench.metrics._evaluate import view_of
from bench.models import configure
from bench.runtime import prepare
from bench.training import health
from bench.training.parts import build
from bench.training.trainer import Trainer

MODEL = "vae_mlp"
TRAINED = {"num_images": 12_800, "num_logs": 1, "num_validations": 1}
ALL = "all measures"
SAMPLES, FAKE, REAL = "(drawing samples)", "(detector on samples)", "(detector on real images)"


@dataclass
class Clock:
    """Seconds by what was done: of the wall, and of the processor."""

    rows: dict[str, tuple[float, float]] = field(default_factory=dict)

    @contextmanager
    def row(self, name: str) -> Iterator[None]:
        """Times what runs inside."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        spent = time.perf_counter() - wall, time.process_time() - processor
        self.rows[name] = spent


def trained(config: RunConfig, reference: ReferenceData) -> Generated:
    """The samples, not yet drawn, of a VAE after a few steps."""
    trainable = build(config, reference)
    trainer = Trainer(trainable, reference.images("train"), reference.labels("train"), config.train)
    for _ in trainer:
        pass
    return Generated(reference, trainer.evaluated, trainable.eval_fns)


@torch.no_grad()
def measure(view: View, clock: Clock) -> dict[str, float]:
    """Every value that the runner has of a view by default, each measure timed."""
    evaluation_mode(view.nets)
    n = view.counts[-1]
    values: dict[str, float] = {}
    for name, look in (
        (SAMPLES, lambda: view.samples(n)),
        (FAKE, lambda: view.generated_features(n)),
        (REAL, lambda: view.real_features(view.split, n)),
    ):
        with clock.row(f"{view.split} {name}"):
            look()
    for name, kind in METRICS.items():
        if kind.when == "request":
            continue
        with clock.row(f"{view.split} {name}"):
            try:
                values |= kind.measure(view)
            except NotApplicable as reason:
                print(f"{name} has no value on {view.split}: {reason}", file=sys.stderr)
    return values


def peak_bytes() -> int:
    """The most memory that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def run(config: RunConfig, reference: ReferenceData) -> tuple[Clock, tuple[int, int]]:
    """What both splits of a run take, in the row ``ALL`` together, and how many values they have."""
    generated, clock = trained(config, reference), Clock()
    with clock.row(ALL):
        of_val = measure(view_of(generated, "val", config.eval), clock)
        of_test = measure(view_of(generated, "test", config.eval), clock)
        health.collapse(of_val)
    return clock, (len(of_val), len(of_test))


def show(clock: Clock, first: Clock) -> None:
    """One row for each measure, the dearest first, and the sums."""
    print(f"{'measure':<40}{'wall s':>9}{'cpu s':>9}")
    rows = sorted(clock.rows.items(), key=lambda row: -row[1][1])
    for name, spent in [*rows[1:], rows[0], (f"{ALL}, the first run", first.rows[ALL])]:
        print(f"{name:<40}{spent[0]:>9.2f}{spent[1]:>9.2f}")
    print(f"peak memory of the process: {peak_bytes() / 1e9:.2f} GB")


def main() -> None:
    """Prints what each measure takes."""
    parser = argparse.ArgumentParser(description="what the measures at the end of a run cost")
    parser.add_argument("--dataset", default="mnist", help="data set with a detector")
    parser.add_argument("--threads", type=int, default=1, help="compute threads")
    chosen = parser.parse_args()
    prepare(threads=chosen.threads)
    splits = datasets.load(chosen.dataset)
    config = configure(MODEL, TRAINED, {"dataset": chosen.dataset})
    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder))
        of_real = partial(ReferenceData, splits, torch.device("cpu"), cache=cache)
        (first, _), (clock, (val, test)) = (
            run(config, of_real(find_detector("auto", splits.spec))) for _ in range(2)
        )
    print(f"{MODEL} on {chosen.dataset}, {val} values on val, {test} on test")
    show(clock, first)


if __name__ == "__main__":
    main()
