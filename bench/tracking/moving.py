"""A database that was moved or copied, whose pictures lie where it lies now."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

from bench.tracking.database import connected

ARTIFACTS = "mlruns"


def follow(path: Path) -> None:
    """Leads the experiments that this package made to the folder beside the database.

    MLflow keeps absolute paths of its artifacts. Those of other experiments stay as they are.
    """
    with contextlib.closing(connected(path)) as database:
        moved = {
            identifier: place
            for identifier, name, place, ours in database.execute(_EXPERIMENTS)
            if (old := _former(place)) and (ours or unquote(place.rpartition("/")[2]) == name)
            if not _is_same(old, path.parent)
        }
        if not moved:
            return
        with contextlib.suppress(sqlite3.OperationalError):  # read-only: its owner's is untouched
            with database:
                database.execute("BEGIN IMMEDIATE")
                for identifier, place in moved.items():
                    _lead(database, identifier, place, path.parent)
            old = _former(next(iter(moved.values())))
            print(_told(path.parent, old), file=sys.stderr)


_EXPERIMENTS = """
SELECT experiment_id, name, artifact_location, EXISTS (
    SELECT 1 FROM experiment_tags
    WHERE experiment_tags.experiment_id = experiments.experiment_id AND key LIKE 'bench.%'
) FROM experiments WHERE artifact_location LIKE 'file:%'
"""


def _former(place: str) -> Path | None:
    """The folder of the project that made an experiment there."""
    found = re.fullmatch(rf"(.*)/{ARTIFACTS}/[^/]+", urlparse(place).path)
    return Path(unquote(found[1])) if found else None


def _is_same(old: Path, here: Path) -> bool:
    """Whether both are one folder, seen through a link or another mount too."""
    try:
        return old == here or old.samefile(here)
    except OSError:
        return False


def _lead(database: sqlite3.Connection, identifier: int, place: str, folder: Path) -> None:
    new = f"{(folder / ARTIFACTS).as_uri()}/{place.rpartition('/')[2]}"
    database.execute(
        "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, identifier)
    )
    database.execute(
        "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
        "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
        (new, len(place) + 1, identifier, len(place) + 1, f"{place}/"),
    )


def _told(here: Path, old: Path | None) -> str:
    place = here / ARTIFACTS
    said = f"this project lay in '{old}' before: its pictures are read and written in '{place}' now"
    return (
        said
        if place.exists()
        else f"{said}, those of before where '{old}/{ARTIFACTS}' is moved along"
    )
