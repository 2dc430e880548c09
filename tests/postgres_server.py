"""A real PostgreSQL in a temporary folder, and MLflow's server on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from fault_lab import Server
from psycopg import sql

USER = "postgres"
PACKAGED = "/usr/lib/postgresql"
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
"""Tests survive no power cut."""


class Postgres:
    """A server of this machine alone, which may be stopped and started again.

    Args:
        folder: Of its data, readable for user postgres where root runs the tests.
        quick: Whether it does not wait for the disk.
    """

    def __init__(self, folder: Path, *, quick: bool = True) -> None:
        self._folder, self._data = folder, folder / "data"
        self._how = QUICK if quick else ""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._call("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "--no-sync")

    def start(self) -> None:
        """Until it takes connections."""
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 {self._how}"
        log = str(self._folder / "log")
        self._call("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """At once, as a power cut does it."""
        self._call("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def uri(self, name: str) -> str:
        """The address of a database, whether it is there or not."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def database(self, name: str, *, like: str = "template1") -> str:
        """The address of a new database with what another one has, which nobody may be using."""
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self.execute(made.format(sql.Identifier(name), sql.Identifier(like)))
        return self.uri(name)

    def execute(self, query: sql.Composed) -> None:
        """Gives the server a command."""
        place = {"host": "127.0.0.1", "port": self.port, "user": USER, "dbname": "postgres"}
        with psycopg.connect(**place, autocommit=True) as connection:
            connection.execute(query)

    def _call(self, program: str, *arguments: str) -> None:
        """As user postgres where this is root, which the server refuses to run as."""
        other = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        told = subprocess.run(
            [*other, str(binaries() / program), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            check=False,
        )
        log = self._folder / "log"
        said = told.stderr or (log.read_bytes() if log.exists() else b"")
        assert told.returncode == 0, f"{program}: {said.decode(errors='replace')[-2_000:]}"


@contextlib.contextmanager
def postgres_running(*, quick: bool = True) -> Iterator[Postgres]:
    """A server with a folder of its own, which waits for the disk unless it is ``quick``."""
    # Not pytest's folders: user postgres may not enter them.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        server = Postgres(folder, quick=quick)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def mlflow_serving(folder: Path, database: str) -> Iterator[Server]:
    """MLflow's server on a database, with the artifacts in a folder that is made for it."""
    folder.mkdir()
    server = Server(folder, database)
    try:
        server.serve()
        yield server
    finally:
        server.kill()


def binaries() -> Path:
    """Where the server's programs lie, which are on nobody's PATH.

    Raises:
        AssertionError: There are none.
    """
    places = sorted(Path(PACKAGED).glob("*/bin"), key=lambda each: int(each.parent.name))
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        places.append(Path(said.stdout.strip()))
    there = [place for place in places if (place / "initdb").exists()]
    assert there, "there is no PostgreSQL server here: install Debian's package postgresql"
    return there[-1]
