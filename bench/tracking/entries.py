"""The journal of a run as it lies in its folder: lines with a checksum, and what was told of them.

Behind the journal stands in ``delivered.json`` how much of it was synced, and how much of it which run
of MLflow has.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import Damaged

NAME, CURSOR, PICTURES = "journal.jsonl", "delivered.json", "pictures"
RUNNING, KILLED, FINISHED, FAILED = "RUNNING", "KILLED", "FINISHED", "FAILED"


@dataclass(frozen=True, kw_only=True)
class About:
    """All that a store needs to make a run.

    Attributes:
        experiment: Name of what holds it.
        name: Of the run.
        params: The flat configuration.
        tags: Known before it begins.
        facts: Tags of an experiment that is made for it.
        look: Tags that MLflow's page reads.
    """

    experiment: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    facts: dict[str, str] = field(default_factory=dict)
    look: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Header:
    """The first line.

    Attributes:
        id: Of this journal, which the run of MLflow has as a tag.
        at: When it was begun, in milliseconds.
        about: What it is of.
        fresh: Whether the run began with it; else an older version told a store of the beginning.
        replaces: Runs of MLflow whose values are not those of this journal.
    """

    id: str
    at: int
    about: About
    fresh: bool
    replaces: list[str] = field(default_factory=list)

    def line(self) -> bytes:
        """As it is written."""
        return _line({"journal": asdict(self)})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What was told at once: values, tags, a picture, or how the run stands.

    Attributes:
        at: When, in milliseconds.
        step: Images seen.
        metrics: Name to value.
        tags: Name to text.
        picture: Name of a picture, whose file ``read_picture`` reads.
        state: As MLflow calls it.
        inputs: Splits that the run was given, as ``SplitInput`` has them.
    """

    at: int
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    picture: str = ""
    state: str = ""
    inputs: list[dict[str, Any]] = field(default_factory=list)

    def line(self) -> bytes:
        """As it is written: what it has."""
        return _line({key: value for key, value in vars(self).items() if value})


class Cursor:
    """How much of a journal is safe on the disk, and how much of it a store has.

    Args:
        folder: Of the run.
        journal: Id of the journal; what is said of another one does not count.
    """

    def __init__(self, folder: Path, journal: str) -> None:
        self._path, self._journal = folder / CURSOR, journal
        self._lock = threading.Lock()
        known = _cursor(folder)
        known = known if known.get("journal") == journal else {}
        self.kept, self.told = int(known.get("kept", 0)), int(known.get("told", 0))
        self.run_id = str(known.get("run_id", ""))

    def keep(self, size: int) -> None:
        """So many bytes of the journal are synced."""
        with self._lock:
            self.kept = size
            self._write()

    def tell(self, run_id: str, told: int) -> None:
        """A run of MLflow has so many bytes of the journal."""
        with self._lock:
            self.run_id, self.told = run_id, told
            self._write()

    def _write(self) -> None:
        values = {
            "journal": self._journal,
            "kept": self.kept,
            "run_id": self.run_id,
            "told": self.told,
        }
        _put(self._path, json.dumps(values).encode())


def loaded(folder: Path) -> tuple[Header | None, list[Entry], int]:
    """A journal's first line, its entries and where they end; None where there is no journal.

    A line that is not what was written ends it.
    """
    lines = list(_lines(folder / NAME, 0))
    if not lines or (header := _header(lines[0][0])) is None:
        return None, [], 0
    return header, [Entry(**line) for line, _ in lines[1:]], lines[-1][1]


def header_of(folder: Path) -> Header | None:
    """The first line of a run's journal; None where there is no journal."""
    first = next(_lines(folder / NAME, 0), None)
    return None if first is None else _header(first[0])


def entries(folder: Path, start: int) -> Iterator[tuple[Entry, int]]:
    """The entries from a place on, each with the place behind it."""
    for line, end in _lines(folder / NAME, start):
        if _header(line) is None:
            yield Entry(**line), end


def journals(root: Path) -> list[Path]:
    """Every folder of a run with a journal, of every study under a root."""
    return sorted(path.parent for path in root.glob(f"*/*/{NAME}"))


def run_id_of(folder: Path) -> str:
    """The run of MLflow that was told of a run last; empty where none was."""
    return str(_cursor(folder).get("run_id", ""))


def is_told(folder: Path) -> bool:
    """Whether a run of MLflow has all of a run's journal; true where there is no journal."""
    path = folder / NAME
    return not path.exists() or _cursor(folder).get("told", 0) >= path.stat().st_size


def require_whole(folder: Path) -> None:
    """Whether a journal is all that was written, up to what a kill may have cut.

    Raises:
        Damaged: It is not, or it is another run's.
    """
    cursor = _cursor(folder)  # before the lines, of which a writer may add some meanwhile
    if not (folder / NAME).exists():
        if cursor:
            raise Damaged("is gone")
        return
    header, _, end = loaded(folder)
    if header is None:
        raise Damaged("is no journal")
    if (owner := Path(header.about.tags.get("folder", folder)).name) != folder.absolute().name:
        raise Damaged(f"belongs to '{owner}', not to '{folder.absolute().name}'")
    is_its = cursor.get("journal") == header.id
    safe = max(int(cursor.get(each, 0)) for each in ("kept", "told")) if is_its else 0
    if end < safe:
        raise Damaged(f"has {end:,} of {safe:,} bytes that are whole")


def read_picture(folder: Path, name: str, step: int) -> bytes | None:
    """The file of a picture; None where it is not there, or a power cut has left it empty."""
    try:
        return _picture_path(folder, name, step).read_bytes() or None
    except FileNotFoundError:
        return None


def keep_picture(folder: Path, name: str, step: int, content: bytes) -> Path:
    """Writes the file of a picture, which is still to be synced."""
    path = _picture_path(folder, name, step)
    path.parent.mkdir(exist_ok=True)
    _put(path, content)
    return path


def _picture_path(folder: Path, name: str, step: int) -> Path:
    return folder / PICTURES / f"{name}-{step}.png"


def _put(path: Path, content: bytes) -> None:
    """Writes a file that is whole unless the power goes."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _cursor(folder: Path) -> dict[str, Any]:
    """What ``delivered.json`` says; nothing where it is not there or not whole: all is told again."""
    try:
        found = json.loads((folder / CURSOR).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _header(line: dict[str, Any]) -> Header | None:
    said = line.get("journal")
    return None if said is None else Header(**{**said, "about": About(**said["about"])})


def _lines(path: Path, start: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Each line's content and the place behind it, up to one that is not what was written."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            content = line[_SUM:]
            if line != _summed(content):
                return
            start += len(line)
            yield json.loads(b"{" + content), start


def _line(values: dict[str, Any]) -> bytes:
    return _summed(json.dumps(values).encode()[1:] + b"\n")


def _summed(content: bytes) -> bytes:
    return b'{"sum": "%08x", ' % zlib.crc32(content) + content


_SUM = len(_summed(b""))
