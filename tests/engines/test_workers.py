"""Worker processes that die, start or stay, without what a real one imports."""

import os
import signal
import time

import light_worker
import pytest
from light_worker import never, outcomes

from bench.engines import local
from bench.engines.local import LocalWorkers
from bench.errors import NoWorkers


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "serve", light_worker.serve)
    opened = LocalWorkers(2, tmp_path)
    yield opened
    opened.close()


def wait_until(condition, engine=None):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        if engine:
            engine.wait(timeout=0.05)
        time.sleep(0.02)


def test_worker_killed_while_it_starts_is_replaced_and_its_task_is_the_next_ones(engine):
    first = engine.pids
    for number in range(2):
        engine.submit(f"task {number}", never)
    os.kill(first[0], signal.SIGKILL)
    done = outcomes(engine, 2)
    assert sorted(one.result.reason for one in done) == ["task 0", "task 1"]
    assert engine.pids[0] != first[0]
    assert engine.pids[1] == first[1]


def test_idle_workers_that_die_again_and_again_are_replaced(engine):
    for _ in range(4):
        wait_until(lambda: all(worker.ready for worker in engine._workers), engine)
        os.kill(engine.pids[1], signal.SIGKILL)
        before = engine.pids[1]
        wait_until(lambda before=before: engine.pids[1] != before, engine)
    engine.submit("task", never)
    assert outcomes(engine, 1)[0].result.reason == "task"


def test_idle_worker_that_died_unseen_loses_no_task(engine):
    wait_until(lambda: all(worker.ready for worker in engine._workers), engine)
    os.kill(engine.pids[0], signal.SIGKILL)
    engine._workers[0].process.join()
    engine.submit("task", never)
    assert outcomes(engine, 1)[0].result.reason == "task"


def test_workers_that_cannot_start_end_the_study_with_the_last_line_of_their_log(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(local, "serve", light_worker.serve)
    (tmp_path / "breaks").touch()
    engine = LocalWorkers(1, tmp_path)
    try:
        engine.submit("task", never)
        with pytest.raises(NoWorkers) as caught:
            outcomes(engine, 1)
    finally:
        engine.close()
    said = str(caught.value)
    assert said.startswith(
        "no worker process can start, 3 tries in a row ended: the last one ended"
    )
    assert "exit code 1" in said
    assert said.endswith("worker0.log says last: ImportError: no module named torch")
    assert "\n" not in said


@pytest.mark.parametrize("short", [False, True])
def test_worker_that_dies_with_a_task_is_a_loss_that_says_how(engine, monkeypatch, short):
    monkeypatch.setattr(local, "kernel_kills", lambda: 1 if short else 0)
    for worker in engine._workers:
        worker.kills = 0
    engine.submit("dies", never)
    (outcome,) = outcomes(engine, 1)
    assert outcome.result is None
    assert outcome.loss.out_of_memory == short
    assert outcome.loss.reason.startswith("out of memory" if short else "its worker process was")
    assert engine.free == 2


def test_workers_are_asked_together_and_killed_after_a_while(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "STOP_SECONDS", 0.3)
    for _ in range(2):
        engine.submit("stays", never)
    wait_until(lambda: len(list(tmp_path.glob("*.stays"))) == 2, engine)
    processes = [worker.process for worker in engine._workers]
    engine.close()
    assert [process.exitcode for process in processes] == [-signal.SIGKILL] * 2
