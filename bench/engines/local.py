"""Trials in persistent worker processes: imports paid once, a killed worker loses its trial only."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from bench.engines import Loss, Outcome, ShouldPrune, engine
from bench.engines.worker import BEGUN, STOP_SECONDS, serve
from bench.errors import DiskTrouble, NoWorkers
from bench.memory import kernel_kills
from bench.runtime import num_cores

if TYPE_CHECKING:
    import torch

    from bench.engines.task import Task

MAX_MISSED = 3
SPAWN = multiprocessing.get_context("spawn")


@dataclass
class _Worker:
    """A worker process and what it has been given.

    Attributes:
        log: What it prints.
        logged: How long the log was before it.
        missed: Of those before it in its place, how many died in a row before they began anything.
        ready: Whether it can take tasks.
        begun: Whether it has begun its task.
        kills: The kernel's kills for lack of memory before it.
    """

    process: BaseProcess
    pipe: Connection
    log: Path
    logged: int
    missed: int = 0
    ready: bool = False
    begun: bool = False
    task: Task | None = None
    should_prune: ShouldPrune | None = None
    kills: int = field(default_factory=kernel_kills)

    def hand(self, task: Task | None, should_prune: ShouldPrune | None) -> None:
        """Sends it a task; of one that is gone ``wait`` hears."""
        self.task, self.should_prune, self.begun = task, should_prune, False
        if task is not None:
            with contextlib.suppress(OSError):
                self.pipe.send(task)

    def how_it_ended(self) -> Loss:
        """Why its process is gone."""
        if self.process.exitcode == -signal.SIGKILL and kernel_kills() > self.kills:
            return Loss(
                "out of memory: the kernel killed its worker process: give fewer --jobs, or lower "
                "train.batch_size",
                out_of_memory=True,
            )
        return Loss(f"its worker process {self.ending()}: see {self.log}")

    def ending(self) -> str:
        """``was killed by signal 9 (SIGKILL)``."""
        code = self.process.exitcode or 0
        return f"ended with exit code {code}" if code >= 0 else f"was killed by {_signal(-code)}"

    def last_words(self) -> str:
        """The last line that it printed."""
        try:
            said = self.log.read_bytes()[self.logged :].decode(errors="replace")
        except OSError:
            return ""
        return (said.strip() or "it said nothing").splitlines()[-1].strip()


@engine("local")
class LocalWorkers:
    """Several runs at a time, in worker processes; one that dies is replaced."""

    def __init__(self, jobs: int, logs: Path) -> None:
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        resource_tracker.ensure_running()  # else the first start lets signals through
        self._workers: list[_Worker] = []
        try:
            for index in range(jobs):
                self._workers.append(self._start(index))
        except BaseException:
            self.close()
            raise

    @staticmethod
    def num_jobs(asked: int | None, device: torch.device) -> int:
        """As many as do most, timed; runs on a GPU, which they would share, one after the other."""
        from bench.engines._timing import best_jobs

        return asked or (1 if device.type == "cuda" else best_jobs(num_cores()))

    @staticmethod
    def speedup(jobs: int) -> float:
        """Timed; more than there are cores do no more."""
        from bench.engines import _timing

        return _timing.speedup(min(jobs, num_cores()))

    @property
    def free(self) -> int:
        """Idle workers, those that start counted in."""
        return sum(worker.task is None for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process ids, in order."""
        return [worker.process.pid or 0 for worker in self._workers]

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Gives the task to an idle worker."""
        next(w for w in self._workers if w.task is None).hand(task, should_prune)

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """Outcomes of the workers that have finished or died; trials get their answers.

        A worker that dies before it has begun its task is replaced, and the task is the next one's.

        Raises:
            DiskTrouble: A worker met it, as every other one would.
            NoWorkers: They cannot start.
        """
        ready = set(wait([x for w in self._workers for x in (w.pipe, w.process.sentinel)], timeout))
        heard = [w for w in self._workers if w.pipe in ready or w.process.sentinel in ready]
        return [outcome for worker in heard for outcome in self._hear(worker)]

    def close(self) -> None:
        """Asks all workers at once to keep what they have and to end; then they are killed."""
        try:
            for worker in self._workers:
                worker.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            left = [worker.process.sentinel for worker in self._workers]
            while left and time.monotonic() < deadline:
                ended = wait(left, deadline - time.monotonic())
                left = [sentinel for sentinel in left if sentinel not in ended]
        finally:
            for worker in self._workers:
                worker.process.kill()
                worker.process.join()
                worker.pipe.close()

    def _hear(self, worker: _Worker) -> list[Outcome]:
        """What a worker says, or that it is gone."""
        try:
            said = worker.pipe.recv() if worker.pipe.poll() else None
        except (EOFError, OSError):
            said = None
        if said is None:
            return self._replace(worker)
        if isinstance(said, str):
            worker.ready, worker.begun = True, said == BEGUN
            worker.missed = worker.missed if worker.task and not worker.begun else 0
            return []
        if isinstance(said, list):
            assert worker.should_prune is not None
            with contextlib.suppress(OSError):
                worker.pipe.send(worker.should_prune(said))
            return []
        if isinstance(said, DiskTrouble):
            raise said
        assert worker.task is not None
        done, worker.task = worker.task, None
        return [Outcome(done, said)]

    def _replace(self, worker: _Worker) -> list[Outcome]:
        """Another one in the place of one that is gone, with the task that it had not begun."""
        worker.process.join(STOP_SECONDS)
        worker.process.kill()  # one that has closed its pipe and does not end
        worker.process.join()
        worker.pipe.close()
        if not worker.ready or (worker.task and not worker.begun):
            worker.missed += 1
        if worker.missed == MAX_MISSED:
            raise NoWorkers(
                f"no worker process can start, {MAX_MISSED} tries in a row ended: the last one "
                f"{worker.ending()}, {worker.log} says last: {worker.last_words()}"
            )
        index = self._workers.index(worker)
        self._workers[index] = new = self._start(index)
        new.missed = worker.missed
        if worker.task is not None and worker.begun:
            return [Outcome(worker.task, None, worker.how_it_ended())]
        new.hand(worker.task, worker.should_prune)
        return []

    def _start(self, index: int) -> _Worker:
        ours, theirs = SPAWN.Pipe()
        log = self._logs / f"worker{index}.log"
        logged = log.stat().st_size if log.exists() else 0
        process = SPAWN.Process(target=serve, args=(theirs, str(log), os.getpid()), daemon=True)
        # Until it can ignore them: the driver decides what they mean.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGHUP])
        try:
            with _without_script():
                process.start()
        except OSError as error:
            raise NoWorkers(
                f"no worker process can be started ({error.strerror or error}): give fewer --jobs"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return _Worker(process, ours, log, logged)


@contextlib.contextmanager
def _without_script() -> Iterator[None]:
    """Inside, a process that starts does not run the program again that Python was called with.

    Nothing of it is needed, and a script that runs a study would do so once more in each worker.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _signal(number: int) -> str:
    """``signal 9 (SIGKILL)``."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
