"""A claim as a row of a table of its own, in a database that several machines open.

The name is the row's key, which every database makes unique; who ends a claim names whose it was.
"""

from __future__ import annotations

import contextlib

from sqlalchemy import (
    Column,
    Double,
    MetaData,
    NullPool,
    String,
    Table,
    Text,
    create_engine,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bench.errors import UsageError
from bench.tracking.claim import Held

CLAIMS = Table(
    "bench_claims",
    MetaData(),
    Column("name", String(250), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("heartbeat", Double, nullable=False),
)


class TablePlace:
    """The row that is the claim on one name; its id is who holds it.

    Args:
        uri: Of the database.
        name: What is claimed.

    Raises:
        UsageError: The table is not there and cannot be made.
    """

    def __init__(self, uri: str, name: str) -> None:
        # Without a pool: the heart beats seldom, and a connection may break in between.
        self._engine = create_engine(uri, poolclass=NullPool)
        self._name = CLAIMS.c.name == name[:250]
        self._key = name[:250]
        if CLAIMS.name not in inspect(self._engine).get_table_names():
            self._make(uri)

    def held(self) -> Held | None:
        """The claim that holds the name now."""
        with self._engine.begin() as database:
            row = database.execute(select(CLAIMS).where(self._name)).first()
        return None if row is None else Held(id=row.holder, holder=row.holder, beat=row.heartbeat)

    def take(self, holder: str, beat: float) -> str | None:
        """Id of a new claim; None where another process was faster."""
        with contextlib.suppress(IntegrityError), self._engine.begin() as database:
            row = {"name": self._key, "holder": holder, "heartbeat": beat}
            database.execute(insert(CLAIMS).values(row))
            return holder
        return None

    def clear(self, claim: str) -> None:
        """Ends a claim; one that ended before stays so."""
        with self._engine.begin() as database:
            database.execute(delete(CLAIMS).where(self._name, CLAIMS.c.holder == claim))

    def beat(self, claim: str, beat: float) -> None:
        """Sets a claim's heartbeat.

        Raises:
            LookupError: It ended.
        """
        with self._engine.begin() as database:
            mine = update(CLAIMS).where(self._name, CLAIMS.c.holder == claim)
            if not database.execute(mine.values(heartbeat=beat)).rowcount:
                raise LookupError(claim)

    def is_gone(self, claim: str) -> bool:
        """Whether a claim ended."""
        found = self.held()
        return found is None or found.id != claim

    def _make(self, uri: str) -> None:
        try:
            CLAIMS.create(self._engine, checkfirst=True)
        except SQLAlchemyError as error:
            if CLAIMS.name not in inspect(self._engine).get_table_names():  # nobody else made it
                raise UsageError(
                    f"storage '{uri}' takes no table '{CLAIMS.name}', which says who runs a study "
                    f"({str(error).partition(chr(10))[0][:120]}): let this user make tables there"
                ) from error
