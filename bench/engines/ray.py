"""Runs as tasks of Ray Core: on this machine, or on every node of a cluster.

The only file that knows Ray. The driver asks and tells as with any engine; a node gets a resolved
task and gives its result back. A run whose worker or node is lost continues from its checkpoint, which
lies where all nodes see it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import bench
from bench.console import settle
from bench.engines import Loss, Outcome, Placement, ShouldPrune, engine
from bench.engines._dependencies import (
    Dependencies,
    NeededFile,
    adopt_environment,
    dependencies_of,
    shared_environment,
    with_dependencies,
)
from bench.engines.worker import STOP_SECONDS
from bench.errors import DiskTrouble, Interrupted, NoWorkers, UsageError
from bench.files import data_home, disk_watched
from bench.registry import in_a_line
from bench.runtime import num_cores
from bench.tracking.opening import artifacts_folder

if TYPE_CHECKING:
    import torch

    from bench.engines.task import Task

T = TypeVar("T")

ASK_SECONDS = 0.1
"""How long the driver listens before it answers trials that wait."""
LOOK_SECONDS = 20.0
"""How often it looks whether anything can run at all."""
ANSWER_SECONDS = 5.0
"""How long a cluster may take to answer at its address."""
HEAR_SECONDS = 30.0
"""How long a worker's question whether to stop stays open, also that of a worker that is gone."""
LAST_WORD_SECONDS = 1.0
"""How long a worker that was told to end may take to say how its run was left."""
LOCAL_MEMORY = 100 << 20
"""Of the object store of a Ray of our own: what passes through are tasks and results."""

_joined = False
"""Whether this process joined Ray through this file: that of a Python caller is the caller's to end."""


