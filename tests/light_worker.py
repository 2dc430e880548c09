"""A worker process without torch: what it does is in its task's folder."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from bench.records import TrialResult


def serve(pipe: Connection, log: str, driver: int) -> None:
    """Stands in for ``bench.engines.worker.serve``; a file ``breaks`` beside the log ends its start."""
    with Path(log).open("a") as file:
        file.write(f"driver {driver}\nImportError: no module named torch\n")
    if Path(log).with_name("breaks").exists():
        raise SystemExit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe.send("ready")
    while True:
        task = pipe.recv()
        pipe.send("begun")
        if task == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "stays":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path(log).with_suffix(".stays").touch()
            time.sleep(600)
        pipe.send(TrialResult(status="ok", reason=task))


def never(curve):
    return False


def outcomes(engine, count):
    found, deadline = [], time.monotonic() + 120
    while len(found) < count:
        assert time.monotonic() < deadline, "workers do not answer"
        found += engine.wait(timeout=1.0)
    return found
