"""A PostgreSQL database of another library, whose tables are made once however many open it first."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.tracking.database import Contents, Schema, State, judged

if TYPE_CHECKING:
    from sqlalchemy import Engine

LOCK = int.from_bytes(b"bench", "big")
"""Number of the advisory lock under which tables are made; locks are a database's own."""


def is_postgres(uri: str) -> bool:
    """Whether an address is a PostgreSQL database's."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(uri).get_backend_name() == "postgresql"
    except (ArgumentError, ValueError):
        return False


def prepare_postgres(uri: str, schema: Schema) -> None:
    """Makes the tables where they are missing; of several processes one does, the others wait.

    What a process that died had begun is made whole: the library's own steps go on from there.

    Raises:
        UsageError: The driver is not installed, or there are another program's or version's tables.
        SQLAlchemyError: The server does not answer, or not this user.
    """
    require_driver(uri, schema.option)
    from sqlalchemy import NullPool, create_engine, text

    engine = create_engine(uri, poolclass=NullPool)
    if _state(engine, uri, schema) is State.WHOLE:
        return
    # A transaction's lock, which a pool of connections before the server keeps as well, and which
    # ends with the process.
    with engine.begin() as waiting:
        waiting.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
        if _state(engine, uri, schema) is not State.WHOLE:
            schema.make(uri)


def require_driver(uri: str, option: str) -> None:
    """psycopg 3 is there, where the address asks for it.

    Raises:
        UsageError: It is not.
    """
    from sqlalchemy import make_url

    if make_url(uri).get_driver_name() != "psycopg":
        return
    try:
        importlib.import_module("psycopg")
    except ImportError as error:
        raise UsageError(
            f"{option} '{uri}' needs psycopg ({str(error).partition(chr(10))[0]}): pip install "
            "'latentbench[postgres]'"
        ) from error


def _state(engine: Engine, uri: str, schema: Schema) -> State:
    from sqlalchemy import inspect, text

    with engine.connect() as database:
        tables = set(inspect(database).get_table_names())
        version = text("SELECT version_num FROM alembic_version")
        row = database.execute(version).first() if "alembic_version" in tables else None

        def has_rows(table: str, condition: str) -> bool:
            query = f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"  # noqa: S608 - words of our own
            return database.execute(text(query)).first() is not None

        contents = Contents(
            where=uri,
            kind="database",
            uri=uri,
            tables=tables,
            revision=None if row is None else str(row[0]),
            has_rows=has_rows,
        )
        return judged(contents, schema)
