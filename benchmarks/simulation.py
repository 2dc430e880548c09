"""A study on a thousand simulated GPUs: the real driver, journals and storages, nothing trained.

python benchmarks/simulation.py [--seeds 100] [--storage URL] [--optuna-alone] [--report] ...

A study of 100 runs for each seed: 4 arms of 24 cells, whose best cells are confirmed. How long a run
takes and how it ends is drawn, by its key, from runs that were really trained (``runs.csv`` of a
report); workers are lost at a stated rate and their runs go on from the last of four checkpoints.
Simulated time is not slept but taken from a queue of events; to it is added what the driver really
takes between two events, so that GPUs wait for a driver that is too slow. What a worker does in
reality, writing its folder and telling MLflow, is done here between the events and not counted as the
driver's. No made-up result may be one option away: this engine is in no registry and no package.

``--optuna-alone`` leaves out journals and MLflow, whose tables are then filled with ten values a run.
The same command continues after a kill (``--die-after N`` kills it).
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
import math
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.engines import Outcome, ShouldPrune
from bench.engines.task import Task, is_begun, state_of
from bench.files import alone_in
from bench.plan.files import load_study
from bench.records import TrialResult
from bench.study.driver import Driver
from bench.study.plan import PlannedRun, StudyPlan, resolve
from bench.tracking.delivery import deliver
from bench.tracking.entries import RUNNING
from bench.tracking.journal import Journal
from bench.tracking.mlflow import Store
from bench.training.checkpoint import load_result, require_folder, save_result
from bench.training.run import log_result

NAME = "simulated"
STUDY = '''"""A hundred runs for each seed, made up."""

from bench.plan import Arm, Study, Tier

STUDY = Study(
    name="simulated",
    question="What do a thousand GPUs ask of one driver?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan"),
        Arm(name="wgan", model="wgan"),
        Arm(name="wgan_gp", model="wgan:gradient_penalty"),
    ),
    factors={"model.depth": (1, 2, 3, 4), "model.lr": (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)},
    tiers={"classroom": Tier(dataset="digits", settings={"train.num_images": 24_000})},
)
'''
REPORTS = Path(__file__).parents[1] / "reports"
MEASURED = (
    REPORTS / "depth_sweep_mnist" / "runs.csv",
    REPORTS / "family_comparison_mnist" / "runs.csv",
)
START_SECONDS = 5.5
"""Of a process that takes a lost one's place, to its first step: benchmarks/results/start.md."""
CHECKPOINTS = 4
AT_ONCE = 1_000


class Measured(NamedTuple):
    """What a run that was trained took, and how it ended."""

    seconds: float
    status: str


class Event(NamedTuple):
    """The end of an attempt at a run, in simulated seconds; ``order`` keeps tasks uncompared."""

    at: float
    order: int
    task: Task
    is_lost: bool


def measured(paths: Sequence[Path]) -> dict[str, list[Measured]]:
    """By family, the runs and trials of these tables; baselines train nothing."""
    found: dict[str, list[Measured]] = defaultdict(list)
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["role"] != "baseline" and row["cost/train_seconds"]:
                    parts = (float(row[f"cost/{part}_seconds"]) for part in ("train", "eval"))
                    found[row["family"]].append(Measured(sum(parts), row["status"]))
    return dict(found)


@dataclass
class Spent:
    """Simulated seconds of GPUs, and real ones of this process.

    Attributes:
        busy: All that GPUs worked.
        lost: Of it, what workers that died had not kept, and the start of those after them.
        waited: How long ended runs waited for the driver.
        losses: Workers that died.
        ended: Runs that ended.
        worker: Real seconds of what workers would do.
    """

    busy: float = 0.0
    lost: float = 0.0
    waited: float = 0.0
    losses: int = 0
    ended: int = 0
    worker: float = 0.0


