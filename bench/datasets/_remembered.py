"""What is known of a data set whose files are as they were: its facts, without reading its images."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bench.errors import Damaged, DiskTrouble
from bench.files import data_home, file_digest, read_record, write_record
from bench.records import DataSpec

SETTLED_SECONDS = 2.0
"""A file that was written later than so long ago may be written again in the same tick of its clock."""
UNSETTLED = "?"


def signature(path: Path) -> str:
    """A digest of name, place, size and times of a file, or of every one in a folder.

    Empty where there is none; marked where one was written a moment ago, and may be again.
    """
    digest, newest = hashlib.sha256(_readers().encode()), 0
    try:
        for name, facts in _files(path):
            newest = max(newest, facts.st_mtime_ns, facts.st_ctime_ns)
            said = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
            digest.update(f"{name!r} {said}\n".encode())
    except OSError:
        return ""
    is_settled = newest < time.time_ns() - SETTLED_SECONDS * 1e9
    return digest.hexdigest()[:32] + ("" if is_settled else UNSETTLED)


def recall(name: str, seen: str) -> DataSpec | None:
    """The facts of a data set whose files have that signature."""
    with suppress(Damaged, DiskTrouble, TypeError, KeyError):
        facts = read_record(_place(name), kind="data", key=seen) if _is_settled(seen) else None
        if facts is not None:
            shape, prior = tuple(facts["shape"]), tuple(facts["class_prior"])
            return DataSpec(**{**facts, "shape": shape, "class_prior": prior})
    return None


def remember(name: str, seen: str, spec: DataSpec) -> None:
    """Keeps them; a folder that cannot be written keeps nothing."""
    if _is_settled(seen):
        with suppress(OSError, DiskTrouble):
            _place(name).parent.mkdir(parents=True, exist_ok=True)
            write_record(_place(name), asdict(spec), kind="data", key=seen)


def _is_settled(seen: str) -> bool:
    return bool(seen) and not seen.endswith(UNSETTLED)


def _place(name: str) -> Path:
    named = hashlib.sha256(f"{Path.cwd()} {name}".encode()).hexdigest()[:16]
    return data_home() / "known" / f"{named}.json"


def _files(path: Path, name: str = "", deep: int = 3) -> Iterator[tuple[str, os.stat_result]]:
    """Files and folders, as deep as pictures of classes of parts lie; links are followed."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        facts = path.lstat()
    yield name, facts
    if stat.S_ISDIR(facts.st_mode) and deep:
        for each in sorted(path.iterdir()):
            yield from _files(each, f"{name}/{each.name}", deep - 1)


@functools.cache
def _readers() -> str:
    """What reads images: another version may make others of the same files."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return json.dumps([file_digest(each) for each in files])
