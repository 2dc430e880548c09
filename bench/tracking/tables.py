"""What a database of MLflow holds, read without MLflow, whose import takes seconds."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from bench.tracking.database import HEADER, connected
from bench.tracking.moving import follow

REVISION = "dc11669786a5"
"""Of the tables that are read here; where they are of another one, MLflow is asked."""

AT_ONCE = 500
"""Runs in one query; sqlite allows 999 values in one."""

Texts = dict[str, str]


class StoredExperiment(NamedTuple):
    """A row of MLflow's experiments, with its tags."""

    experiment_id: str
    name: str
    creation_time: int | None
    tags: Texts


class StoredRun(NamedTuple):
    """A row of MLflow's runs, with what hangs on it; when it was begun in milliseconds."""

    run_id: str
    status: str
    begun: int | None
    params: Texts
    tags: Texts
    metrics: dict[str, float]


class StoredValue(NamedTuple):
    """A row of MLflow's metrics."""

    run_id: str
    step: int
    timestamp: int
    value: float


class Tables:
    """Of a database whose tables are as they are expected; ``of`` says whether they are.

    Args:
        path: Of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, path: Path | None) -> Tables | None:
        """The tables of a database; None where it is not there, or not what is expected."""
        try:
            if path is None or not _is_database(path):
                return None
            with contextlib.closing(connected(path)) as database:
                found = database.execute("SELECT version_num FROM alembic_version").fetchall()
            if found != [(REVISION,)]:
                return None
            follow(path)
        except (OSError, sqlite3.Error):
            return None  # MLflow says why
        return cls(path)

    def experiments(self) -> list[StoredExperiment]:
        """Those that are not deleted."""
        with self._reading() as read:
            tags = _by_owner(read("SELECT experiment_id, key, value FROM experiment_tags"))
            rows = read(
                "SELECT experiment_id, name, creation_time FROM experiments "
                "WHERE lifecycle_stage = 'active'"
            )
        return [StoredExperiment(str(one), name, at, tags.get(one, {})) for one, name, at in rows]

    def runs(self, experiment_id: str) -> list[StoredRun]:
        """Those of an experiment that are not deleted, in MLflow's order."""
        with self._reading() as read:
            params, tags, metrics = (
                read(f"SELECT {columns} {_OF_RUNS}", int(experiment_id))
                for columns in (
                    "run_uuid, key, value FROM params",
                    "run_uuid, key, value FROM tags",
                    "run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics",
                )
            )
            rows = read(
                "SELECT run_uuid, status, start_time FROM runs WHERE experiment_id = ? AND "
                "lifecycle_stage = 'active' ORDER BY start_time DESC, run_uuid",
                int(experiment_id),
            )
        texts, said, values = _by_owner(params), _by_owner(tags), _by_owner(metrics)
        return [
            StoredRun(
                *(one, status, begun, texts.get(one, {}), said.get(one, {})),
                _numbers(values.get(one, {})),
            )
            for one, status, begun in rows
        ]

    def values(self, run_ids: Sequence[str], key: str) -> Iterator[StoredValue]:
        """Every value of a metric of these runs, each run's as MLflow orders them."""
        for start in range(0, len(run_ids), AT_ONCE):
            some = run_ids[start : start + AT_ONCE]
            query = (
                "SELECT run_uuid, step, timestamp, CASE WHEN is_nan THEN NULL ELSE value END "  # noqa: S608 - marks
                f"FROM metrics WHERE key = ? AND run_uuid IN ({', '.join('?' * len(some))}) "
                "ORDER BY run_uuid, timestamp, step, value"
            )
            with self._reading() as read:
                for run_id, step, at, value in read(query, key, *some):
                    yield StoredValue(run_id, step, at, math.nan if value is None else value)

    def folder(self, run_id: str) -> Path | None:
        """Where the artifacts of a run lie; None where that is no folder of this machine."""
        with self._reading() as read:
            rows = read("SELECT artifact_uri FROM runs WHERE run_uuid = ?", run_id)
        place = urlparse(rows[0][0] or "") if rows else None
        return Path(unquote(place.path)) if place and place.scheme == "file" else None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Callable[..., list[Any]]]:
        """Answers queries, all of one moment."""
        with contextlib.closing(connected(self._path)) as database:
            database.execute("BEGIN")
            yield lambda query, *asked: database.execute(query, asked).fetchall()


_OF_RUNS = "JOIN runs USING (run_uuid) WHERE experiment_id = ? AND lifecycle_stage = 'active'"


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _by_owner(rows: Iterable[tuple[Any, str, Any]]) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for owner, key, value in rows:
        found.setdefault(owner, {})[sys.intern(key)] = value
    return found


def _numbers(values: dict[str, float | None]) -> dict[str, float]:
    return {key: math.nan if value is None else value for key, value in values.items()}
