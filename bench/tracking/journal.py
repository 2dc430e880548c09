"""What a run tells its tracker, kept in its folder in order: a store is told from there.

The journal is the truth and a store a copy of it, made by ``bench/tracking/delivery.py`` while the
run goes on or whenever the store is there again. Each line has a checksum; behind it stands in
``delivered.json`` how much of it was synced, and how much of it which run of MLflow has.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.errors import Damaged
from bench.files import written_whole
from bench.images import Picture, to_png
from bench.logger import Logger, NullLogger
from bench.text import masked

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
    """

    experiment: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    facts: dict[str, str] = field(default_factory=dict)


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
    """

    at: int
    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    picture: str = ""
    state: str = ""


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


class Journal:
    """Writes a run's journal; what it holds already is not told again.

    Args:
        folder: Of the run; it is there.
        about: What a store needs to make the run.
        begun: Whether a checkpoint or a result is continued; else the journal begins anew.
    """

    def __init__(self, folder: Path, about: About, *, begun: bool) -> None:
        self._folder, self._path = folder, folder / NAME
        header, entries, end = loaded(folder)
        if header is None or (entries and not begun):
            header, entries, end = _begin(folder, about, begun=begun), [], self._path.stat().st_size
        self.header, self.cursor = header, Cursor(folder, header.id)
        self.mirrors: Logger = NullLogger()
        self.wake: Callable[[], object] = lambda: None
        self._values = {(name, each.step) for each in entries for name in each.metrics}
        self._pictures = {
            (each.picture, each.step)
            for each in entries
            if each.picture and read_picture(folder, each.picture, each.step)
        }
        self._unsynced: list[Path] = []
        self._tags = {name: text for each in entries for name, text in each.tags.items()}
        self._state = next((each.state for each in reversed(entries) if each.state), "")
        os.truncate(self._path, end)  # a line may have been cut by a kill
        self._file = self._path.open("ab", buffering=0)

    def tags(self, values: Mapping[str, str]) -> None:
        """Keeps tags that say something new."""
        told = {key: masked(str(text)) for key, text in values.items()}
        new = {key: text for key, text in told.items() if self._tags.get(key) != text}
        if new:
            self._append(Entry(at=_now(), tags=new))
            self._tags |= new
            self.mirrors.tags(new)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Keeps values; those of a step that were told before, by a run that was cut short, stay."""
        new = {
            name: float(value) for name, value in values.items() if (name, step) not in self._values
        }
        if new:
            self._append(Entry(at=_now(), step=step, metrics=new))
            self._values |= {(name, step) for name in new}
            self.mirrors.metrics(new, step)

    def picture(self, name: str, picture: Picture, step: int) -> None:
        """Keeps a picture as a file beside the journal."""
        if (name, step) in self._pictures:
            return
        path = _picture_path(self._folder, name, step)
        path.parent.mkdir(exist_ok=True)
        _put(path, to_png(picture))
        self._unsynced.append(path)
        self._append(Entry(at=_now(), step=step, picture=name))
        self._pictures.add((name, step))
        self.mirrors.picture(name, picture, step)

    def state(self, state: str) -> None:
        """Keeps how the run stands."""
        if state != self._state:
            self._append(Entry(at=_now(), state=state))
            self._state = state

    def flush(self) -> None:
        """All of it is on the disk when this returns; a store is told when it answers."""
        for path in self._unsynced:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        self._unsynced.clear()
        os.fsync(self._file.fileno())
        self.cursor.keep(self._file.tell())
        self.mirrors.flush()
        self.wake()

    def close(self) -> None:
        """The last ``flush``."""
        self.flush()
        self._file.close()

    def _append(self, entry: Entry) -> None:
        before = self._file.tell()
        left = _line({key: value for key, value in vars(entry).items() if value})
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            # The disk is full: half a line would hide what comes behind it.
            self._file.truncate(before)
            raise


def inherit(source: Path, folder: Path, about: About, *, validation: bool) -> None:
    """A journal that begins with the curves of a run that was trained likewise, to be measured anew.

    Args:
        source: Folder of that run.
        folder: Of the run that begins; it is there.
        about: What a store needs to make it.
        validation: Whether the values and pictures of validations count; the last one's never do.
    """
    header, known, _ = loaded(source)
    begun = _begin(folder, about, begun=False)
    last = max((entry.step for entry in known), default=0)
    with (folder / NAME).open("ab") as file:
        for entry in known if header else ():
            if kept := _inherited(entry, last, validation=validation):
                if kept.picture and (content := read_picture(source, kept.picture, kept.step)):
                    path = _picture_path(folder, kept.picture, kept.step)
                    path.parent.mkdir(exist_ok=True)
                    _put(path, content)
                file.write(_line({key: value for key, value in vars(kept).items() if value}))
        file.flush()
        os.fsync(file.fileno())
        Cursor(folder, begun.id).keep(file.tell())


def _inherited(entry: Entry, last: int, *, validation: bool) -> Entry | None:
    """What of an entry is of training, or of a validation before the last."""
    counts = ("train/", "val/") if validation and entry.step < last else ("train/",)
    metrics = {name: value for name, value in entry.metrics.items() if name.startswith(counts)}
    picture = entry.picture if entry.step < last else ""
    return (
        replace(entry, metrics=metrics, tags={}, picture=picture, state="")
        if metrics or picture
        else None
    )


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


def note_tags(folder: Path, tags: Mapping[str, str], *, run_id: str) -> None:
    """Adds to a run's journal what a store was told without it, in case it is sent to another one."""
    header = header_of(folder)
    if header is not None and run_id_of(folder) == run_id:
        journal = Journal(folder, header.about, begun=True)
        journal.tags(tags)
        journal.close()


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


def _picture_path(folder: Path, name: str, step: int) -> Path:
    return folder / PICTURES / f"{name}-{step}.png"


def _put(path: Path, content: bytes) -> None:
    """Writes a file that is whole unless the power goes."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _begin(folder: Path, about: About, *, begun: bool) -> Header:
    """A journal with its first line alone, in place of what was there."""
    known = run_id_of(folder) or _formerly(folder)
    header = Header(
        id=uuid.uuid4().hex,
        at=_now(),
        about=replace(about, tags=_masked(about.tags), facts=_masked(about.facts)),
        fresh=not begun,
        replaces=[known] if known and not begun else [],
    )
    with written_whole(folder / NAME) as file:
        file.write(_line({"journal": asdict(header)}))
    if known and begun:
        Cursor(folder, header.id).tell(known, 0)
    return header


def _masked(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: masked(text) for key, text in texts.items()}


def _formerly(folder: Path) -> str:
    """The run of MLflow, as a file of a version without journals names it."""
    try:
        found = re.search("[0-9a-f]{32}$", (folder / "run_id").read_text().strip())
    except (OSError, UnicodeDecodeError):
        return ""
    return found[0] if found else ""


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


def _now() -> int:
    return int(time.time() * 1000)
