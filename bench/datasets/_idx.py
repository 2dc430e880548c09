"""The IDX format of MNIST and its relatives: four files, gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.datasets._splits import Arrays, Parts
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
    """The array of one file: four bytes of magic, one 32-bit size per dimension, then bytes."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(
            f"{path} cannot be read ({error}), expected a whole file: {_REMEDY}"
        ) from error
    header = 4 + 4 * num_dims
    magic = bytes([0, 0, 8, num_dims])  # 8 stands for unsigned bytes
    if data[:4] != magic:
        raise UsageError(
            f"{path} begins with the bytes '{data[:4].hex()}', expected '{magic.hex()}' "
            f"(IDX of unsigned bytes in {num_dims} dimensions): {_REMEDY}"
        )
    shape = np.frombuffer(data[4:header].ljust(4 * num_dims, b"\0"), ">u4").tolist()
    expected = header + math.prod(shape)
    if len(data) != expected:
        raise UsageError(
            f"{path} holds {len(data)} bytes, expected {expected} for its "
            f"{'x'.join(map(str, shape))} header: {_REMEDY}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy()
