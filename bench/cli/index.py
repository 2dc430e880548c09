"""What the code alone decides and takes seconds to find: kept until a file of the code is another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar

import bench
from bench.errors import Damaged, DiskTrouble
from bench.files import data_home, read_record, write_record
from bench.registry import PLUGINS

T = TypeVar("T")
KIND = "index"


def kept(what: str, find: Callable[[], T]) -> T:
    """What ``find`` gives, a JSON value; it is asked where nothing is kept that belongs to the code.

    With plugins it is always asked: what they import is not known. A folder that cannot be written
    keeps nothing.
    """
    if PLUGINS or any(group.startswith("bench.") for group in entry_points().groups):
        return find()
    key = _code()
    place = data_home() / "known" / f"{KIND}_{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"
    with suppress(Damaged, DiskTrouble):
        known: T | None = read_record(place, kind=KIND, key=key)
        if known is not None:
            return known
    found = find()
    with suppress(OSError, DiskTrouble):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_record(place, found, kind=KIND, key=key)
    return found


def _code() -> str:
    """A digest of every source file of the package, under its name."""
    home, said = Path(bench.__file__).parent, hashlib.sha256()
    for file in sorted(home.rglob("*.py")):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        said.update(f"{file.relative_to(home)} {content}\n".encode())
    return said.hexdigest()[:16]
