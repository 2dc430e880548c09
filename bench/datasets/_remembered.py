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
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.datasets._packed import Stamp, packed_path
from bench.datasets._room import FEW_BYTES
from bench.errors import Damaged, DiskTrouble
from bench.files import data_home, file_digest, read_record, write_record
from bench.records import DataSpec

SETTLED_SECONDS = 2.0
"""A file that was written later than so long ago may be written again in the same tick of its clock."""
UNSETTLED = "?"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What need not be found again while the files are the same.

    Attributes:
        spec: What a model may know.
        sizes: Images of each split.
        stamp: Of the file that holds them.
        classes: Names of the classes.
        notes: What reading them left out or found odd.
    """

    spec: DataSpec
    sizes: tuple[int, ...]
    stamp: Stamp
    classes: tuple[str, ...]
    notes: tuple[str, ...]


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


def recall(name: str, seen: str) -> Facts | None:
    """What is known of a data set whose files have that signature."""
    with suppress(Damaged, DiskTrouble, TypeError, KeyError, ValueError):
        found = read_record(_place(name), kind="data", key=seen) if is_settled(seen) else None
        if found is not None:
            spec = found["spec"]
            shape, prior = tuple(spec["shape"]), tuple(spec["class_prior"])
            return Facts(
                spec=DataSpec(**{**spec, "shape": shape, "class_prior": prior}),
                sizes=tuple(found["sizes"]),
                stamp=tuple(found["stamp"]),
                classes=tuple(found["classes"]),
                notes=tuple(found["notes"]),
            )
    return None


def remember(name: str, seen: str, facts: Facts) -> None:
    """Keeps it; a folder that cannot be written keeps nothing.

    Images that are known by no name any more are removed.
    """
    with suppress(OSError, DiskTrouble):
        before = _digest_in(_place(name))
        _place(name).parent.mkdir(parents=True, exist_ok=True)
        write_record(_place(name), asdict(facts), kind="data", key=seen)
        known = {_digest_in(each) for each in _place(name).parent.glob("*.json")}
        if before not in known:
            packed_path(before).unlink(missing_ok=True)


def wait_until_settled(path: Path) -> None:
    """Waits where files were written a moment ago and are so large that they must be remembered."""
    with suppress(OSError):
        large = sum(facts.st_size for _, facts in _files(path)) > FEW_BYTES
        if large and not is_settled(signature(path)):
            time.sleep(max(0.0, SETTLED_SECONDS))


def is_settled(seen: str) -> bool:
    """Whether files are known to be the same while their signature is."""
    return bool(seen) and not seen.endswith(UNSETTLED)


def _digest_in(place: Path) -> str:
    """The digest of the images that a record names, where it can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(place.read_bytes())["content"]["spec"]["digest"])
    return ""


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
