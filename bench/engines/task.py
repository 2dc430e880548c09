"""One task in whatever process it lands: resolve, run, log, and never raise for a failed run."""

from __future__ import annotations

import contextlib
import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from bench.errors import DiskTrouble, Interrupted
from bench.files import disk_watched
from bench.logger import Logger
from bench.models import config_from_params
from bench.records import TrialResult
from bench.registry import load_plugins
from bench.runtime import environment, prepare, resolve_device
from bench.text import masked, printable
from bench.tracking.mirrors import Tee
from bench.tracking.mlflow import Store
from bench.training.checkpoint import examine, require_folder
from bench.training.parts import reference_for
from bench.training.run import Run, StageName

LOCK_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that a process needs to know of one run; plain values, so that it travels.

    Attributes:
        params: The flat configuration.
        run_id: MLflow's run, made by the driver.
        folder: Where the run's checkpoints lie.
        uri: The tracking store.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Compute threads.
        deterministic: Whether a GPU is to repeat to the last bit.
        plugins: Files that register things.
        stage: ``run``, or ``trial``: validation alone, and it may be ended early.
    """

    params: dict[str, str]
    run_id: str
    folder: str
    uri: str = field(repr=False)
    device: str = "auto"
    threads: int = 1
    deterministic: bool = False
    plugins: tuple[str, ...] = ()
    stage: StageName = "run"


def run_task(
    task: Task,
    should_stop: Callable[[], bool] = lambda: False,
    should_prune: Callable[[list[float]], bool] = lambda _: False,
) -> TrialResult:
    """Runs a task to its end; a trial asks ``should_prune`` after each validation.

    Raises:
        Interrupted: ``should_stop`` said so; the run is marked KILLED and continues later.
        DiskTrouble: A disk is full, read-only or gone; the same, and no other run is to begin.
    """
    prepare(task.threads, deterministic=task.deterministic)
    load_plugins([Path(path) for path in task.plugins])
    store = _store(task.uri)
    folder = Path(task.folder)
    require_folder(folder)
    logger = Tee(store.logger(task.run_id), task.run_id, folder)
    # A worker whose driver was killed goes on to its next log: it must not be met here.
    with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
        examine(folder)
        store.resume_run(task.run_id)
        try:
            with disk_watched(folder):
                result = _run(task, logger, should_stop, should_prune)
        except DiskTrouble:
            with contextlib.suppress(Exception):  # it may lie on that disk
                store.stop_run(task.run_id)
            raise
        except Interrupted:
            store.stop_run(task.run_id)
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke, the run stays in the tables
            result = _failed(folder, logger, error)
        store.end_run(task.run_id, ok=result.status != "failed")
    return result


def _run(
    task: Task,
    logger: Logger,
    should_stop: Callable[[], bool],
    should_prune: Callable[[list[float]], bool],
) -> TrialResult:
    config = config_from_params(task.params)
    device = resolve_device(task.device)
    reference = reference_for(config, device)
    run = Run(
        config=config,
        reference=reference,
        folder=Path(task.folder),
        logger=logger,
        should_stop=should_stop,
        stage=task.stage,
        should_prune=should_prune,
    )
    if not run.finished:
        logger.tags({**environment(device), **reference.provenance_tags()})
    return run.execute()


def _failed(folder: Path, logger: Logger, error: Exception) -> TrialResult:
    said = printable(masked(traceback.format_exc()))
    (folder / "traceback.txt").write_text(said, encoding="utf-8")
    reason = masked(f"{type(error).__name__}: {error}")
    result = TrialResult(status="failed", reason=reason)
    with contextlib.suppress(Exception):  # the store itself may be what broke
        logger.tags(result.tags())
    return result


@functools.lru_cache(maxsize=2)
def _store(uri: str) -> Store:
    return Store(uri)
