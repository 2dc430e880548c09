"""Images from a folder of picture files, one subfolder per class or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.dataset_names import OwnPictures
from bench.datasets._listing import (
    Listing,
    Numbers,
    contents_of,
    few,
    is_number,
    list_pictures,
    notes_of,
    refuse_loose,
)
from bench.datasets._picture import AS_IT_IS, CONVERTED, JPEG, Refused, read_files
from bench.datasets._splits import Arrays, Images, Parts
from bench.errors import UsageError

_SPLITS = {"eval", "test", "testing", "train", "training", "val", "valid", "validation"}


def read_folder(path: Path, how: OwnPictures = AS_IT_IS) -> Parts:
    """The parts below ``path``; without ``train/`` and ``test/`` the split is left to us.

    Each part holds one subfolder per class, or pictures directly. A folder whose name is a number
    is the class of that number; other names are numbered in their order. Files are taken in the
    order of their names; pictures become RGB, or gray where every pixel of all of them is gray.
    What ``how`` asks for is done to each.

    Raises:
        UsageError: No folder, no pictures, an unclear layout, class numbers with gaps, a picture
            that is not read, or as ``read_files``.
    """
    if not path.is_dir():
        raise UsageError(f"'{path}' is no folder: give folder:PATH with the path of a folder")
    top = contents_of(path, skip=how.skip)
    names = {folder.name for folder in top.folders}
    numbers = _own_numbers(path)
    if not {name.casefold() for name in names} & _SPLITS:
        listing = list_pictures(path, skip=how.skip)
        labels = listing.labels(numbers)  # before pictures, which take longer
        images, kept, left = _read(path, listing.files, how)
        arrays = Arrays(images, None if labels is None else labels[kept])
        return Parts(
            arrays, classes=tuple(listing.classes), notes=(*notes_of(path, listing), *left)
        )
    if names != {"train", "test"}:
        raise UsageError(
            f"'{path}' has the subfolders {', '.join(sorted(names))}, expected train and test and "
            f"no other: move the pictures (validation is carved from train)"
        )
    refuse_loose(path, top)
    train, test = (list_pictures(path / part, skip=how.skip) for part in ("train", "test"))
    _require_same_classes(path, train, test)
    train_labels, test_labels = train.labels(numbers), test.labels(numbers)
    images, kept, left = _read(path, train.files + test.files, how)
    n = len(train.files)
    first = int(np.count_nonzero(kept[:n]))
    return Parts(
        Arrays(images[:first], None if train_labels is None else train_labels[kept[:n]]),
        Arrays(images[first:], None if test_labels is None else test_labels[kept[n:]]),
        classes=tuple(train.classes),
        notes=(*notes_of(path, train, test, beside=top.others), *left),
    )


def _read(
    path: Path, files: Sequence[Path], how: OwnPictures
) -> tuple[Images, npt.NDArray[np.bool_], tuple[str, ...]]:
    """The images, which of the files they are of, and what is to be said of the others."""
    left: dict[int, Refused] = {}
    converted: dict[str, list[str]] = {}
    images = read_files(files, how, left if how.skip else None, converted)
    kept = np.array([i not in left for i in range(len(files))])
    notes = _conversions(path, converted)
    if not left:
        return images, kept, notes
    kinds = Counter(refused.kind for refused in left.values())
    told = ", ".join(
        f"{number} {kind} ({next(files[i].name for i, r in left.items() if r.kind == kind)})"
        for kind, number in sorted(kinds.items())
    )
    said = f"'{path}': left out {len(left)} pictures that are not read: {told}"
    return images, kept, (*notes, said)


def _conversions(path: Path, converted: Mapping[str, list[str]]) -> tuple[str, ...]:
    """What became of pictures whose pixels are not kept as they are."""
    return tuple(
        f"'{path}': {len(names):,} pictures of mode {mode} ({few(names)}) are {CONVERTED[mode]}"
        for mode, names in sorted(converted.items())
    )


def read_pictures(path: Path, numbers: Numbers) -> Parts:
    """One part: the pictures of a folder, with labels where it has subfolders, one per class.

    Raises:
        UsageError: As ``read_folder``, or what ``numbers`` says of the folders' names.
    """
    listing = list_pictures(path)
    labels = listing.labels(numbers)
    lossy = [file for file in listing.files if file.suffix.lower() in JPEG]
    converted: dict[str, list[str]] = {}
    images = read_files(listing.files, converted=converted)
    notes = notes_of(path, listing) + _conversions(path, converted)
    if lossy:
        notes += (f"{len(lossy)} pictures are JPEG ({lossy[0].name}): distances see what it lost",)
    return Parts(Arrays(images, labels), notes=notes)


def class_numbers(path: Path, names: Sequence[str]) -> list[int] | None:
    """The numbers that the names of class folders are, or None where they are words.

    Raises:
        UsageError: Some are and some are not.
    """
    words = [name for name in names if not is_number(name)]
    if len(words) == len(names):
        return None
    if words:
        number = next(name for name in names if is_number(name))
        raise UsageError(
            f"'{path}' has class folders with numbers ({number}) and with words ({words[0]}), "
            f"expected one or the other: rename some"
        )
    return [int(name) for name in names]


def _own_numbers(path: Path) -> Numbers:
    """Numbers of a data set's own classes: as the names say, which leave none out, or their order."""

    def numbers(names: Sequence[str]) -> Sequence[int]:
        found = class_numbers(path, names)
        if found is None:
            return range(len(names))
        if missing := set(range(len(found))) - set(found):
            raise UsageError(
                f"'{path}' has the class folders {few(names)}, whose names are class numbers, "
                f"expected 0..{len(found) - 1} ({min(missing)} is missing): rename them, or add a "
                f"letter to each where they are names"
            )
        return found

    return numbers


def _require_same_classes(path: Path, train: Listing, test: Listing) -> None:
    if train.classes != test.classes:
        only = min(set(train.classes) ^ set(test.classes))
        raise UsageError(
            f"'{path}' has the class folder '{only}' in only one of train and test, "
            f"expected the same classes in both: add or remove it"
        )
