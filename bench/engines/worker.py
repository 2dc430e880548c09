"""A worker process: from its first line on it ends with its driver and speaks into its log.

What takes seconds to import comes after that: a worker that cannot start says why in its log.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from bench.console import guard_streams
from bench.errors import DiskTrouble, Interrupted
from bench.signals import end_with

STOP_SECONDS = 20
"""How long a worker that is asked to stop may take; one without a driver is ended by the kernel then."""

ANSWER_SECONDS = 0.2
"""How long a trial waits for an answer before it looks whether it is to stop."""

READY, BEGUN = "ready", "begun"
"""What a worker says when it can take tasks, and when it has taken one."""


def serve(pipe: Connection, log: str, driver: int) -> None:
    """A worker's life: tasks come through the pipe, results go back, until the pipe closes.

    It ends at once: what Python would tidy up first, all of torch, takes seconds of a busy machine.
    """
    with Path(log).open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    guard_streams()
    end_with(driver)
    _leave_to_the_driver()
    from bench.engines.task import run_task

    stop = _Stop(driver)
    signal.signal(signal.SIGTERM, stop.ask)
    with contextlib.suppress(Interrupted, EOFError, ConnectionError):
        pipe.send(READY)
        while not stop.asked():
            stop.idle = True
            task = pipe.recv()
            stop.idle = False
            pipe.send(BEGUN)
            try:
                pipe.send(
                    run_task(task, stop.asked, lambda curve: _judged(pipe, curve, stop.asked))
                )
            except DiskTrouble as trouble:
                pipe.send(trouble)
                break
    _exit()


class _Stop:
    """The wish that a worker stops: its driver's, or that of a driver that is gone."""

    def __init__(self, driver: int) -> None:
        self.idle = False
        self._driver, self._asked = driver, False

    def ask(self, *_: object) -> None:
        """At once where it has nothing to keep; soon, else the kernel ends it."""
        if self.idle:
            _exit()
        signal.alarm(STOP_SECONDS)
        self._asked = True

    def asked(self) -> bool:
        """Whether it is to stop."""
        return self._asked or os.getppid() != self._driver


def _exit() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave_to_the_driver() -> None:
    """Ctrl-C and the end of a terminal reach the whole group; the driver decides what they mean."""
    ignored = [signal.SIGINT, signal.SIGHUP]
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ignored)


def _judged(pipe: Connection, curve: list[float], asked: Callable[[], bool]) -> bool:
    """The driver's judgement of a trial.

    Raises:
        Interrupted: The driver is gone, or wants the worker to stop.
    """
    try:
        pipe.send(curve)
        while not pipe.poll(ANSWER_SECONDS):
            if asked():
                raise Interrupted("stopped while it waited for the driver")
        return bool(pipe.recv())
    except (EOFError, ConnectionError) as error:
        raise Interrupted("the driver is gone") from error