@dataclass(kw_only=True)
class Simulated:
    """An engine of GPUs that train nothing.

    Attributes:
        runs: What runs took and how they ended, by family.
        gpus: Runs at a time.
        losses_per_hour: Of a worker.
        faster: How many times as fast as measured a run is trained.
        command: What differs from one command to the next, so that a run is not lost at every one.
        store: Told of what ends; None where runs leave nothing but their result.
        die_after: Runs that end before ``kill`` is called.
        kill: Ends the driver.
    """

    runs: Mapping[str, Sequence[Measured]]
    gpus: int = 1_000
    losses_per_hour: float = 0.1
    faster: float = 1.0
    command: int = 0
    store: Store | None = None
    die_after: float = math.inf
    kill: object = lambda: os.kill(os.getpid(), signal.SIGKILL)
    spent: Spent = field(default_factory=Spent)
    clock: float = 0.0

    def __post_init__(self) -> None:
        self._events: list[Event] = []
        self._order = 0
        self._kept: dict[str, float] = {}
        self._attempts: dict[str, int] = {}
        self._left_at: float | None = None

    @property
    def free(self) -> int:
        """GPUs that train nothing."""
        return self.gpus - len(self._events)

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:  # noqa: ARG002 - a grid's run
        """Puts the end of this attempt, or the loss of its worker, into the queue."""
        self._catch_up()
        key = Path(task.folder).name
        attempt = self._attempts.get(key, 0)
        left = self._needed(task) - self._kept.get(key, 0.0) + START_SECONDS * bool(attempt)
        rng = random.Random(f"{key} {self.command} {attempt}")  # noqa: S311 - no secret depends on it
        lost = rng.expovariate(self.losses_per_hour / 3600) if self.losses_per_hour else math.inf
        self._order += 1
        event = Event(self.clock + min(left, lost), self._order, task, lost < left)
        heapq.heappush(self._events, event)
        self.spent.busy += min(left, lost)
        self.spent.lost += START_SECONDS * bool(attempt) if lost >= left else 0.0
        if event.is_lost:
            self._lose(key, attempt, lost, self._needed(task))

    def wait(self, timeout: float) -> Sequence[Outcome]:  # noqa: ARG002 - nothing is waited for
        """What has ended by now; where nothing has, the clock goes to the next end."""
        self._catch_up()
        if self._events:
            self.clock = max(self.clock, self._events[0].at)
        began, outcomes = time.perf_counter(), []
        while self._events and self._events[0].at <= self.clock:
            event = heapq.heappop(self._events)
            self.spent.waited += self.clock - event.at
            outcomes.append(Outcome(event.task, None if event.is_lost else self._end(event.task)))
        self._left_at = time.perf_counter()
        self.spent.worker += self._left_at - began
        return outcomes

    def close(self) -> None:
        """Nothing is left running."""

    def _catch_up(self) -> None:
        """The driver's real seconds pass on the simulated clock as well."""
        now = time.perf_counter()
        self.clock += 0.0 if self._left_at is None else now - self._left_at
        self._left_at = now

    def _drawn(self, task: Task) -> Measured:
        key = Path(task.folder).name
        return random.Random(key).choice(self.runs[task.about.tags["family"]])  # noqa: S311

    def _needed(self, task: Task) -> float:
        return self._drawn(task).seconds / self.faster

    def _lose(self, key: str, attempt: int, lost: float, needed: float) -> None:
        """Keeps what the last checkpoint has of an attempt that ends so early."""
        before = self._kept.get(key, 0.0)
        reached = before + max(0.0, lost - START_SECONDS * bool(attempt))
        part = needed / CHECKPOINTS
        kept = max(before, reached // part * part)
        self._kept[key], self._attempts[key] = kept, attempt + 1
        self.spent.lost += lost - (kept - before)
        self.spent.losses += 1

    def _end(self, task: Task) -> TrialResult:
        """As a worker ends a run: its folder first, then the store."""
        if self.spent.ended >= self.die_after:
            self.kill()
        self.spent.ended += 1
        folder = Path(task.folder)
        require_folder(folder)
        # A driver that was killed may have known of it no more.
        result = load_result(folder) or made_up(task, self._drawn(task))
        if self.store is None:
            save_result(folder, result)
            return result
        with alone_in(folder):
            journal = Journal(folder, task.about, begun=is_begun(folder))
            journal.state(RUNNING)
            for part in range(1, CHECKPOINTS + 1):
                step = int(result.metrics["cost/images_seen"]) * part // CHECKPOINTS
                journal.metrics({"train/loss": 1 / part}, step)
                if part < CHECKPOINTS:
                    name = f"val/{result.primary}"
                    journal.metrics({name: result.metrics[name] * CHECKPOINTS / part}, step)
            save_result(folder, result)
            log_result(journal, result)
            journal.state(state_of(result))
            journal.close()
        deliver(folder, self.store)
        return result


def made_up(task: Task, run: Measured) -> TrialResult:
    """Ten values: a distance from the settings and the key, what was really paid, the rest from both."""
    rng = random.Random(task.about.tags["config_digest"])  # noqa: S311 - no secret depends on it
    depth, lr = int(task.params["model.depth"]), float(task.params["model.lr"])
    at = {"vae": 9.0, "gan": 6.5, "wgan": 8.0, "wgan_gp": 7.0}[task.about.tags["family"]]
    fd = at * (1 + 0.1 * (depth - 3) ** 2 + abs(math.log10(lr) + 3)) * math.exp(rng.gauss(0, 0.05))
    values = {"val/fd_digits_n297": fd * 1.1, "val/legible": 0.9 - fd / 99}
    values |= {"test/fd_digits_n500": fd, "test_best/fd_digits_n500": fd * 0.99}
    values |= {"test/legible": 0.9 - fd / 99, "test/classes": 9.5}
    values |= {"cost/train_seconds": run.seconds * 0.7, "cost/eval_seconds": run.seconds * 0.3}
    values |= {"cost/images_seen": 24_000.0, "cost/num_parameters": 2e4 * depth}
    name = "fd_digits_n297"
    ended = "collapsed" if run.status == "collapsed" else "ok"
    reason = "the samples cover 2.1 classes, real images 9.9" if ended == "collapsed" else ""
    return TrialResult(
        status=ended, reason=reason, primary=name, value=values[f"val/{name}"], metrics=values
    )


class Watch:
    """Prints how far the study is, at what rate of the driver alone and of what workers do."""

    def __init__(self, engine: Simulated, every: int) -> None:
        self._engine, self._every = engine, every
        self._last, self._worker, self._ended = time.perf_counter(), 0.0, 0

    def started(self, run: PlannedRun) -> None:
        """Nothing is printed."""

    def ended(self, run: PlannedRun, result: TrialResult) -> None:  # noqa: ARG002 - only counted
        """Prints a line for each ``every`` runs."""
        self._ended += 1
        if self._ended % self._every == 0:
            now, worker = time.perf_counter(), self._engine.spent.worker
            done = worker - self._worker
            own = now - self._last - done
            self._last, self._worker = now, worker
            print(
                f"{self._ended} runs, {self._every / max(own, 1e-9):.0f} a second of the driver, "
                f"{self._every / max(done, 1e-9):.0f} of one worker, {memory():.0f} MB",
                flush=True,
            )


def memory() -> float:
    """Peak megabytes of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def planned(folder: Path, seeds: int, storage: str | None = None) -> StudyPlan:
    """The study in a folder, where its file is written; the folder becomes the current one."""
    (folder / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "studies" / f"{NAME}.py").write_text(STUDY, encoding="utf-8")
    os.chdir(folder)  # where a study file is found
    return resolve(
        load_study(NAME), tier="classroom", seeds=seeds, device="cpu", root=folder / "runs",
        storage=storage,
    )  # fmt: skip


def play(driver: Driver, engine: Simulated, every: int = AT_ONCE) -> dict[str, float]:
    """Runs what is left, and what that took."""
    began, processor = time.perf_counter(), time.process_time()
    left = len(driver.left())
    driver.run(engine, Watch(engine, every))
    seconds, spent = time.perf_counter() - began, engine.spent
    own = seconds - spent.worker
    if not spent.ended:
        return {"runs": 0, "driver seconds": own, "peak MB": memory()}
    return {
        "runs": spent.ended,
        "left before": left,
        "driver runs/s": spent.ended / own,
        "driver seconds": own,
        "worker seconds": spent.worker,
        "processor seconds": time.process_time() - processor,
        "simulated hours": engine.clock / 3600,
        "GPU hours": spent.busy / 3600,
        "GPUs busy %": 100 * spent.busy / (engine.gpus * engine.clock),
        "lost %": 100 * spent.lost / spent.busy,
        "workers lost": spent.losses,
        "wait for the driver s": spent.waited / spent.ended,
        "peak MB": memory(),
    }


def fill(driver: Driver, database: Path) -> int:
    """Writes every run with its ten values into MLflow's tables, without MLflow; their number."""
    experiment = int(driver.tracked.experiment_id)
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-200000")
        runs = driver.runs()
        for number, run in enumerate(runs):
            write(db, driver, run, f"{number:032x}", experiment)
        db.commit()
    return len(runs)


def write(
    db: sqlite3.Connection, driver: Driver, run: PlannedRun, run_id: str, experiment: int
) -> None:
    """One run's rows."""
    about, result = driver.tracked.about(run), driver.plan.result(run)
    assert result is not None
    db.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, "
        "lifecycle_stage, artifact_uri, experiment_id) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (run_id, about.name, "LOCAL", "u", "FINISHED", 1, 2, "active", "file:///none", experiment),
    )
    params = [(key, text, run_id) for key, text in about.params.items()]
    tags = [(key, text, run_id) for key, text in {**about.tags, **result.tags()}.items()]
    step = int(result.metrics["cost/images_seen"])
    rows = [(key, value, step, step, run_id) for key, value in result.metrics.items()]
    db.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?,?,?)", params)
    db.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?,?,?)", tags)
    for table in ("metrics", "latest_metrics"):
        db.executemany(
            f"INSERT INTO {table} (key, value, timestamp, step, run_uuid, is_nan) "  # noqa: S608
            "VALUES (?,?,?,?,?,0)",
            rows,
        )