@engine("ray")
class RayTasks:
    """One task of Ray for each run, on this machine or on a cluster; needs the extra ``ray``."""

    placement: ClassVar[Placement] = Placement()

    def __init__(self, jobs: int, logs: Path) -> None:
        _require_ray()
        self._jobs, self._logs = jobs, logs
        self._busy: dict[Any, tuple[Task, ShouldPrune]] = {}
        self._dependencies: dict[tuple[tuple[str, str], ...], Dependencies] = {}
        self._stored: dict[str, Any] = {}
        self._coordinator: Any = None
        self._looked = time.monotonic()

    @classmethod
    def placed(cls, placement: Placement) -> type[RayTasks]:
        """The engine for that place."""
        return type(cls.__name__, (cls,), {"placement": placement, "__doc__": cls.__doc__})

    @classmethod
    def num_jobs(cls, asked: int | None, device: torch.device) -> int:
        """What is asked for, else as many as the nodes hold at a time.

        Raises:
            UsageError: No Ray, no cluster at that address, or no node that could run one.
        """
        _require_ray()
        if cls.placement.address is None:
            return asked or max(1, _room(cls.placement, _this_machine(), device.type))
        _connect(cls.placement, jobs=1)
        most = sum(_room(cls.placement, node, device.type) for node in _nodes())
        if not most:
            raise UsageError(
                f"no node of the Ray cluster has {cls.placement.phrase(device.type)}: start one that "
                "has, or ask for less with --cpus-per-run or --gpus-per-run"
            )
        return asked or most

    @classmethod
    def speedup(cls, jobs: int) -> float:
        """Timed on this machine; of a cluster each run has what it asks for."""
        from bench.engines import _timing

        here = cls.placement.address is None
        return _timing.speedup(min(jobs, num_cores())) if here else float(jobs)

    @property
    def free(self) -> int:
        """Tasks that may be submitted now."""
        return self._jobs - len(self._busy)

    def submit(self, task: Task, should_prune: ShouldPrune) -> None:
        """Hands the task to Ray, which places it.

        Raises:
            UsageError: A node does not see what it needs.
        """
        if self._coordinator is None:
            self._open(task)
        import ray

        placed = self.placement
        remote = ray.remote(_work).options(
            num_cpus=placed.cpus,
            num_gpus=placed.gpus if task.device == "cuda" else 0,
            max_retries=0,  # a loss is the driver's to count: it continues from the checkpoint
        )
        needed = self._dependencies_of(task)
        there = replace(task, folder=_absolute(task.folder))
        sent = _RemoteTask(
            there,
            needed,
            self._stored,
            self._coordinator,
            shared_environment(),
            self._logs.absolute(),
        )
        with _answering():
            self._busy[remote.remote(sent)] = task, should_prune

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """Outcomes of what has ended or was lost; trials get their answers.

        Raises:
            DiskTrouble: A worker met it, as every other one would.
            NoWorkers: No node is left that could run anything, or the cluster is lost.
            UsageError: A node lacks what a task needs.
        """
        if not self._busy:
            return []
        with _answering():
            done = self._ended(timeout)
            if not done:
                self._look()
        return [self._outcome(reference) for reference in done]

    def _ended(self, timeout: float) -> list[Any]:
        """References of the tasks that end within a while."""
        import ray

        until = time.monotonic() + timeout
        while True:
            left = max(0.0, until - time.monotonic())
            pause = min(left, ASK_SECONDS) if self._has_trials else left
            done, _ = ray.wait(list(self._busy), num_returns=len(self._busy), timeout=0)
            done = done or ray.wait(list(self._busy), timeout=pause)[0]
            self._answer()
            if done or time.monotonic() >= until:
                return list(done)

    def close(self) -> None:
        """Asks running tasks to save a checkpoint, and leaves the cluster; a Ray of our own ends.

        One that was there before stays, without the tasks.
        """
        if self._coordinator is None:
            return
        import ray

        try:
            with contextlib.suppress(ray.exceptions.RayError):
                self._coordinator.stop.remote()  # those that cannot be told hear that it is lost
                left = self._left(STOP_SECONDS)
                for reference in left:
                    ray.cancel(reference, force=True)
        finally:
            self._coordinator, self._busy = None, {}
            _leave()

    def _left(self, seconds: float) -> list[Any]:
        """Tasks that have not ended after a while."""
        import ray

        busy = list(self._busy)
        return ray.wait(busy, num_returns=len(busy), timeout=seconds)[1] if busy else []

    def _dependencies_of(self, task: Task) -> Dependencies:
        """What a task needs; what may have to travel is given to Ray, each content once."""
        import ray

        key = tuple(sorted(p for p in task.params.items() if p[0].startswith(("data.", "eval."))))
        if key not in self._dependencies:
            self._dependencies[key] = needed = dependencies_of(task)
            for each in needed.files if self.placement.address else ():
                if each.digest not in self._stored:
                    self._stored[each.digest] = ray.put(Path(each.source).read_bytes())
        return self._dependencies[key]

    @property
    def _has_trials(self) -> bool:
        return any(task.stage == "trial" for task, _ in self._busy.values())

    def _open(self, task: Task) -> None:
        """Ray, a place where runs ask, and a look at every node."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

        _connect(self.placement, self._jobs)
        self._logs.mkdir(parents=True, exist_ok=True)
        self._coordinator = (
            ray.remote(_Coordinator)
            .options(
                num_cpus=0,
                max_concurrency=10_000,
                scheduling_strategy=On(ray.get_runtime_context().get_node_id(), soft=False),
            )
            .remote()
        )
        _require_nodes(task, self._logs)

    def _answer(self) -> None:
        """Answers the trials that ask whether they are to end."""
        if not self._has_trials:
            return
        import ray

        judges = {
            _absolute(task.folder): should_prune for task, should_prune in self._busy.values()
        }
        for folder, curve in ray.get(self._coordinator.questions.remote()):
            self._coordinator.answer.remote(folder, folder not in judges or judges[folder](curve))

    def _outcome(self, reference: Any) -> Outcome:
        """What became of a task."""
        import ray

        task, _ = self._busy.pop(reference)
        try:
            kind, said = ray.get(reference)
        except ray.exceptions.OutOfMemoryError:
            reason = "out of memory: Ray ended its worker process: raise --cpus-per-run, or lower "
            return Outcome(task, None, Loss(f"{reason}train.batch_size", out_of_memory=True))
        except ray.exceptions.RayError as error:
            self._require_coordinator()
            said = in_a_line(getattr(error, "cause", None) or error)
            return Outcome(task, None, Loss(f"its worker was lost ({said}): see {self._logs}"))
        if kind == "result":
            return Outcome(task, said)
        if kind == "interrupted":
            self._require_coordinator()
            return Outcome(task, None, Loss("its worker was told to stop"))
        raise said

    def _require_coordinator(self) -> None:
        """Whom runs ask is there: without it each of them stops, and the next one too.

        Raises:
            NoWorkers: It is lost.
        """
        import ray

        with _answering():
            ray.get(self._coordinator.questions.remote(), timeout=STOP_SECONDS)

    def _look(self) -> None:
        """Whether a node is left that could run anything.

        Raises:
            NoWorkers: None is, or nobody answers.
        """
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._require_coordinator()
        device = next(iter(self._busy.values()))[0].device
        if not any(_room(self.placement, node, device) for node in _in_time(_nodes)):
            raise NoWorkers(
                f"no node of the Ray cluster is left that has {self.placement.phrase(device)}: start "
                "one and give the same command again"
            )


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """What is asked inside is answered by the cluster, and by the actor that answers its runs.

    Raises:
        NoWorkers: One of them is lost.
    """
    import ray

    try:
        yield
    except (ray.exceptions.RayError, ConnectionError) as error:
        is_actor = isinstance(error, ray.exceptions.RayActorError)
        what = "the actor of this command, which its runs ask" if is_actor else "the cluster"
        raise _lost(what, f"{type(error).__name__}: {_first_line(error)}") from error


def _in_time(ask: Callable[[], T]) -> T:
    """What Ray's head says; of one that is gone Ray itself says nothing, and ends us after a minute.

    Raises:
        NoWorkers: It says nothing.
    """
    said: list[T] = []
    asking = threading.Thread(target=lambda: said.append(ask()), daemon=True)
    asking.start()
    asking.join(STOP_SECONDS)
    if not said:
        raise _lost("the head of the cluster", f"no answer in {STOP_SECONDS} s")
    return said[0]


def _lost(what: str, why: str) -> NoWorkers:
    return NoWorkers(
        f"Ray lost {what} ({why}): every run keeps its checkpoint: see `ray status`, then give the "
        "same command again"
    )


class _Coordinator:
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
class _RemoteTask:
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


def _work(sent: _RemoteTask) -> tuple[str, Any]:
    """A run on a node: ``result``, ``interrupted`` or ``trouble``, and what there is to say."""
    import ray

    _log_into(sent.logs)
    if not sent.logs.is_dir():  # a node that came after all were looked at
        return "trouble", _unseen(socket.gethostname(), sent.logs)
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
        if heard is None or heard.asked():  # an coordinator may have been out of reach for a while
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


def _probe(path: str) -> dict[str, str]:
    """What a node says of itself: its name, its versions, and what it reads in a file."""
    try:
        seen = Path(path).read_text(encoding="ascii")
    except OSError:
        seen = ""
    return {"host": socket.gethostname(), "seen": seen, "bench": bench.__version__}


def _require_nodes(task: Task, logs: Path) -> None:
    """Every node sees the folder of the runs, has the same bench, and reaches the tracking store.

    Raises:
        UsageError: One does not.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    nodes = _nodes()
    hosts = {node["NodeManagerAddress"] for node in nodes}
    if len(hosts) > 1 and artifacts_folder(task.uri):
        raise UsageError(
            f"the Ray cluster has {len(hosts)} machines, and the tracking store keeps its pictures on "
            "this one: start an MLflow server that they all reach and give its address with "
            "--tracking-uri"
        )
    with _file_to_find(logs) as (path, word):
        probes = [
            ray.remote(_probe)
            .options(num_cpus=0, scheduling_strategy=On(node["NodeID"], soft=True))
            .remote(str(path))
            for node in nodes
        ]
        try:
            answers = ray.get(probes)
        except ray.exceptions.RayError as error:
            raise UsageError(
                f"a node of the Ray cluster cannot run bench {bench.__version__} "
                f"({_last_line(error)}): install it there, in the Python that Ray is started from"
            ) from error
        for said in answers:
            if said["seen"] != word:
                raise _unseen(said["host"], logs.absolute())
            if said["bench"] != bench.__version__:
                raise UsageError(
                    f"node {said['host']} has bench {said['bench']}, and this machine "
                    f"{bench.__version__}: install the same on both"
                )


