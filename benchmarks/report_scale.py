"""Seconds and memory of `bench report` on a store of many runs.

python benchmarks/report_scale.py [--runs 10000] [--shape grid|seeds|search] [--keep FOLDER]

The runs are made up, in the numbers and sizes of real ones (35 parameters, 30 tags, 40 final
values, 8 curves of 40 points), and written into MLflow's own tables. ``grid`` has 25 settings
of which a figure draws one in five, ``seeds`` has every run in a figure, and ``search`` has
most of them as trials of a search. The report is made in a process of its own. Seconds are the
clock's; those of the processor stand beside them for machines that do other work.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.plan.files import load_study
from bench.plan.study import Identity
from bench.tracking.mlflow import Store

NAME = "many_runs"
ARMS = ("vae", "gan", "wgan")
DEPTHS = (1, 2, 3, 4, 5)
POINTS, NUM_IMAGES = 40, 24_000
CURVES = {
    "vae": ("loss", "kl_nats", "reconstruction_nats", "vae_gradient_norm"),
    "gan": ("discriminator_loss", "generator_loss", "accuracy", "generator_gradient_norm"),
    "wgan": ("critic_loss", "generator_loss", "clipped", "critic_gradient_norm"),
}
STUDY = '''"""Many runs, made up."""

from bench.plan.study import Arm, Study, Tier

STUDY = Study(
    name="many_runs",
    question="How long does a report of many runs take?",
    arms=tuple(Arm(name=n, model=n) for n in ("vae", "gan", "wgan")),
    factors={factors},
    tiers={{"classroom": Tier(dataset="digits", settings={{"train.num_images": 24_000}})}},
)
'''

WARNING = json.dumps([{"kind": "odd", "sentence": "its value is high", "turn": "lower lr"}])

Run = dict[str, Any]


def settings(shape: str) -> tuple[float, ...]:
    """Learning rates: those of the grid."""
    return tuple(i / 1000 for i in range(1, 26)) if shape == "grid" else (0.001,)


def factors(shape: str) -> dict[str, tuple[float, ...]]:
    """Of the study file."""
    if shape == "search":
        return {}
    return {"model.depth": DEPTHS, "model.lr": settings(shape)}


def planned(number: int, shape: str) -> Iterator[Run]:
    """What each run is: arm, depth, learning rate, seed, role."""
    seed = made = 0
    while shape != "search" or seed < 10:
        for arm in ARMS:
            for depth in DEPTHS if shape != "search" else (2,):
                for lr in settings(shape):
                    if made == number:
                        return
                    made += 1
                    yield {"arm": arm, "depth": depth, "lr": lr, "seed": seed, "role": "run"}
        seed += 1
    for trial in range(number - made):
        arm = ARMS[trial % 3]
        depth = DEPTHS[trial % 5]
        yield {"arm": arm, "depth": depth, "lr": 0.001, "seed": 0, "role": "search", "trial": trial}


def quality(run: Run) -> float:
    """A distance, from a formula and the seed."""
    rng = random.Random(json.dumps(run))  # noqa: S311 - no secret depends on it
    at = {"vae": 9.0, "gan": 6.5, "wgan": 8.0}[run["arm"]]
    return at * (1 + 0.1 * (run["depth"] - 3) ** 2 + 9 * run["lr"]) * math.exp(rng.gauss(0, 0.05))


def final(run: Run) -> dict[str, float]:
    """The last values: 40 of them, those on test only where the run is no trial."""
    fd = quality(run)
    values = {"val/fd_digits_n297": fd * 1.1}
    if run["role"] == "search":
        return values
    values |= {"test/fd_digits_n500": fd, "test_best/fd_digits_n500": fd * 0.99}
    values |= {"test/legible": 0.9 - fd / 99, "test/copying": 0.5, "test/classes": 9.5}
    values |= {"cost/num_parameters": 2e4 * run["depth"], "cost/train_seconds": 4.0 * run["depth"]}
    values |= {"cost/updates_generator": 750.0}
    if run["arm"] == "vae":
        values |= {"test/elbo_bernoulli_resampled": -25 - fd / 9, "test/active_units": 12.0}
    more = (f"test/measure_{i}" for i in range(40))
    return values | {name: fd + i for i, name in zip(range(40 - len(values)), more, strict=False)}


def curves(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Name to points, 4 of training and 4 of validation."""
    steps = [NUM_IMAGES * (i + 1) // POINTS for i in range(POINTS)]
    end = quality(run) * 1.1
    found = {f"train/{n}": [(x, 9 * math.exp(-x / 6e3)) for x in steps] for n in CURVES[run["arm"]]}
    for i, name in enumerate(("fd_digits_n297", "legible", "classes", "copying")):
        found[f"val/{name}"] = [(x, end + i + 9 * math.exp(-x / 6e3) - 0.16) for x in steps]
    return found


def params(run: Run) -> dict[str, str]:
    """The flat configuration, 35 keys."""
    known = {
        "model": run["arm"],
        "model.depth": str(run["depth"]),
        "model.lr": str(run["lr"]),
        "data.dataset": "digits",
        "train.num_images": str(NUM_IMAGES),
        "train.batch_size": "64",
        "train.seed": str(run["seed"]),
    }
    return known | {f"model.option_{i}": "1.0" for i in range(35 - len(known))}


def tags(run: Run) -> dict[str, str]:
    """What the runner says of a run, 30 tags."""
    known = {
        "family": run["arm"],
        "model": run["arm"],
        "seed": str(run["seed"]),
        "role": run["role"],
        "status": "ok",
        "health": WARNING if quality(run) > 9 else "ok",
        "primary": "val/fd_digits_n297",
        "detector": "digits",
        "detector_digest": "e2e2e2e2e2e2e2e2",
        "data_digest": "d1d1d1d1d1d1d1d1",
        "bench_version": "0.2.0",
        "test_reads": "1",
        "device": "cpu",
    }
    if run["role"] == "search":
        known |= {"trial": str(run["trial"]), "sampler": "random" if run["trial"] < 60 else "tpe"}
    return known | {f"tag_{i}": "value" for i in range(30 - len(known))}


def fill(database: Path, experiment_id: str, number: int, shape: str) -> None:
    """Writes the runs into the tables; a hundred times as fast as through MLflow's interface."""
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-200000")
        for i, run in enumerate(planned(number, shape)):
            write(db, f"{i:032x}", int(experiment_id), run)
        db.commit()


def write(db: sqlite3.Connection, run_id: str, experiment: int, run: Run) -> None:
    """One run's rows."""
    db.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, "
        "lifecycle_stage, artifact_uri, experiment_id) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (run_id, run_id, "LOCAL", "u", "FINISHED", 1, 2, "active", "file:///none", experiment),
    )
    pairs = [(key, value, run_id) for key, value in params(run).items()]
    db.executemany("INSERT INTO params VALUES (?,?,?)", pairs)
    db.executemany(
        "INSERT INTO tags VALUES (?,?,?)", [(k, v, run_id) for k, v in tags(run).items()]
    )
    points = curves(run)
    last = {name: path[-1][1] for name, path in points.items()} | final(run)
    points |= {
        name: [(NUM_IMAGES, value)] for name, value in final(run).items() if name not in points
    }
    db.executemany(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,0)",
        [(name, y, x, run_id, x) for name, path in points.items() for x, y in path],
    )
    db.executemany(
        "INSERT INTO latest_metrics VALUES (?,?,?,?,0,?)",
        [(name, value, NUM_IMAGES, NUM_IMAGES, run_id) for name, value in last.items()],
    )


