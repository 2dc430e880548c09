"""Images from an ``.npz`` file: ``x_train y_train x_test y_test``, or ``x`` and ``y``."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bench.dataset_names import OwnPictures
from bench.datasets._picture import prepared
from bench.datasets._room import FEW_BYTES, room_for
from bench.datasets._splits import (
    Arrays,
    DataError,
    Images,
    Labels,
    Parts,
    advised,
    blocks_of,
    require_memory,
)
from bench.errors import UsageError

_CONVERSIONS = {
    "b": "truth values by 255 * x.astype(np.uint8)",
    "f": "floats in [0, 1] by (255 * x).round().astype(np.uint8)",
    "u": "16 bits by (x // 257).astype(np.uint8)",
}
_Array = npt.NDArray[Any]
# `digest` stands in the files that `bench data` installs, which may be read this way as well.
_KEYS = ({"x"}, {"x", "y"}, {"x_train", "x_test"}, {"x_train", "y_train", "x_test", "y_test"})
_MOST_ARRAYS = 16


def read_npz(path: Path) -> Parts:
    """The parts stored in a user's file; without ``x_test`` the split is left to us.

    Images are uint8 ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]`` with C 1 or 3, labels
    one-dimensional integers.

    Raises:
        UsageError: The file, its keys, or the dtype, rank or length of an array is wrong.
    """
    if not path.is_file():
        raise UsageError(f"'{path}' is no file: give npz:PATH with the path of an .npz file")
    with advised("save it again with np.savez"):
        arrays = read_arrays(path)
    keys = arrays.keys() - {"digest"}
    if keys not in _KEYS:
        raise UsageError(
            f"'{path}' has the keys {' '.join(sorted(keys)) or 'none'}, expected "
            f"x_train y_train x_test y_test or x y (y optional): rename the arrays"
        )
    if "x" in keys:
        return Parts(_part(path, arrays, ""))
    return Parts(_part(path, arrays, "_train"), _part(path, arrays, "_test"))


def read_prepared(path: Path, how: OwnPictures) -> Parts:
    """The same, with what ``how`` asks for done to each image.

    Raises:
        UsageError: As ``read_npz``.
    """
    parts = read_npz(path)
    if not how.resize and not how.gray:
        return parts
    train, test = (part and _prepared(f"'{path}'", part, how) for part in (parts.train, parts.test))
    assert train is not None
    return replace(parts, train=train, test=test)


def _prepared(where: str, part: Arrays, how: OwnPictures) -> Arrays:
    first = prepared(part.images[0], how)
    images = room_for(where, (len(part), *first.shape))
    for i, image in enumerate(part.images):
        images[i] = prepared(image, how)
    return Arrays(images, part.labels)


def read_arrays(path: Path) -> dict[str, _Array]:
    """Every array of an npz file by name; pickled objects are never loaded.

    What an array takes in memory is what its bytes in the file take: one that claims more, and a
    file that is more than the machine holds, are refused before they are read.

    Raises:
        DataError: The file is no npz or is damaged.
    """
    try:
        if _begins_with(path, np.lib.format.MAGIC_PREFIX):
            raise DataError(f"'{path}' holds one bare array, expected an .npz file")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _require_few(members)
            small = [m.file_size for m in members if m.file_size <= FEW_BYTES]
            require_memory(f"'{path}'", sum(small))
            return {
                m.filename.removesuffix(".npy"): _read_member(f"'{path}'", archive, m)
                for m in members
            }
    except (DataError, UsageError):
        raise
    except Exception as error:  # parsers raise whatever a damaged header leads them to
        reason = str(error) if isinstance(error, _UnsoundError) else "damaged or another format"
        raise DataError(
            f"'{path}' cannot be read ({reason}), expected an .npz file of plain arrays"
        ) from error


class _UnsoundError(ValueError):
    """What an array in a file claims that cannot be."""


def _begins_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _require_few(members: Sequence[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_ARRAYS:
        raise _UnsoundError(f"{len(members)} arrays")
    names = [member.filename for member in members]
    if twice := [name for name in names if names.count(name) > 1]:
        raise _UnsoundError(f"two arrays {twice[0][:80]!r}")


def _read_member(where: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Array:
    """One array, whose header agrees with the size of the member; zip compares its checksum."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        known = np.lib.format
        header = {(1, 0): known.read_array_header_1_0, (2, 0): known.read_array_header_2_0}
        shape, by_column, dtype = header[version](file)
        claimed, stored = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
        if dtype.hasobject:
            raise _UnsoundError("it holds pickled objects")
        if claimed != stored or not dtype.itemsize:
            raise _UnsoundError(
                f"{member.filename[:80]!r} claims {claimed:,} bytes and holds {stored:,}"
            )
        if dtype == np.uint8:
            return _streamed(where, file, shape, by_column=by_column)
    require_memory(where, claimed)
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _streamed(where: str, file: IO[bytes], shape: tuple[int, ...], *, by_column: bool) -> Images:
    """The bytes that are left of a file, a block at a time, and what zip says at its end."""
    values = room_for(where, shape[::-1] if by_column else shape)
    for block in blocks_of(values.reshape(-1)):
        block[:] = np.frombuffer(file.read(len(block)), np.uint8, len(block))
    file.read(1)
    return values.T if by_column else values


def _part(path: Path, arrays: dict[str, _Array], suffix: str) -> Arrays:
    x, y = f"x{suffix}", f"y{suffix}"
    images = _images(f"'{path}': {x}", arrays[x])
    if y not in arrays:
        return Arrays(images)
    labels = _labels(f"'{path}': {y}", arrays[y])
    if len(images) != len(labels):
        raise UsageError(
            f"'{path}': {x} has {len(images)} images and {y} {len(labels)} labels, "
            f"expected as many of each: mend the file"
        )
    return Arrays(images, labels)


def _images(where: str, array: _Array) -> Images:
    """uint8 [N, C, H, W] from any of the three layouts."""
    if array.dtype != np.uint8:
        raise UsageError(
            f"{where} has dtype {str(array.dtype)[:80]}, expected uint8 in 0..255: convert it, "
            f"{_CONVERSIONS.get(array.dtype.kind, _CONVERSIONS['f'])}"
        )
    if array.ndim == 3:
        return array[:, None]
    # Images are at least 4 pixels wide, so a last axis of 1 or 3 can only be the channels.
    if array.ndim == 4 and array.shape[3] in {1, 3}:
        return array.transpose(0, 3, 1, 2)
    if array.ndim == 4 and array.shape[1] in {1, 3}:
        return array
    raise UsageError(
        f"{where} has shape {list(array.shape)}, expected [N, H, W], [N, H, W, C] or "
        f"[N, C, H, W] with C 1 or 3: reshape it"
    )


def _labels(where: str, array: _Array) -> Labels:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageError(
            f"{where} has dtype {str(array.dtype)[:80]} and shape {list(array.shape)}, "
            f"expected integers of shape [N]: convert it"
        )
    if len(array) and (highest := int(array.max())) > np.iinfo(np.int64).max:
        raise UsageError(f"{where} has the label {highest}, expected 0..K-1: renumber the labels")
    return array.astype(np.int64)
