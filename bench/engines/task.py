"""One task in whatever process it lands: resolve, run, log, and never raise for a failed run."""

from __future__ import annotations

import contextlib
import functools
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import Damaged, Interrupted
from bench.files import alone_in, disk_watched, set_aside
from bench.logger import Logger
from bench.models import config_from_params
from bench.pieces import is_out_of_memory
from bench.records import TrialResult
from bench.registry import load_plugins
from bench.runtime import environment, prepare, resolve_device
from bench.text import masked, printable
from bench.tracking.delivery import Sender, deliver
from bench.tracking.entries import (
    FAILED,
    FINISHED,
    KILLED,
    NAME,
    RUNNING,
    About,
    require_whole,
    run_id_of,
)
from bench.tracking.journal import Journal
from bench.tracking.machine import machine_watched
from bench.tracking.mirrors import MIRRORS, Mirrors
from bench.tracking.mlflow import Store
from bench.training.checkpoint import LAST, RESULT, TRACEBACK, examine, require_folder
from bench.training.parts import reference_for
from bench.training.precision import precision_tags
from bench.training.run import Run, StageName, log_result
from bench.training.trainer import Advance


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that a process needs to know of one run; plain values, so that it travels.

    Attributes:
        params: The flat configuration.
        about: What tracking is told before it begins.
        folder: Where the run's checkpoints and its journal lie.
        uri: The tracking store.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Compute threads.
        deterministic: Whether a GPU is to repeat to the last bit.
        plugins: Files that register things.
        stage: ``run``, or ``trial``: validation alone, and it may be ended early.
        smaller: By how much pieces of evaluation are smaller, after a lack of memory.
    """

    params: dict[str, str]
    about: About
    folder: str
    uri: str = field(repr=False)
    device: str = "auto"
    threads: int = 1
    deterministic: bool = False
    plugins: tuple[str, ...] = ()
    stage: StageName = "run"
    smaller: int = 1


def run_task(
    task: Task,
    should_stop: Callable[[], bool] = lambda: False,
    should_prune: Callable[[list[float]], bool] = lambda _: False,
    advance: Advance | None = None,
) -> TrialResult:
    """Runs a task to its end; a trial asks ``should_prune`` after each validation.

    ``advance`` trains it, where others train with it.

    Raises:
        Interrupted: ``should_stop`` said so; the run is marked KILLED and continues later.
        DiskTrouble: A disk is full, read-only or gone; the same, and no other run is to begin.
    """
    prepare(task.threads, deterministic=task.deterministic)
    load_plugins([Path(path) for path in task.plugins])
    folder = Path(task.folder)
    require_folder(folder)
    # A worker whose driver was killed may still keep what it has: it must not be met here.
    with disk_watched(folder), alone_in(folder, should_stop), _tracked(task, folder) as journal:
        try:
            with disk_watched(folder):
                result = _run(task, journal, should_stop, should_prune, advance)
        except Interrupted:
            with contextlib.suppress(OSError):  # its disk may be full or gone
                journal.state(KILLED)
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke, the run stays in the tables
            result = _failed(folder, journal, error)
        journal.state(state_of(result))
    return result


def tracked_run(task: Task, store: Store) -> str:
    """The run of MLflow that a task will write to, made where it is missing.

    Raises:
        Exception: Whatever the store raises.
    """
    folder = Path(task.folder)
    require_folder(folder)
    with alone_in(folder):
        Journal(folder, task.about, begun=is_begun(folder)).close()
    deliver(folder, store)
    return run_id_of(folder)


def tell_result(folder: Path, about: About, result: TrialResult) -> None:
    """Adds to a run's journal how it ended, as far as it does not say so."""
    require_folder(folder)
    with alone_in(folder):
        journal = Journal(folder, about, begun=True)
        log_result(journal, result)
        journal.state(state_of(result))
        journal.close()


def is_begun(folder: Path) -> bool:
    """Whether there is something to continue; without a whole journal the run begins anew."""
    state = examine(folder)
    try:
        require_whole(folder)
    except Damaged as damage:
        if (folder / NAME).exists():
            set_aside(folder / NAME, damage)
        for path in (folder / LAST, folder / RESULT):
            if path.exists():
                set_aside(path, f"is of no use without a whole {NAME}")
        return False
    return state != "new"


def state_of(result: TrialResult) -> str:
    """What MLflow calls it."""
    return FAILED if result.status == "failed" else FINISHED


@contextlib.contextmanager
def _tracked(task: Task, folder: Path) -> Iterator[Journal]:
    """The run's journal, sent to the store as it grows."""
    journal = Journal(folder, task.about, begun=is_begun(folder))
    sender = Sender(folder, functools.partial(_store, task.uri), journal)
    sender.start()
    try:
        if MIRRORS.names():
            journal.mirrors = Mirrors(sender.run_id(), folder)
        journal.state(RUNNING)
        with machine_watched(sender.run_id, task.uri):
            yield journal
    finally:
        with contextlib.suppress(OSError):
            journal.close()
        sender.close()


def _run(
    task: Task,
    journal: Journal,
    should_stop: Callable[[], bool],
    should_prune: Callable[[list[float]], bool],
    advance: Advance | None,
) -> TrialResult:
    config = config_from_params(task.params)
    device = resolve_device(task.device)
    reference = reference_for(config, device)
    run = Run(
        config=config,
        reference=reference,
        folder=Path(task.folder),
        logger=journal,
        should_stop=should_stop,
        stage=task.stage,
        should_prune=should_prune,
        smaller=task.smaller,
        advance=advance,
    )
    if not run.finished:
        journal.inputs(reference.inputs())
        journal.tags(
            {
                **environment(device),
                **precision_tags(config.train.precision, device),
                **reference.provenance_tags(),
            }
        )
    return run.execute()


def _failed(folder: Path, logger: Logger, error: Exception) -> TrialResult:
    said = printable(masked(traceback.format_exc()))
    (folder / TRACEBACK).write_text(said, encoding="utf-8")
    reason = masked(f"{type(error).__name__}: {error}")
    if is_out_of_memory(error):
        reason = f"out of memory: lower train.batch_size, or give fewer --jobs ({reason})"
    result = TrialResult(status="failed", reason=reason)
    with contextlib.suppress(Exception):  # the store itself may be what broke
        logger.tags(result.tags())
    return result


@functools.lru_cache(maxsize=2)
def _store(uri: str) -> Store:
    return Store(uri)
