"""What an engine adds to each run: local workers against Ray on this machine, in one process.

python benchmarks/engines.py [--runs 20] [--rounds 3]

Both engines have one worker and get the same short runs, a round of one and a round of the other, after
a run each that pays for imports and data. Seconds of the clock from submitting to the outcome; the
difference is the engine's, since what runs is the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.engines import Engine, open_engine
from bench.engines.task import Task
from bench.plan.files import load_study
from bench.study.plan import resolve
from bench.study.tracked import TrackedStudy
from bench.tracking.address import sqlite_uri
from bench.tracking.mlflow import Store

SHORT = ("num_images=64", "batch_size=32", "num_logs=1", "num_validations=1", "max_samples=100")


def tasks(folder: Path) -> Iterator[Task]:
    """Runs of two steps of a small VAE, without end."""
    plan = resolve(
        load_study("kl_sweep"),
        tier="classroom",
        overrides=SHORT,
        root=folder,
        seeds=1_000,
        device="cpu",
    )
    tracked = TrackedStudy(plan, Store(sqlite_uri(folder / "mlflow.db")))
    return (tracked.task(run) for run in plan.everything() if not run.cell.baseline)


def seconds_of(engine: Engine, task: Task) -> float:
    """From submitting a task to its outcome."""
    start = time.perf_counter()
    engine.submit(task, lambda _: False)
    outcomes = engine.wait(timeout=1.0)
    while not outcomes:
        outcomes = engine.wait(timeout=1.0)
    (outcome,) = outcomes
    assert outcome.result is not None, outcome.loss.reason
    return time.perf_counter() - start


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        given = tasks(folder)
        opened = {name: open_engine(name, 1, folder / name) for name in ("local", "ray")}
        first = {name: seconds_of(engine, next(given)) for name, engine in opened.items()}
        found: dict[str, list[float]] = {name: [] for name in opened}
        for _ in range(asked.rounds):
            for name, engine in opened.items():
                found[name] += [seconds_of(engine, next(given)) for _ in range(asked.runs)]
        for engine in opened.values():
            engine.close()
    print("| engine | first run, s | each of the others, ms (median) | of the local engine |")
    print("|---|---|---|---|")
    local = statistics.median(found["local"])
    for name, seconds in found.items():
        each = statistics.median(seconds)
        print(f"| {name} | {first[name]:.1f} | {1_000 * each:.0f} | {each / local:.2f} |")


if __name__ == "__main__":
    main()