def _unseen(host: str, folder: Path) -> UsageError:
    return UsageError(
        f"node {host} does not see the folder '{folder}', where checkpoints and results lie: give "
        "--root a folder that all nodes see"
    )


def _first_line(error: Exception) -> str:
    """What happened, of an error that has its details below."""
    return str(error).strip().partition("\n")[0].rstrip(".")


def _last_line(error: Exception) -> str:
    """What went wrong, of an error that has a traceback in its words."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


@contextlib.contextmanager
def _file_to_find(folder: Path) -> Iterator[tuple[Path, str]]:
    word = uuid.uuid4().hex
    path = folder.absolute() / f".probe-{word}"
    path.write_text(word, encoding="ascii")
    try:
        yield path, word
    finally:
        path.unlink(missing_ok=True)


def _absolute(folder: str) -> str:
    return str(Path(folder).absolute())


def _require_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "engine 'ray' needs Ray, which is not installed: pip install 'latentbench[ray]'"
        )


def _connect(placement: Placement, jobs: int) -> None:
    """Joins the cluster at its address; else starts a Ray on this machine with room for the jobs.

    Raises:
        UsageError: Nothing answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        return
    global _joined
    own = {
        "num_cpus": max(1, int(jobs * placement.cpus + 0.999)),
        "object_store_memory": LOCAL_MEMORY,
        "include_dashboard": False,
    }
    where = {"address": placement.address} if placement.address else {"address": "local", **own}
    try:
        _require_answer(placement.address or "")
        with _own_answer_to_the_end():
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
            _joined = True
    except Exception as error:  # of a node that does not come up it is no more than that
        raise UsageError(
            f"no Ray cluster answers at '{placement.address or 'this machine'}' "
            f"({in_a_line(error)}): start one with `ray start --head`, or leave --ray-address out"
        ) from error


