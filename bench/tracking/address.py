"""Addresses of tracking stores, built and taken apart by SQLAlchemy."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bench.errors import UsageError
from bench.text import remember, without_password

SQLITE = "sqlite"


def sqlite_uri(path: Path) -> str:
    """The address of a database file, whatever characters its folders' names have.

    Raises:
        UsageError: A name is no text.
    """
    try:
        url = URL.create(SQLITE, database=str(path.absolute()))
        return url.render_as_string(hide_password=False)
    except UnicodeEncodeError:
        raise UsageError(
            f"folder {str(path.parent)!a} has a name that is no UTF-8 text, which no "
            "database's address can hold: rename it"
        ) from None


def store_uri(uri: str | None) -> str:
    """The store's address; a sqlite path is made absolute.

    Raises:
        UsageError: A plain folder, which MLflow has given up.
    """
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not chosen:
        return sqlite_uri(Path("mlflow.db"))
    remember(chosen)
    if "://" not in chosen:
        raise UsageError(
            f"tracking URI '{chosen}' names no store: write sqlite:///{chosen}.db or http://HOST:PORT"
        )
    if path := database_path(chosen):
        query = make_url(chosen).query
        return str(make_url(sqlite_uri(path)).set(query=query))
    return chosen


def database_path(uri: str) -> Path | None:
    """The file of a sqlite store; None of another."""
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        return None
    if url.get_backend_name() != SQLITE or not url.database:
        return None
    return Path(url.database).absolute()


def run_page(uri: str, experiment_id: str, run_id: str) -> str | None:
    """Where a server shows a run; None of a database, which `bench ui` serves."""
    if not uri.startswith(("http://", "https://")):
        return None
    return f"{without_password(uri).rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
