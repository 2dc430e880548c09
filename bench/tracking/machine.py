"""What a run's machine did, sampled by MLflow where its own switch asks for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from bench.tracking.opening import for_mlflow
from bench.tracking.patience import say

SWITCH = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"


@contextlib.contextmanager
def machine_watched(run_id: Callable[[], str], uri: str) -> Iterator[None]:
    """Inside, processor, memory, disk, network and GPU are logged as ``system/...``, if asked for.

    They are of MLflow's page alone: no report, bundle or result has them.
    """
    if os.environ.get(SWITCH, "").lower() not in {"true", "1"}:
        yield
        return
    try:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
    except ImportError as error:
        say(f"{SWITCH} needs psutil ({error}): in bench's clone pip install -e '.[system]'")
        yield
        return
    monitor = SystemMetricsMonitor(run_id(), resume_logging=True, tracking_uri=for_mlflow(uri))
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()