def _leave() -> None:
    """Leaves the Ray that this file joined or started; a caller's stays."""
    global _joined
    import ray

    if not _joined:
        return
    _joined = False
    leaving = threading.Thread(target=ray.shutdown, daemon=True)
    leaving.start()
    leaving.join(STOP_SECONDS)
    if leaving.is_alive():  # its head is gone: what it started ends with this process
        atexit.unregister(ray.shutdown)


@contextlib.contextmanager
def _own_answer_to_the_end() -> Iterator[None]:
    """Ray answers SIGTERM by ending the process with its number; here it means what Ctrl-C does."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _require_answer(address: str) -> None:
    """Somebody listens there: Ray would try for minutes, and then end the process.

    Raises:
        OSError: Nobody does.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "//" not in host:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()


def _nodes() -> list[dict[str, Any]]:
    import ray

    every: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in every if node["Alive"]]


def _this_machine() -> dict[str, Any]:
    """As Ray tells of a node."""
    import torch

    return {"Resources": {"CPU": float(num_cores()), "GPU": float(torch.cuda.device_count())}}


def _room(placement: Placement, node: dict[str, Any], device: str) -> int:
    """How many runs a node holds at a time."""
    has = node["Resources"]
    rooms = [has.get("CPU", 0.0) / placement.cpus]
    if device == "cuda":
        rooms.append(has.get("GPU", 0.0) / placement.gpus)
    return int(min(*rooms, 999))
