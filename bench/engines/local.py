"""Trials in persistent worker processes: imports paid once, a killed worker loses its trial only."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from bench.console import guard_streams
from bench.engines import Outcome, ShouldPrune, engine
from bench.engines.task import Task, run_task
from bench.errors import DiskTrouble, Interrupted
from bench.runtime import num_cores

STOP_SECONDS = 20.0
ANSWER_SECONDS = 0.2
"""How long a trial waits for an answer before it looks whether it is to stop."""
SPAWN = multiprocessing.get_context("spawn")


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    should_prune: ShouldPrune | None = None


@engine("local")
class LocalWorkers:
    """Several runs at a time, in worker processes; one that dies is replaced."""

    def __init__(self, jobs: int, logs: Path) -> None:
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        self._workers = [self._start(i) for i in range(jobs)]

    @staticmethod
    def num_jobs(asked: int | None, device: torch.device) -> int:
        """One for each core; runs on a GPU, which they would share, come one after the other."""
        return asked or (1 if device.type == "cuda" else num_cores())

    @property
    def free(self) -> int:
        """Idle workers."""
        return sum(worker.task is None for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process ids, in order."""
        return [worker.process.pid or 0 for worker in self._workers]

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Gives the task to an idle worker."""
        worker = next(w for w in self._workers if w.task is None)
        worker.task, worker.should_prune = task, should_prune
        worker.pipe.send(task)

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """Outcomes of the workers that have finished or died; trials get their answers.

        Raises:
            DiskTrouble: A worker met it, as every other one would.
        """
        waiting = [w for w in self._workers if w.task is not None]
        ready = set(wait([x for w in waiting for x in (w.pipe, w.process.sentinel)], timeout))
        heard = [w for w in waiting if w.pipe in ready or w.process.sentinel in ready]
        return [outcome for worker in heard for outcome in self._collect(worker)]

    def close(self) -> None:
        """SIGTERM makes a worker save a checkpoint at its next log; then it is killed."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()

    def _collect(self, worker: _Worker) -> list[Outcome]:
        assert worker.task is not None
        assert worker.should_prune is not None
        task = worker.task
        try:
            said = worker.pipe.recv()
            if isinstance(said, list):
                worker.pipe.send(worker.should_prune(said))
                return []
        except (EOFError, ConnectionError):
            index = self._workers.index(worker)
            worker.process.join()
            self._workers[index] = self._start(index)
            return [Outcome(task, None)]
        worker.task = None
        if isinstance(said, DiskTrouble):
            raise said
        return [Outcome(task, said)]

    def _start(self, index: int) -> _Worker:
        ours, theirs = SPAWN.Pipe()
        log = self._logs / f"worker{index}.log"
        process = SPAWN.Process(target=_serve, args=(theirs, str(log), os.getpid()), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _serve(pipe: Connection, log: str, driver: int) -> None:
    """A worker's life: tasks come through the pipe, results go back, until the pipe closes."""
    with Path(log).open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    guard_streams()
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if idle:
            sys.exit(0)
        stopping = True

    def should_stop() -> bool:
        return stopping or os.getppid() != driver

    # Ctrl-C reaches the whole terminal group; the driver decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        idle = True
        try:
            task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        idle = False
        try:
            pipe.send(run_task(task, should_stop, lambda curve: _asked(pipe, curve, should_stop)))
        except DiskTrouble as trouble:
            with contextlib.suppress(ConnectionError):
                pipe.send(trouble)
            return
        except (Interrupted, ConnectionError):
            return


def _asked(pipe: Connection, curve: list[float], should_stop: Callable[[], bool]) -> bool:
    """The driver's judgement of a trial.

    Raises:
        Interrupted: The driver is gone, or wants the worker to stop.
    """
    try:
        pipe.send(curve)
        while not pipe.poll(ANSWER_SECONDS):
            if should_stop():
                raise Interrupted("stopped while it waited for the driver")
        return bool(pipe.recv())
    except (EOFError, ConnectionError) as error:
        raise Interrupted("the driver is gone") from error
