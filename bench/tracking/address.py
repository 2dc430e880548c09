"""Addresses of tracking stores, built and taken apart by SQLAlchemy."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

from bench.errors import UsageError
from bench.registry import closest
from bench.text import remember, without_password

SQLITE = "sqlite"
DATABASES = (SQLITE, "mssql", "mysql", "postgresql")
OTHERS = ("databricks", "databricks-uc", "file", "http", "https", "uc")


def sqlite_uri(path: Path) -> str:
    """The address of a database file, whatever characters its folders' names have.

    Raises:
        UsageError: A name is no text.
    """
    from sqlalchemy import URL

    try:
        url = URL.create(SQLITE, database=str(path.absolute()))
        return url.render_as_string(hide_password=False)
    except UnicodeEncodeError:
        raise UsageError(
            f"folder {str(path.parent)!a} has a name that is no UTF-8 text, which no "
            "database's address can hold: rename it"
        ) from None


def require_address(uri: str | None) -> str:
    """What was given, else ``MLFLOW_TRACKING_URI``; nothing is imported or asked for it.

    Raises:
        UsageError: It names no store, or a kind of store that MLflow does not know.
    """
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
    remember(chosen)
    kind, named, _ = chosen.partition("://")
    if chosen and not named:
        raise UsageError(
            f"tracking URI '{chosen}' names no store: write "
            f"sqlite:///{chosen.removesuffix('.db')}.db or http://HOST:PORT"
        )
    plugged = {point.name for point in entry_points(group="mlflow.tracking_store")}
    known = {*DATABASES, *OTHERS, *plugged}
    if chosen and kind not in known and kind.partition("+")[0] not in DATABASES:
        unknown = closest(kind, known, kind="kind of tracking store", what="known")
        raise UsageError(f"{unknown}; write sqlite:///FILE.db or http://HOST:PORT")
    return chosen


def store_uri(uri: str | None) -> str:
    """The store's address; a sqlite path is made absolute.

    Raises:
        UsageError: As ``require_address``.
    """
    chosen = require_address(uri)
    if not chosen:
        return sqlite_uri(Path("mlflow.db"))
    if path := database_path(chosen):
        from sqlalchemy import make_url

        query = make_url(chosen).query
        return str(make_url(sqlite_uri(path)).set(query=query))
    return chosen


def database_path(uri: str) -> Path | None:
    """The file of a sqlite store; None of another."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        return None
    if url.get_backend_name() != SQLITE or not url.database:
        return None
    return Path(url.database).absolute()


def require_apart(storage: str, tracking: str) -> None:
    """Optuna's and MLflow's databases are two: each would take the other's tables for its own.

    Raises:
        UsageError: They are one.
    """
    if _same(storage, tracking):
        raise UsageError(
            f"--storage '{storage}' and --tracking-uri '{tracking}' are one database, and Optuna "
            "and MLflow need one each: make another one and give its address to either"
        )


def _same(one: str, other: str) -> bool:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if path := database_path(one):
        return path == database_path(other)
    try:
        places = [
            (u.get_backend_name(), u.host, u.port, u.database) for u in map(make_url, (one, other))
        ]
    except (ArgumentError, ValueError):
        return False
    return places[0] == places[1]


def run_page(uri: str, experiment_id: str, run_id: str) -> str | None:
    """Where a server shows a run; None of a database, which `bench ui` serves."""
    if not uri.startswith(("http://", "https://")):
        return None
    return f"{without_password(uri).rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
