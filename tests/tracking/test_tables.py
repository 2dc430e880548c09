"""A database read without MLflow says what MLflow says."""

import contextlib
import math
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from mlflow.store.db.utils import _get_latest_schema_revision

from bench.tracking.address import database_path
from bench.tracking.long_tags import LONGEST_TAG
from bench.tracking.mlflow import Store
from bench.tracking.run_logger import Value
from bench.tracking.tables import REVISION, Tables


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture
def filled(store):
    """Two experiments that are there and one that is not, runs of all kinds; the first one's id."""
    first, second, gone = map(store.experiment, ("one", "two", "gone"))
    store._client.delete_experiment(gone)
    store.describe_experiment(first, {"mlflow.note.content": "why", "bench.long": "x" * 9_000})
    runs = [
        store.create_run(first, name=f"r{n}", params={"model": "vae"}, tags={"n": str(n)}, at=at)
        for n, at in enumerate((2_000, 1_000, 2_000, 3_000))
    ]
    store.create_run(second, name="other", params={}, tags={})
    for n, run_id in enumerate(runs[:3]):
        logger = store.logger(run_id)
        values = [Value("loss", step / 7 + n, step, 1_000 + step) for step in (10, 20, 30)]
        values += [Value("loss", 9.0, 20, 5_000), Value("loss", 8.0, 20, 900)]
        values += [Value("bad", math.nan, 1, 1), Value("high", math.inf, 1, 1)]
        logger.send(values, {"reasons": "why not " * LONGEST_TAG})
        logger.picture("samples", np.full((4, 4, 3), n, np.uint8), 10)
        logger.send_state(("FINISHED", "FAILED", "KILLED")[n], 5_000)
    store.delete_run(runs[3])
    return first, runs


def test_tables_say_what_mlflow_says(store, filled):
    first, runs = filled
    read, asked = Store(store.uri), Store(store.uri)
    asked._tables = None
    assert read._tables is not None
    assert read.experiments() == asked.experiments()
    assert read.experiment("two") == asked.experiment("two")
    assert read.experiment_tags(first) == asked.experiment_tags(first)
    assert repr(read.records(first)) == repr(asked.records(first))
    assert len(read.records(first)) == 3
    rows, told = read.stored_runs(first), asked.stored_runs(first)
    assert [run[:3] for run in rows] == [run[:3] for run in told]
    assert [run.begun for run in rows] == [2_000, 2_000, 1_000]
    for name in ("loss", "bad", "high", "none"):
        assert repr(read.histories(runs, name)) == repr(asked.histories(runs, name))
    for path in ("pictures/samples.png", "pictures/none.png"):
        assert read.artifact(runs[0], path) == asked.artifact(runs[0], path)
    assert "_client" not in vars(read)


def test_tables_are_those_of_the_installed_mlflow():
    assert _get_latest_schema_revision() == REVISION


def test_mlflow_is_asked_where_tables_are_not_as_expected(store, tmp_path):
    path = database_path(store.uri)
    assert Tables.of(path) is not None
    assert Tables.of(None) is None
    assert Tables.of(tmp_path / "none.db") is None
    (tmp_path / "garbage.db").write_bytes(b"garbage")
    assert Tables.of(tmp_path / "garbage.db") is None
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'another'")
        database.commit()
    assert Tables.of(path) is None


def test_runs_are_read_without_importing_mlflow(store, filled):
    code = (
        "import sys\n"
        "from bench.tracking.mlflow import Store\n"
        f"assert len(Store({store.uri!r}).records({filled[0]!r})) == 3\n"
        "print({'mlflow', 'torch', 'pandas'} & sys.modules.keys())\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "set()\n"
