"""The IDX format of MNIST and its relatives: four files, gzipped or not."""

from __future__ import annotations

import contextlib
import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from bench.datasets._splits import Arrays, Parts, require_memory
from bench.errors import UsageError
from bench.torchvision_import import import_torchvision

_GZIP_MAGIC = b"\x1f\x8b"
_REMEDY = "download the file again"


def read_idx(directory: Path) -> Parts:
    """Both published parts from the four IDX files in ``directory``.

    Each file is found with ``-`` or ``.`` before ``idx``, with or without ``.gz``; whether it is
    gzipped is read from its content.

    Raises:
        UsageError: A file is missing, truncated, has another magic number or other dimensions,
            images and labels differ in number, or a label is outside 0..9.
    """
    if not directory.is_dir():
        raise UsageError(f"'{directory}' is no folder: give the folder of the four IDX files")
    return Parts(_read_part(directory, "train"), _read_part(directory, "t10k"))


def download_idx(name: str, folder: Path) -> Parts:
    """Both parts of a data set of torchvision's, from the files that it downloads and checks."""
    getattr(import_torchvision().datasets, name)(folder, download=True)
    return read_idx(folder / name / "raw")


def _read_part(directory: Path, part: str) -> Arrays:
    image_file = _find(directory, f"{part}-images", "idx3-ubyte")
    label_file = _find(directory, f"{part}-labels", "idx1-ubyte")
    images, labels = _read(image_file, num_dims=3), _read(label_file, num_dims=1)
    if len(images) != len(labels):
        raise UsageError(
            f"{image_file} holds {len(images)} images and {label_file.name} {len(labels)} labels, "
            f"expected as many of each: take both files from one source"
        )
    wrong = np.flatnonzero(labels > 9)
    if len(wrong):
        raise UsageError(
            f"{label_file}: label {wrong[0]} is {labels[wrong[0]]}, expected 0..9: {_REMEDY}"
        )
    return Arrays(images[:, None], labels.astype(np.int64))


def _find(directory: Path, stem: str, suffix: str) -> Path:
    for name in (f"{stem}{mark}{suffix}{end}" for end in ("", ".gz") for mark in "-."):
        if (directory / name).is_file():
            return directory / name
    raise UsageError(
        f"'{directory}' has no {stem}-{suffix} nor {stem}-{suffix}.gz: "
        f"put all four IDX files into this folder"
    )


def _read(path: Path, *, num_dims: int) -> npt.NDArray[np.uint8]:
    """The array of one file: four bytes of magic, one 32-bit size per dimension, then bytes.

    No more is read, or unpacked, than the header says and the machine holds.
    """
    header = 4 + 4 * num_dims
    try:
        with _opened(path) as file:
            start = file.read(header)
            shape = _shape(path, start, num_dims)
            expected = math.prod(shape)
            require_memory(f"'{path}'", expected)
            data = file.read(expected)
            more = file.read(1)
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        raise UsageError(
            f"{path} cannot be read ({error}), expected a whole file: {_REMEDY}"
        ) from error
    held = len(start) + len(data)
    if more or held < header + expected:
        found = f"more than {held}" if more else str(held)
        raise UsageError(
            f"{path} holds {found} bytes, expected {header + expected} for its "
            f"{'x'.join(map(str, shape))} header: {_REMEDY}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    """The file's bytes, unpacked if they are gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield unpacked


def _shape(path: Path, start: bytes, num_dims: int) -> list[int]:
    """The sizes that a file begins with."""
    magic = bytes([0, 0, 8, num_dims])  # 8 stands for unsigned bytes
    if start[:4] != magic:
        raise UsageError(
            f"{path} begins with the bytes '{start[:4].hex()}', expected '{magic.hex()}' "
            f"(IDX of unsigned bytes in {num_dims} dimensions): {_REMEDY}"
        )
    sizes: list[int] = np.frombuffer(start[4:].ljust(4 * num_dims, b"\0"), ">u4").tolist()
    return sizes