def make(folder: Path, number: int, shape: str) -> str:
    """A store and the study's file in a folder; the store's address."""
    (folder / "studies").mkdir(parents=True, exist_ok=True)
    text = STUDY.format(factors=repr(factors(shape)))
    (folder / "studies" / f"{NAME}.py").write_text(text, encoding="utf-8")
    os.chdir(folder)  # where a study file is found
    identity = Identity(study=load_study(NAME).name, tier="classroom", dataset="digits")
    store = Store(f"sqlite:///{folder / 'mlflow.db'}")
    experiment_id = store.experiment(identity.key)
    about = {"bench.identity": identity.model_dump_json(), "bench.study": NAME}
    store.describe_experiment(experiment_id, about)
    fill(folder / "mlflow.db", experiment_id, number, shape)
    return store.uri


def report(folder: Path, uri: str) -> tuple[float, float, float]:
    """Seconds of the clock and of the processor and peak MB of `bench report`, a fresh process."""
    command = [sys.executable, "-m", "bench.cli", "report", "--study", NAME, "--tracking-uri", uri]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - our own program
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def main() -> None:
    """Makes the store, has it reported, prints what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--shape", choices=("grid", "seeds", "search"), default="grid")
    parser.add_argument("--keep", type=Path, help="where the store is made, or lies already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.keep or Path(scratch)).absolute()
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        if not (folder / "mlflow.db").is_file():
            uri = make(folder, options.runs, options.shape)
        seconds, processor, megabytes = report(folder, uri)
    print(
        f"{options.runs} runs ({options.shape}): {seconds:.1f} s, of the processor "
        f"{processor:.1f} s, {megabytes:.0f} MB"
    )


if __name__ == "__main__":
    main()
