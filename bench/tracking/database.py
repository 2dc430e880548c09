"""A sqlite database of another library, made beside its place and moved there whole."""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from filelock import FileLock

from bench.errors import UsageError
from bench.tracking.address import sqlite_uri

BESIDE = ("-journal", "-wal", "-shm")
OURS = "bench_"
"""Begins the names of tables that this package puts beside a library's."""
HEADER = b"SQLite format 3\0"
BUSY_SECONDS = 20.0
QUIET_SECONDS = 3.0
"""So long nothing is written to a half-made database before it is taken for abandoned."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a library keeps in a database.

    Attributes:
        owner: The library.
        tables: All of its tables.
        revision: Of the tables in alembic's words; None takes any.
        kept: Table to the condition of its rows that somebody would miss.
        make: Makes the tables at an address.
        option: Of the command line, which gives another database.
        upgrade: The command that upgrades an older one, before the address.
    """

    owner: str
    tables: Collection[str]
    revision: str | None
    kept: Mapping[str, str]
    make: Callable[[str], object]
    option: str
    upgrade: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a database holds.

    Attributes:
        where: It, for messages.
        kind: ``file`` or ``database``, which another one can be given of.
        uri: Its address for other programs.
        tables: Names of all of its tables.
        revision: In alembic's words; None where it has none.
        has_rows: Whether a table has rows of a condition.
    """

    where: str
    kind: str
    uri: str
    tables: Collection[str]
    revision: str | None
    has_rows: Callable[[str, str], bool]


class State(Enum):
    """How far a database is."""

    MISSING = auto()
    HALF = auto()
    WHOLE = auto()


def prepare(path: Path, schema: Schema) -> None:
    """Makes the database where it is missing, or was left half-made by a process that died.

    Another process may do the same meanwhile: there is one in the end, and nobody sees half of it.

    Raises:
        UsageError: What lies there is another program's, damaged, or of another version.
        OSError: The folder cannot be written.
    """
    if state_of(path, schema) is State.WHOLE:
        return  # without a lock: the folder may be read-only, or another user's
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.opening.lock")):
        while (state := state_of(path, schema)) is not State.WHOLE:
            if state is State.HALF:
                _wait_until_quiet(path)
            _make(path, schema, state)


def state_of(path: Path, schema: Schema) -> State:
    """How far the database is.

    Raises:
        UsageError: What lies there is another program's, damaged, or of another version.
    """
    if not path.exists() or path.stat().st_size == 0:
        return State.MISSING
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            raise UsageError(
                f"'{path}' is no sqlite database and is left alone: give another file with "
                f"{schema.option}"
            )
    try:
        with contextlib.closing(connected(path)) as database:
            return _state(path, schema, database)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # locked, or not to be read: it says nothing of what is inside
        raise UsageError(
            f"database '{path}' is damaged ({error}): put back a copy of it, or move it away "
            f"and run the same command again"
        ) from error


def is_damaged(path: Path) -> bool:
    """Whether sqlite cannot read a file to its end; a missing or an empty one is not damaged."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        with contextlib.closing(connected(path)) as database:
            return bool(database.execute("PRAGMA quick_check").fetchone() != ("ok",))
    except sqlite3.OperationalError:
        return False  # locked, or not to be read
    except sqlite3.DatabaseError:
        return True


def _state(path: Path, schema: Schema, database: sqlite3.Connection) -> State:
    found = {
        name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
    }

    def has_rows(table: str, condition: str) -> bool:
        query = f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"  # noqa: S608 - words of our own
        return database.execute(query).fetchone() is not None

    contents = Contents(
        where=str(path),
        kind="file",
        uri=sqlite_uri(path).replace("sqlite://", "sqlite+pysqlite://", 1),
        tables=found,
        revision=_revision(database) if "alembic_version" in found else None,
        has_rows=has_rows,
    )
    return judged(contents, schema)


def judged(found: Contents, schema: Schema) -> State:
    """How far a database is that can be read.

    Raises:
        UsageError: It is another program's, or of another version.
    """
    own = ("sqlite_", "alembic_", "_alembic_tmp_", OURS)
    tables = {name for name in found.tables if not name.startswith(own)}
    is_current = found.revision and schema.revision in {None, found.revision}
    if tables >= set(schema.tables) and is_current:
        return State.WHOLE
    if others := tables - set(schema.tables):
        if not schema.kept.keys() <= tables:
            raise UsageError(
                f"database '{found.where}' has tables of another program "
                f"({', '.join(sorted(others)[:3])}) and is left alone: give another {found.kind} "
                f"with {schema.option}"
            )
    elif not any(found.has_rows(name, schema.kept[name]) for name in schema.kept.keys() & tables):
        return State.HALF
    raise UsageError(
        f"database '{found.where}' was made by another version of {schema.owner} (its tables are "
        f"{found.revision}, expected {schema.revision}): install that one, or copy the "
        f"{found.kind} and run `{schema.upgrade} {shlex.quote(found.uri)}`"
    )


def _revision(database: sqlite3.Connection) -> str | None:
    row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return row and str(row[0])


def connected(path: Path) -> sqlite3.Connection:
    """A connection that never makes the file; it takes back what a process that died had begun."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)


def _wait_until_quiet(path: Path) -> None:
    """Until whoever else may be making it has ended, or died."""
    files = [path, *(path.with_name(path.name + end) for end in BESIDE)]
    while time.time() - max(f.stat().st_mtime for f in files if f.exists()) < QUIET_SECONDS:
        time.sleep(0.1)


def _make(path: Path, schema: Schema, state: State) -> None:
    """Made under another name, copied by sqlite (which knows of pages elsewhere), synced, moved.

    Only where the place is still what it was: a server may have made its own there meanwhile.
    """
    making, whole = (path.with_name(f".{path.name}.{end}") for end in ("making", "whole"))
    for old in (making, whole):
        remove(old)
    schema.make(sqlite_uri(making))
    with (
        contextlib.closing(connected(making)) as source,
        contextlib.closing(sqlite3.connect(whole)) as copy,
    ):
        source.backup(copy)
    with whole.open("rb+") as file:
        os.fsync(file.fileno())
    remove(making)
    if state_of(path, schema) is state:
        remove(path)
        whole.replace(path)


def remove(path: Path) -> None:
    """Removes a database with what sqlite keeps beside it, the database first."""
    for name in (path.name, *(path.name + end for end in BESIDE)):
        path.with_name(name).unlink(missing_ok=True)
