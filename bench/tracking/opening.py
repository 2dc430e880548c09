"""A client of MLflow for a store that answers: a database is made first, a server is asked."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError, disk_trouble
from bench.tracking.address import database_path
from bench.tracking.database import Schema, prepare
from bench.tracking.moving import ARTIFACTS, follow
from bench.tracking.postgres import is_postgres, prepare_postgres

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def open_client(uri: str) -> MlflowClient:
    """The client of a store that answers.

    Raises:
        UsageError: It does not, or its database is another program's.
    """
    try:
        if path := database_path(uri):
            prepare(path, _schema())
            follow(path)
        elif is_postgres(uri):
            prepare_postgres(uri, _schema())
        with no_retries():
            return _asked(uri)
    except UsageError:
        raise
    except Exception as error:
        path = database_path(uri)
        if path and (trouble := disk_trouble(error, path)):
            raise trouble from error
        said = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"tracking store '{uri}' does not open ({first_line(said)}): "
            f"{remedy(said, path)}, or give another one with --tracking-uri"
        ) from error


def for_mlflow(uri: str) -> str:
    """The address as MLflow must be given it: of ``sqlite:///`` it makes folders named as written."""
    return uri.replace("sqlite://", "sqlite+pysqlite://", 1) if "%" in uri else uri


def artifacts_folder(uri: str) -> Path | None:
    """Where pictures of a database's runs lie: beside its file, else here; None leaves it to a server."""
    if path := database_path(uri):
        return path.parent / ARTIFACTS
    return Path.cwd() / ARTIFACTS if is_postgres(uri) else None


def serve_command(uri: str, *, host: str, port: int) -> list[str]:
    """The command that serves a database store; the UI shows what was logged before.

    The store's address is in the environment, ``MLFLOW_BACKEND_STORE_URI``: a command line is read
    by everybody on the machine.
    """
    path = database_path(uri)
    artifacts = (path.parent if path else Path.cwd()) / "mlartifacts"
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--artifacts-destination", artifacts.as_uri()),
        *("--host", host, "--port", str(port), "--workers", "1"),
    ]


def _asked(uri: str) -> MlflowClient:
    from mlflow.tracking import MlflowClient  # for seconds, and not before a store is opened

    # A store that is busy or gone is waited for, which is said in one line: no traceback for each try.
    for name in ("mlflow.store.db.utils", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    client = MlflowClient(tracking_uri=for_mlflow(uri))
    client.search_experiments(max_results=1)
    return client


def _schema() -> Schema:
    from mlflow.store.db.utils import Base, _get_latest_schema_revision

    return Schema(
        owner="MLflow",
        tables=set(Base.metadata.tables),
        revision=_get_latest_schema_revision(),
        kept={
            "runs": "1",
            "experiments": "experiment_id != 0",  # MLflow makes one itself
            "registered_models": "1",
            "trace_info": "1",
        },
        make=_asked,
        option="--tracking-uri",
        upgrade="mlflow db upgrade",
    )


@contextlib.contextmanager
def no_retries() -> Iterator[None]:
    """A server that is down is told at once, not after minutes of silent retries."""
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    before = os.environ[name]
    os.environ[name] = "0"
    try:
        yield
    finally:
        os.environ[name] = before


_REMEDIES = {
    "database is locked": "end the program that keeps it locked",
    "Can't load plugin": "write a driver that there is, as in postgresql+psycopg://",
    "No module named 'psycopg2'": "write postgresql+psycopg:// in the address",
    "No module named": "install that module, the driver of such databases",
    "nsupported URI": "write sqlite:///FILE.db or http://HOST:PORT",
    "error code 401": "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "error code 403": "ask who runs it to let this user or machine in",
    "CERTIFICATE_VERIFY_FAILED": "name its certificate in MLFLOW_TRACKING_SERVER_CERT_PATH",
    "certificate verify failed": "name its certificate in MLFLOW_TRACKING_SERVER_CERT_PATH",
    "NameResolutionError": "see that its host is written right and can be reached",
    "Name or service not known": "see that its host is written right and can be reached",
    "onnection refused": "start its server",
    "permission denied": "let this user make tables there, or have them made by one who may",
    'role "': "see that user and password are right",
    'database "': "make that database first, as with createdb",
    "authentication failed": "see that user and password are right",
    "no password supplied": "write :PASSWORD behind the user in the address, or a password file (PGPASSFILE)",
    "error code 404": "see that an MLflow server answers there",
    "response body": "see that an MLflow server answers there",
}
"""What an error says, and what to do; the first that fits."""


def first_line(said: str) -> str:
    """Of an error, cut where it is long."""
    return said.strip().partition("\n")[0][:180]


def remedy(said: str, path: Path | None) -> str:
    """What to do about a store of which an error says this; ``path`` of one that is a file."""
    for words, remedy in _REMEDIES.items():
        if words in said:
            return remedy
    return f"see that '{path.parent}' can be written" if path else "see that its server runs"
