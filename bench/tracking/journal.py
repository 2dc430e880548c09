"""What a run tells its tracker, kept in its folder in order: a store is told from there.

The journal is the truth and a store a copy of it, made by ``bench/tracking/delivery.py`` while the
run goes on or whenever the store is there again; ``bench/tracking/entries.py`` reads it.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench.files import written_whole
from bench.images import Picture, to_png
from bench.logger import Logger, NullLogger
from bench.records import SplitInput
from bench.text import masked
from bench.tracking.entries import (
    NAME,
    About,
    Cursor,
    Entry,
    Header,
    header_of,
    keep_picture,
    loaded,
    read_picture,
    run_id_of,
)


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
        self._values = {(name, each.step) for each in entries for name in each.metrics}
        self._pictures = {
            (each.picture, each.step)
            for each in entries
            if each.picture and read_picture(folder, each.picture, each.step)
        }
        self._unsynced: list[Path] = []
        self._has_inputs = any(each.inputs for each in entries)
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
        self._unsynced.append(keep_picture(self._folder, name, step, to_png(picture)))
        self._append(Entry(at=_now(), step=step, picture=name))
        self._pictures.add((name, step))
        self.mirrors.picture(name, picture, step)

    def inputs(self, splits: Sequence[SplitInput]) -> None:
        """Keeps which data the run was given; once."""
        if splits and not self._has_inputs:
            self._append(Entry(at=_now(), inputs=[asdict(each) for each in splits]))
            self._has_inputs = True

    def state(self, state: str) -> None:
        """Keeps how the run stands."""
        if state != self._state:
            self._append(Entry(at=_now(), state=state))
            self._state = state

    def flush(self) -> None:
        """All of it is on the disk when this returns; a store is told soon, when it answers."""
        for path in self._unsynced:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        self._unsynced.clear()
        os.fsync(self._file.fileno())
        self.cursor.keep(self._file.tell())
        self.mirrors.flush()

    def close(self) -> None:
        """The last ``flush``."""
        self.flush()
        self._file.close()

    def _append(self, entry: Entry) -> None:
        before = self._file.tell()
        left = entry.line()
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
    write_journal(folder, about, _kept(source, folder, validation=validation))


def _kept(source: Path, folder: Path, *, validation: bool) -> Iterator[Entry]:
    """What counts still of a journal; pictures go along."""
    header, known, _ = loaded(source)
    last = max((entry.step for entry in known), default=0)
    for entry in known if header else ():
        if kept := _inherited(entry, last, validation=validation):
            if kept.picture and (content := read_picture(source, kept.picture, kept.step)):
                keep_picture(folder, kept.picture, kept.step, content)
            yield kept


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


def write_journal(folder: Path, about: About, told: Iterable[Entry]) -> None:
    """A journal of what a run told somewhere else, in place of what was there.

    Args:
        folder: Of the run; it is there.
        about: What a store needs to make it.
        told: All of it, in order.
    """
    begun = _begin(folder, about, begun=False)
    with (folder / NAME).open("ab") as file:
        file.writelines(entry.line() for entry in told)
        file.flush()
        os.fsync(file.fileno())
        Cursor(folder, begun.id).keep(file.tell())


def note_tags(folder: Path, tags: Mapping[str, str], *, run_id: str) -> None:
    """Adds to a run's journal what a store was told without it, in case it is sent to another one."""
    header = header_of(folder)
    if header is not None and run_id_of(folder) == run_id:
        journal = Journal(folder, header.about, begun=True)
        journal.tags(tags)
        journal.close()


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
        file.write(header.line())
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


def _now() -> int:
    return int(time.time() * 1000)
