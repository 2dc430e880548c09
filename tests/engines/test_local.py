"""Worker processes: real ones, killed for real."""

import os
import signal
import time
from pathlib import Path

import pytest
from light_worker import never, outcomes

from bench.engines.local import LocalWorkers
from bench.engines.task import Task, run_task
from bench.models import configure
from bench.tracking.delivery import deliver
from bench.tracking.entries import About, run_id_of
from bench.tracking.mlflow import Store


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """One worker for all who kill nothing: it takes seconds to start."""
    engine = LocalWorkers(1, tmp_path_factory.mktemp("logs"))
    yield engine
    engine.close()


def task_of(store, tmp_path, seed, num_images, num_logs=40):
    values = {"train.num_images": num_images, "model.width": 2, "train.seed": seed}
    config = configure("vae", {**values, "num_logs": num_logs, "num_validations": num_logs})
    params = {key: str(value) for key, value in config.flat().items()}
    about = About(experiment="e", name="r", params=params, tags={})
    return Task(params=params, about=about, folder=str(tmp_path / f"run{seed}"), uri=store.uri)


def stored(store, task):
    """The run of MLflow that a task was told to, with what a worker could not send any more."""
    deliver(Path(task.folder), store, wait=60)
    return store._client.get_run(run_id_of(Path(task.folder)))


def wait_for(path):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} does not come"
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_worker_loses_its_trial_only_and_the_next_one_continues_it(store, tmp_path):
    engine = LocalWorkers(2, tmp_path / "logs")
    try:
        long, short = task_of(store, tmp_path, 0, 48_000), task_of(store, tmp_path, 1, 320)
        engine.submit(long, never)
        engine.submit(short, never)
        assert engine.free == 0
        wait_for(tmp_path / "run0" / "last.pt")
        os.kill(engine.pids[0], signal.SIGKILL)
        by_folder = {o.task.folder: o.result for o in outcomes(engine, 2)}
        assert by_folder[long.folder] is None
        assert by_folder[short.folder].status in {"ok", "collapsed"}
        assert engine.free == 2
        engine.submit(long, never)  # a new worker stands in for the dead one
        time.sleep(0.1)
    finally:
        engine.close()
    assert not (tmp_path / "run0" / "result.json").exists()
    assert stored(store, short).info.status == "FINISHED"


@pytest.mark.slow
def test_closing_leaves_a_checkpoint_and_a_run_marked_killed(store, tmp_path):
    engine = LocalWorkers(1, tmp_path / "logs")
    task = task_of(store, tmp_path, 0, 48_000)
    engine.submit(task, never)
    wait_for(tmp_path / "run0" / "last.pt")
    engine.close()
    assert stored(store, task).info.status == "KILLED"
    assert not (tmp_path / "run0" / "result.json").exists()


def test_run_that_breaks_comes_back_as_failed_with_its_reason(engine, store, tmp_path):
    task = task_of(store, tmp_path, 0, 320)
    broken = Task(**{**vars(task), "params": {**task.params, "data.dataset": "npz:/no.npz"}})
    engine.submit(broken, never)
    (outcome,) = outcomes(engine, 1)
    assert outcome.result.status == "failed"
    assert "no.npz" in outcome.result.reason
    assert (tmp_path / "run0" / "traceback.txt").exists()
    assert stored(store, task).data.tags["status"] == "failed"


def test_trial_asks_its_driver_after_each_validation_and_ends_when_told(engine, store, tmp_path):
    asked = []

    def should_prune(curve):
        asked.append(curve)
        return len(curve) == 2

    task = Task(**{**vars(task_of(store, tmp_path, 0, 320, num_logs=4)), "stage": "trial"})
    engine.submit(task, should_prune)
    (outcome,) = outcomes(engine, 1)
    assert engine.free == 1
    assert [len(curve) for curve in asked] == [1, 2]
    assert (outcome.result.status, outcome.result.value) == ("pruned", asked[-1][-1])
    assert stored(store, task).data.tags["status"] == "pruned"


@pytest.mark.slow
def test_trial_whose_driver_does_not_answer_is_stopped_and_continues_later(store, tmp_path):
    engine = LocalWorkers(1, tmp_path / "logs")
    task = Task(**{**vars(task_of(store, tmp_path, 0, 320, num_logs=4)), "stage": "trial"})
    try:
        engine.submit(task, never)
        wait_for(tmp_path / "run0" / "last.pt")
        time.sleep(1.0)  # it waits for an answer that nobody gives
    finally:
        engine.close()
    assert stored(store, task).info.status == "KILLED"
    asked = []
    result = run_task(task, should_prune=lambda curve: bool(asked.append(curve)))
    assert [len(curve) for curve in asked] == [2, 3]
    assert result.status in {"ok", "collapsed"}
