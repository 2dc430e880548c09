"""What of Ray runs on a node: a run, the actor that runs ask, and what a node says of itself."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import bench
from bench.console import settle
from bench.engines._dependencies import (
    Dependencies,
    NeededFile,
    adopt_environment,
    with_dependencies,
)
from bench.errors import DiskTrouble, Interrupted, UsageError
from bench.files import data_home, disk_watched

if TYPE_CHECKING:
    from bench.engines.task import Task

ASK_SECONDS = 0.1
"""How often a trial that waits for its answer looks whether it is to stop."""
HEAR_SECONDS = 30.0
"""How long a worker's question whether to stop stays open, also that of a worker that is gone."""
LAST_WORD_SECONDS = 1.0
"""How long a worker that was told to end may take to say how its run was left."""

_ENDING = threading.Event()
"""Whether this process has had its last run."""


class Coordinator:
    """An actor beside the driver: trials ask here, and all hear here that they are to stop."""

    def __init__(self) -> None:
        import asyncio

        self._stop = asyncio.Event()
        self._open: dict[str, tuple[list[float], Any]] = {}

    async def stop(self) -> None:
        """Tells everybody."""
        self._stop.set()

    async def stopped(self) -> bool:
        """Whether everybody is to stop: at once when it is so, else after a while."""
        import asyncio

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), HEAR_SECONDS)
        return self._stop.is_set()

    async def ask(self, folder: str, curve: list[float]) -> bool:
        """Whether the trial in a folder is to end now; waits for the driver."""
        import asyncio

        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._open[folder] = curve, answer
        return await answer

    async def questions(self) -> list[tuple[str, list[float]]]:
        """What has not been answered yet."""
        return [(folder, curve) for folder, (curve, _) in self._open.items()]

    async def answer(self, folder: str, verdict: bool) -> None:
        """Answers it."""
        _, answer = self._open.pop(folder, ([], None))
        if answer is not None and not answer.done():
            answer.set_result(verdict)


@dataclass(frozen=True)
class RemoteTask:
    """A task with all that its node may need.

    Attributes:
        task: As the driver has it.
        needed: What has to be on its node.
        stored: Where Ray keeps what may have to travel, by its digest.
        coordinator: Whom to ask.
        variables: Of the driver's environment, passwords among them.
        logs: Where workers print.
        place: Where the driver's command was given.
    """

    task: Task
    needed: Dependencies
    stored: dict[str, Any]
    coordinator: Any
    variables: dict[str, str] = field(repr=False)
    logs: Path
    place: Path = field(default_factory=Path.cwd)


def work(sent: RemoteTask) -> tuple[str, Any]:
    """A run on a node: ``result``, ``interrupted`` or ``trouble``, and what there is to say."""
    import ray

    if _ENDING.is_set():
        # Ray gave it another run meanwhile, which is lost with it and begins elsewhere.
        time.sleep(60 * LAST_WORD_SECONDS)
        return "interrupted", None
    _log_into(sent.logs)
    if not sent.logs.is_dir():  # a node that came after all were looked at
        return "trouble", unseen(socket.gethostname(), sent.logs)
    if sent.place.is_dir():  # where names of files mean what they mean to the driver
        os.chdir(sent.place)
    adopt_environment(sent.variables)
    from bench.engines.task import run_task

    stop, task = _Stop.of(sent.coordinator), sent.task
    asked = functools.partial(_judged, sent.coordinator, task.folder, stop)

    def content(file: NeededFile) -> bytes:
        if file.digest in sent.stored:
            return bytes(ray.get(sent.stored[file.digest]))
        return Path(file.source).read_bytes()  # on the driver's own machine

    try:
        with disk_watched(data_home()):
            here = with_dependencies(task, sent.needed, content, socket.gethostname())
    except (DiskTrouble, UsageError) as trouble:
        return "trouble", trouble
    try:
        with _sigterm_stops(stop):
            return "result", run_task(here, stop.asked, asked)
    except DiskTrouble as trouble:
        return "trouble", trouble
    except Interrupted:
        return "interrupted", None


def _judged(coordinator: Any, folder: str, stop: _Stop, curve: list[float]) -> bool:
    """The driver's judgement of a trial.

    Raises:
        Interrupted: The driver is gone, or wants the worker to stop.
    """
    import ray

    try:
        answer = coordinator.ask.remote(folder, curve)
        while not ray.wait([answer], timeout=ASK_SECONDS)[0]:
            if stop.asked():
                raise Interrupted("stopped while it waited for the driver")
        return bool(ray.get(answer))
    except ray.exceptions.RayError as error:
        raise Interrupted("the driver is gone") from error


class _Stop:
    """The wish that runs stop: the driver's, or that of a driver that is gone."""

    _heard: ClassVar[dict[Any, _Stop]] = {}

    @classmethod
    def of(cls, coordinator: Any) -> _Stop:
        """One for all runs of this process: who listens takes a thread here and a call there."""
        heard = cls._heard.get(coordinator)
        if heard is None or heard.asked():  # a coordinator may have been out of reach for a while
            heard = cls._heard[coordinator] = cls(coordinator)
        return heard

    def __init__(self, coordinator: Any) -> None:
        self._asked = threading.Event()
        threading.Thread(target=self._listen, args=(coordinator,), daemon=True).start()

    def ask(self) -> None:
        """The process itself is to end."""
        self._asked.set()

    def asked(self) -> bool:
        """Whether it is to stop."""
        return self._asked.is_set()

    def _listen(self, coordinator: Any) -> None:
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            while not ray.get(coordinator.stopped.remote()):
                pass
        self._asked.set()


@contextlib.contextmanager
def _sigterm_stops(stop: _Stop) -> Iterator[None]:
    """SIGTERM, as a node that is drained sends it, stops the run; what it had to say goes out first.

    Ray's own answer ends the process wherever it is, with what the last checkpoint had.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []

    def ask(number: int, _: object) -> None:
        told.append(number)
        stop.ask()

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if told:
            _ENDING.set()
            threading.Timer(LAST_WORD_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)).start()


def _log_into(logs: Path) -> None:
    """What a worker prints goes where the local workers' goes, and passes the same guard."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what it means
    log = logs / f"ray-{socket.gethostname()}-{os.getpid()}.log"
    with contextlib.suppress(OSError), log.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    settle()


def probe(path: str) -> dict[str, str]:
    """What a node says of itself: its name, its versions, and what it reads in a file."""
    try:
        seen = Path(path).read_text(encoding="ascii")
    except OSError:
        seen = ""
    return {"host": socket.gethostname(), "seen": seen, "bench": bench.__version__}


def unseen(host: str, folder: Path) -> UsageError:
    """What to say of a node that does not see the folder of the runs."""
    return UsageError(
        f"node {host} does not see the folder '{folder}', where checkpoints and results lie: give "
        "--root a folder that all nodes see"
    )
