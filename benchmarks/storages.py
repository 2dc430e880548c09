"""Asks per second of Optuna's storage: PostgreSQL against sqlite, with several runs in flight.

python benchmarks/storages.py [--asks 200] [--repeats 3] [--in-flight 1 4 16]

One driver asks a search for a trial and tells the oldest of those in flight how it ended, as
``bench run`` does, with nothing trained between. Each row is a study of its own; half of its trials
have been asked before the clock starts, as asking reads what is there. The databases lie in a
temporary folder; PostgreSQL is started there with its usual waiting for the disk. Behind each rate
stand the driver's own processor milliseconds an ask, for machines that do other work; PostgreSQL's
are its server's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from bench.plan.space import Choice, LogUniform
from bench.records import TrialResult
from bench.study.storage import OptunaSearch
from bench.tracking.address import sqlite_uri

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SPACE = {"model.lr": LogUniform(low=1e-4, high=1e-1), "model.latent_dim": Choice(values=(2, 4, 8))}


def timed(storage: str, name: str, asks: int, in_flight: int) -> tuple[float, float]:
    """Asks per second and processor milliseconds an ask, of one driver with so many open trials.

    The sampler draws at random.
    """
    search = OptunaSearch(name, storage, SPACE, startup=2 * asks + in_flight, seed=0)
    open_trials: deque[int] = deque()
    start = busy = 0.0
    for number in range(2 * asks):
        if number == asks:
            start, busy = time.perf_counter(), time.process_time()
        if len(open_trials) == in_flight:
            result = TrialResult(status="ok", primary="fd", value=float(number))
            search.tell(open_trials.popleft(), result, f"{number:032x}")
        search.take(number)
        open_trials.append(number)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return asks / seconds, 1_000 * busy / asks


def main() -> None:
    """Prints the table."""
    from postgres_server import postgres_running

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asks", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 4, 16])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres_running(quick=False) as server:
        storages = {
            "sqlite": sqlite_uri(Path(folder) / "optuna.db"),
            "PostgreSQL": server.database("optuna"),
        }
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        print("| runs in flight | " + " | ".join(storages) + " |\n| ---: | ---: | ---: |")
        for number in given.in_flight:
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in storages}
            for repeat in range(given.repeats):
                for name in sorted(storages, reverse=bool(repeat % 2)):
                    study = f"{number} {repeat}"
                    found[name].append(timed(storages[name], study, given.asks, number))
            medians = ([statistics.median(k) for k in zip(*f, strict=True)] for f in found.values())
            cells = (f"{rate:.1f} ({busy:.0f} ms)" for rate, busy in medians)
            print(f"| {number} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
