"""Images from a folder of picture files, one subfolder per class or none."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from bench.datasets._splits import Arrays, Images, Labels, Parts
from bench.errors import UsageError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
_MODES_OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


@dataclass(frozen=True)
class _Listing:
    """The picture files of one part in order; no labels and no classes where they lie flat."""

    files: list[Path]
    labels: Labels | None
    classes: list[str]


def read_folder(path: Path) -> Parts:
    """The parts below ``path``; without ``train/`` and ``test/`` the split is left to us.

    Each part holds one subfolder per class, or pictures directly. Files are taken in the order
    of their names, hidden and other files are ignored. Pictures become RGB, or gray where every
    pixel of all of them is gray; transparency is dropped.

    Raises:
        UsageError: No folder, no pictures, an unclear layout, a picture that cannot be read or
            that has another size than the first.
    """
    if not path.is_dir():
        raise UsageError(f"'{path}' is no folder: give folder:PATH with the path of a folder")
    names = {folder.name for folder in _subfolders(path)}
    if not names & {"train", "test"}:
        return Parts(read_pictures(path))
    if names != {"train", "test"}:
        raise UsageError(
            f"'{path}' has the subfolders {', '.join(sorted(names))}, expected train and test and "
            f"no other: move the pictures (validation is carved from train)"
        )
    train, test = _list(path / "train"), _list(path / "test")
    if train.classes != test.classes:
        only = min(set(train.classes) ^ set(test.classes))
        raise UsageError(
            f"'{path}' has the class folder '{only}' in only one of train and test, "
            f"expected the same classes in both: add or remove it"
        )
    images = _read(train.files + test.files)
    n = len(train.files)
    return Parts(Arrays(images[:n], train.labels), Arrays(images[n:], test.labels))


def read_pictures(path: Path) -> Arrays:
    """One part: the pictures of a folder, with labels where it has subfolders, one per class.

    Raises:
        UsageError: As ``read_folder``.
    """
    listing = _list(path)
    return Arrays(_read(listing.files), listing.labels)


def _list(folder: Path) -> _Listing:
    classes, loose = _subfolders(folder), _pictures(folder)
    if classes and loose:
        raise UsageError(
            f"'{folder}' holds pictures ({loose[0].name}) beside subfolders ({classes[0].name}), "
            f"expected one or the other: move the pictures"
        )
    found = {part: _pictures(part) for part in classes or [folder]}
    for part, files in found.items():
        if not files:
            raise UsageError(
                f"'{part}' holds no pictures, expected files ending in {' '.join(SUFFIXES)}: "
                f"add some or remove the folder"
            )
    labels = np.repeat(np.arange(len(found)), [len(files) for files in found.values()])
    names = [subfolder.name for subfolder in classes]
    return _Listing(list(chain(*found.values())), labels if classes else None, names)


def _subfolders(folder: Path) -> list[Path]:
    return [p for p in _visible(folder) if p.is_dir()]


def _pictures(folder: Path) -> list[Path]:
    return [p for p in _visible(folder) if p.suffix.lower() in SUFFIXES and p.is_file()]


def _visible(folder: Path) -> list[Path]:
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(entries, key=lambda entry: entry.name)


def _read(files: list[Path]) -> Images:
    """uint8 [N, 3, H, W], or [N, 1, H, W] where red, green and blue agree everywhere."""
    first = _pixels(files[0])
    images = np.empty((len(files), *first.shape), np.uint8)
    gray = True
    for i, file in enumerate(files):
        pixels = _pixels(file)
        if pixels.shape != first.shape:
            raise UsageError(
                f"'{file}' is {_size(pixels)} pixels, expected {_size(first)} as '{files[0].name}':"
                f" resize all pictures to one size first"
            )
        images[i] = pixels
        gray = gray and bool((pixels == pixels[:1]).all())
    return images[:, :1].copy() if gray else images


def _size(pixels: Images) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[2]}"


def _pixels(file: Path) -> Images:
    """uint8 [3, H, W] of one picture."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            if picture.mode not in _MODES_OF_8_BITS:
                raise UsageError(
                    f"'{file}' has the pixel mode {picture.mode}, expected 8 bits per channel: "
                    f"convert it first"
                )
            return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    except UsageError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(
            f"'{file}' cannot be read ({type(error).__name__}), expected a whole picture: "
            f"remove or replace it"
        ) from error
