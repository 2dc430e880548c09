"""Every test stands in a folder of its own, with its own tracking store and no data."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from postgres_server import Postgres

# The same examples each time, unless more are asked for (`examples` in fault_lab.py).
settings.register_profile(
    "bench",
    deadline=None,
    derandomize="BENCH_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("bench")

# What a script begins in the background ignores Ctrl-C, and under nohup SIGHUP: some tests send them.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# Small networks gain nothing from a second thread and lose much where two sessions share cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def empty_data_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def own_folder(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    empty_data_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Nothing lands in the checkout; only tests marked ``mnist`` see the user's data."""
    monkeypatch.chdir(tmp_path)
    # Tests survive no power cut: without waiting for the disk they take half the time.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    # One core for each command: the other is another worker's, and threads that wait spin.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    if "mnist" not in request.keywords:
        monkeypatch.setenv("BENCH_DATA", str(empty_data_home))
    yield
    # A command that ran in this process took all cores: the next test would spin, and sum otherwise.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _without_waiting(connection: object, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """An empty tracking database; MLflow takes seconds for its tables, so once for all workers."""
    from filelock import FileLock
    from mlflow.store.db import utils
    from sqlalchemy import Engine, event

    from bench.tracking.mlflow import Store

    # Tests survive no power cut: without waiting for the disk a store is five times as fast.
    event.listen(Engine, "connect", _without_waiting)
    # Which version the tables have is read from a hundred scripts, twice for each store that opens.
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "migrated"
    with FileLock(f"{folder}.lock"):
        made = folder / "mlflow.db"
        if not made.exists():
            folder.mkdir()
            with contextlib.chdir(folder):
                Store(f"sqlite:///{folder / 'making.db'}")
            (folder / "making.db").rename(made)
    return made


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started once."""
    from postgres_server import postgres_running

    with postgres_running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """Name of a database with MLflow's tables and nothing in them, for ``Postgres.database``."""
    uri = postgres.database("migrated")
    # By a process that ends: nobody may be using what is copied.
    opening = "import sys; from bench.tracking.mlflow import Store; Store(sys.argv[1])"
    subprocess.run([sys.executable, "-c", opening, uri], check=True)
    return "migrated"


@pytest.fixture
def store_uri(tmp_path: Path, migrated_database: Path) -> str:
    """A tracking store of the test's own, the one that MLFLOW_TRACKING_URI names."""
    path = tmp_path / "mlflow.db"
    # Copied by sqlite itself, which knows of pages that are not in the file yet.
    with (
        contextlib.closing(sqlite3.connect(migrated_database)) as source,
        contextlib.closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
    return f"sqlite:///{path}"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, float], list[object]]:
    """One with bf16 whose steps take what is said here; and the configurations that it timed."""
    seconds, asked = {"fp32": 1.0, "bf16": 0.5}, []
    module = "bench.training.precision"
    monkeypatch.setattr(f"{module}.bf16_unit", lambda _: "a unit")
    monkeypatch.setattr(f"{module}.step_seconds", lambda c, _: asked.append(c) or dict(seconds))
    return seconds, asked
