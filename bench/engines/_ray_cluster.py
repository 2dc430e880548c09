"""The cluster of Ray as the driver sees it: joined and left, looked at, and lost in a sentence."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import bench
from bench.engines import Placement
from bench.engines._ray_node import probe, unseen
from bench.engines.worker import STOP_SECONDS
from bench.errors import NoWorkers, UsageError
from bench.registry import in_a_line
from bench.runtime import num_cores
from bench.tracking.opening import artifacts_folder

if TYPE_CHECKING:
    from bench.engines.task import Task

T = TypeVar("T")

ANSWER_SECONDS = 5.0
"""How long a cluster may take to answer at its address."""
LOCAL_MEMORY = 100 << 20
"""Of the object store of a Ray of our own: what passes through are tasks and results."""

_joined = False
"""Whether this process joined Ray through this file: that of a Python caller is the caller's to end."""


def require_ray() -> None:
    """Ray is installed.

    Raises:
        UsageError: It is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "engine 'ray' needs Ray, which is not installed: pip install 'latentbench[ray]'"
        )


def connect(placement: Placement, jobs: int) -> None:
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


def leave() -> None:
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


def live_nodes() -> list[dict[str, Any]]:
    """Nodes that are up, as Ray tells of them."""
    import ray

    every: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in every if node["Alive"]]


def this_machine() -> dict[str, Any]:
    """As Ray tells of a node."""
    import torch

    return {"Resources": {"CPU": float(num_cores()), "GPU": float(torch.cuda.device_count())}}


def room(placement: Placement, node: dict[str, Any], device: str) -> int:
    """How many runs a node holds at a time."""
    has = node["Resources"]
    rooms = [has.get("CPU", 0.0) / placement.cpus]
    if device == "cuda":
        rooms.append(has.get("GPU", 0.0) / placement.gpus)
    return int(min(*rooms, 999))


def require_nodes(task: Task, logs: Path) -> None:
    """Every node sees the folder of the runs, has the same bench, and reaches the tracking store.

    Raises:
        UsageError: One does not.
    """
    nodes = live_nodes()
    hosts = {node["NodeManagerAddress"] for node in nodes}
    if len(hosts) > 1 and artifacts_folder(task.uri):
        raise UsageError(
            f"the Ray cluster has {len(hosts)} machines, and the tracking store keeps its pictures on "
            "this one: start an MLflow server that they all reach and give its address with "
            "--tracking-uri"
        )
    with _file_to_find(logs) as (path, word):
        for said in _probed(nodes, path):
            if said["seen"] != word:
                raise unseen(said["host"], logs.absolute())
            if said["bench"] != bench.__version__:
                raise UsageError(
                    f"node {said['host']} has bench {said['bench']}, and this machine "
                    f"{bench.__version__}: install the same on both"
                )


def _probed(nodes: Sequence[dict[str, Any]], path: Path) -> list[dict[str, str]]:
    """What each node says of itself and of a file.

    Raises:
        UsageError: One cannot run bench.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    probes = [
        ray.remote(probe)
        .options(num_cpus=0, scheduling_strategy=On(node["NodeID"], soft=True))
        .remote(str(path))
        for node in nodes
    ]
    try:
        return list(ray.get(probes))
    except ray.exceptions.RayError as error:
        raise UsageError(
            f"a node of the Ray cluster cannot run bench {bench.__version__} "
            f"({_last_line(error)}): install it there, in the Python that Ray is started from"
        ) from error


@contextlib.contextmanager
def _file_to_find(folder: Path) -> Iterator[tuple[Path, str]]:
    word = uuid.uuid4().hex
    path = folder.absolute() / f".probe-{word}"
    path.write_text(word, encoding="ascii")
    try:
        yield path, word
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def answering() -> Iterator[None]:
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
        raise lost(what, f"{type(error).__name__}: {_first_line(error)}") from error


def in_time(ask: Callable[[], T]) -> T:
    """What Ray's head says; of one that is gone Ray itself says nothing, and ends us after a minute.

    Raises:
        NoWorkers: It says nothing.
    """
    said: list[T] = []
    asking = threading.Thread(target=lambda: said.append(ask()), daemon=True)
    asking.start()
    asking.join(STOP_SECONDS)
    if not said:
        raise lost("the head of the cluster", f"no answer in {STOP_SECONDS} s")
    return said[0]


def lost(what: str, why: str) -> NoWorkers:
    """What to say where something of the cluster is gone."""
    return NoWorkers(
        f"Ray lost {what} ({why}): every run keeps its checkpoint: see `ray status`, then give the "
        "same command again"
    )


def _first_line(error: Exception) -> str:
    """What happened, of an error that has its details below."""
    return str(error).strip().partition("\n")[0].rstrip(".")


def _last_line(error: Exception) -> str:
    """What went wrong, of an error that has a traceback in its words."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
