"""Which files of a folder are pictures, of which class folder, and what is skipped."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets._picture import SUFFIXES, Refused
from bench.datasets._splits import Labels
from bench.errors import UsageError

# Pictures that would be missed, and are not read: some need a program, some a profile.
OTHER_PICTURES = {
    *(".avif", ".dcm", ".dng", ".eps", ".heic", ".heif", ".ico", ".j2k", ".jp2", ".jxl"),
    *(".pcx", ".psd", ".raw", ".svg", ".tga"),
}
_NAMED = 3

Numbers = Callable[[Sequence[str]], Sequence[int]]
"""Gives the class numbers that names of folders stand for."""


@dataclass(frozen=True)
class Contents:
    """What lies in one folder, each in the order of names."""

    folders: list[Path]
    pictures: list[Path]
    others: list[Path]


@dataclass(frozen=True)
class Listing:
    """The pictures of one part, class by class, and what was skipped; flat without classes."""

    files: list[Path]
    classes: list[str]
    counts: list[int]
    others: list[Path]

    def labels(self, numbers: Numbers) -> Labels | None:
        """int64 [N], the number of each file's class."""
        if not self.classes:
            return None
        return np.repeat(np.array(numbers(self.classes), np.int64), self.counts)


def list_pictures(folder: Path, *, skip: bool = False) -> Listing:
    """The pictures of one part, class by class: numbers in their order, words in theirs.

    Nothing below a class folder is looked into, so that links lead into no circle. With ``skip``
    pictures that are not read are among what was skipped.

    Raises:
        UsageError: An unclear layout, a folder without pictures, a picture that is not read.
    """
    top = contents_of(folder, skip=skip)
    refuse_loose(folder, top)
    _refuse_twins(folder, [path.name for path in top.folders])
    by_number = bool(top.folders) and all(is_number(path.name) for path in top.folders)
    classes = sorted(top.folders, key=lambda p: int(p.name)) if by_number else top.folders
    parts = [contents_of(part, skip=skip) for part in classes] if classes else [top]
    for part, path in zip(parts, classes or [folder], strict=True):
        if classes and part.folders:
            raise UsageError(
                f"'{part.folders[0]}' is a folder within the class folder '{path.name}', expected "
                f"pictures: move what it holds up or remove it"
            )
        if not part.pictures:
            raise UsageError(
                f"'{path}' holds no pictures, expected files ending in {' '.join(SUFFIXES)}: "
                f"add some or remove the folder"
            )
    others = [*(top.others if classes else ()), *(path for part in parts for path in part.others)]
    return Listing(
        files=[file for part in parts for file in part.pictures],
        classes=[path.name for path in classes],
        counts=[len(part.pictures) for part in parts],
        others=others,
    )


def contents_of(folder: Path, *, skip: bool = False) -> Contents:
    """What lies in a folder.

    Raises:
        UsageError: It cannot be read, or holds a picture that is not read.
    """
    found = Contents([], [], [])
    try:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            _place(found, entry, skip=skip).append(entry)
    except OSError as error:
        raise UsageError(
            f"'{folder}' cannot be read ({error.strerror or error}), expected a folder of "
            f"pictures: make it readable"
        ) from error
    return found


def _place(found: Contents, entry: Path, *, skip: bool) -> list[Path]:
    """The list that an entry of a folder belongs to."""
    suffix = entry.suffix.lower()
    if entry.name.startswith("."):
        return found.others
    if entry.is_dir():
        return found.folders
    if skip and (suffix in OTHER_PICTURES or not entry.exists()):
        return found.others
    if entry.is_symlink() and not entry.exists():
        raise UsageError(
            f"'{entry}' is a broken link, expected what it pointed to: mend it or remove it"
        )
    if suffix in OTHER_PICTURES:
        raise Refused(
            f"{suffix} pictures",
            f"'{entry}' is a picture that is not read, expected {' '.join(SUFFIXES)}: convert it "
            f"or remove it",
        )
    return found.pictures if suffix in SUFFIXES and entry.is_file() else found.others


def refuse_loose(folder: Path, top: Contents) -> None:
    """Pictures beside folders of pictures belong to no class.

    Raises:
        UsageError: There are some.
    """
    if top.folders and top.pictures:
        raise UsageError(
            f"'{folder}' holds pictures ({top.pictures[0].name}) beside subfolders "
            f"({top.folders[0].name}), expected one or the other: move the pictures"
        )


def _refuse_twins(folder: Path, names: Sequence[str]) -> None:
    """Two names of one class: ``cat`` and ``Cat``, ``3`` and ``03``."""
    known: dict[str | int, str] = {}
    for name in names:
        same = unicodedata.normalize("NFC", name).casefold()
        twin = known.setdefault(int(name) if is_number(name) else same, name)
        if twin != name:
            raise UsageError(
                f"'{folder}' has the class folders '{twin}' and '{name}', expected one of each "
                f"class: join them or rename one"
            )


def notes_of(path: Path, *listings: Listing, beside: Sequence[Path] = ()) -> tuple[str, ...]:
    """What was skipped, by suffix, and pictures that may be there twice."""
    notes = []
    groups: dict[str, list[str]] = defaultdict(list)
    for other in [*beside, *(other for listing in listings for other in listing.others)]:
        kind = "hidden" if other.name.startswith(".") else other.suffix.lower() or "without suffix"
        groups[kind].append(str(other.relative_to(path)))
    if groups:
        count = sum(map(len, groups.values()))
        told = ", ".join(f"{len(v)} {kind} ({few(v)})" for kind, v in sorted(groups.items()))
        notes.append(f"'{path}': skipped {count} files that are no pictures: {told}")
    stems: dict[tuple[Path, str], list[str]] = defaultdict(list)
    for file in (file for listing in listings for file in listing.files):
        stems[file.parent, file.stem.casefold()].append(file.name)
    if twins := [names for names in stems.values() if len(names) > 1]:
        notes.append(
            f"'{path}': {len(twins)} pictures have another of their name but for case or suffix "
            f"({few(twins[0])}): each counts"
        )
    return tuple(notes)


def few(names: Sequence[str]) -> str:
    """The first of them."""
    return ", ".join([*names[:_NAMED], *(["..."] if len(names) > _NAMED else [])])


def is_number(name: str) -> bool:
    """Whether the name of a folder is the number of a class."""
    return name.isascii() and name.isdecimal()