def report(folder: Path, uri: str) -> dict[str, float]:
    """Seconds of the clock and of the processor and peak MB of `bench report`, a fresh process."""
    command = [sys.executable, "-m", "bench.cli", "report", "--study", NAME, "--tracking-uri", uri]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - our own program
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {
        "report seconds": time.perf_counter() - began,
        "report processor seconds": processor,
        "report peak MB": used.ru_maxrss / 1000,
    }


def options() -> argparse.Namespace:
    """Of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="a hundred runs each")
    parser.add_argument("--gpus", type=int, default=1_000)
    parser.add_argument("--losses-per-hour", type=float, default=0.1, help="of one worker")
    parser.add_argument("--faster", type=float, default=1.0, help="than the measured runs")
    parser.add_argument("--storage", help="Optuna's; default: sqlite in the study's folder")
    parser.add_argument("--tracking-uri", help="default: sqlite in the folder")
    parser.add_argument("--optuna-alone", action="store_true")
    parser.add_argument("--report", action="store_true", help="at the end")
    parser.add_argument("--die-after", type=float, default=math.inf)
    parser.add_argument("--folder", type=Path, default=Path("simulated"))
    parser.add_argument("--measured", type=Path, nargs="+", default=MEASURED, help="runs.csv files")
    return parser.parse_args()


def main() -> None:
    """Plays what is left of the study and prints what that took."""
    asked = options()
    runs = measured([path.absolute() for path in asked.measured])
    folder = asked.folder.absolute()
    plan = planned(folder, asked.seeds, asked.storage)
    uri = asked.tracking_uri or f"sqlite:///{folder / 'mlflow.db'}"
    store = Store(uri)
    driver = Driver(plan, store)
    description = {"bench.identity": plan.identity.model_dump_json(), "bench.study": NAME}
    driver.tracked.describe(description)
    engine = Simulated(
        runs=runs,
        gpus=asked.gpus,
        losses_per_hour=asked.losses_per_hour,
        faster=asked.faster,
        command=len(driver.left()),
        store=None if asked.optuna_alone else store,
        die_after=asked.die_after,
    )
    if not asked.optuna_alone:
        driver.settle()
    found = play(driver, engine)
    if asked.optuna_alone and asked.report:
        found["filled"] = fill(driver, folder / "mlflow.db")
    if asked.report:
        found |= report(folder, uri)
    print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
