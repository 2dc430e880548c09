"""A client of MLflow for a store that answers: a database is made first, a server is asked."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mlflow.tracking import MlflowClient

from bench.errors import UsageError, disk_trouble
from bench.tracking.address import database_path
from bench.tracking.database import Schema, prepare
from bench.tracking.moving import follow


def open_client(uri: str) -> MlflowClient:
    """The client of a store that answers.

    Raises:
        UsageError: It does not, or its database is another program's.
    """
    try:
        if path := database_path(uri):
            prepare(path, _schema())
            follow(path)
        with no_retries():
            return _asked(uri)
    except UsageError:
        raise
    except Exception as error:
        if trouble := disk_trouble(error, database_path(uri) or uri):
            raise trouble from error
        raise UsageError(
            f"tracking store '{uri}' does not open ({_short(error)}): {_remedy(uri)} or give "
            "another one with --tracking-uri"
        ) from error


def for_mlflow(uri: str) -> str:
    """The address as MLflow must be given it: of ``sqlite:///`` it makes folders named as written."""
    return uri.replace("sqlite://", "sqlite+pysqlite://", 1) if "%" in uri else uri


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


def _remedy(uri: str) -> str:
    path = database_path(uri)
    return f"see that '{path.parent}' can be written" if path else "start its server"


def _short(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text[:160]}"
