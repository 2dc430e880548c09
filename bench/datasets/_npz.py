"""Images from an ``.npz`` file: ``x_train y_train x_test y_test``, or ``x`` and ``y``."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets._splits import Arrays, DataError, Images, Labels, Parts, advised
from bench.errors import UsageError

_Array = npt.NDArray[Any]
# `digest` stands in the files that `bench data` installs, which may be read this way as well.
_KEYS = ({"x"}, {"x", "y"}, {"x_train", "x_test"}, {"x_train", "y_train", "x_test", "y_test"})
_READ_ERRORS = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


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


def read_arrays(path: Path) -> dict[str, _Array]:
    """Every array of an npz file by name; pickled objects are never loaded.

    Raises:
        DataError: The file is no npz or is damaged.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise DataError(f"'{path}' holds one bare array, expected an .npz file")
        with archive:
            return {key: archive[key] for key in archive.files}
    except _READ_ERRORS as error:
        pickled = "pickle" in str(error) and zipfile.is_zipfile(path)
        reason = "it holds pickled objects" if pickled else "damaged or another format"
        raise DataError(
            f"'{path}' cannot be read ({reason}), expected an .npz file of plain arrays"
        ) from error


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
            f"{where} has dtype {array.dtype}, expected uint8 in 0..255: "
            f"convert it, floats in [0, 1] by (255 * x).round().astype(np.uint8)"
        )
    if array.ndim == 3:
        return array[:, None]
    # Images are at least 4 pixels wide, so a last axis of 1 or 3 can only be the channels.
    if array.ndim == 4 and array.shape[3] in {1, 3}:
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    if array.ndim == 4 and array.shape[1] in {1, 3}:
        return array
    raise UsageError(
        f"{where} has shape {list(array.shape)}, expected [N, H, W], [N, H, W, C] or "
        f"[N, C, H, W] with C 1 or 3: reshape it"
    )


def _labels(where: str, array: _Array) -> Labels:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageError(
            f"{where} has dtype {array.dtype} and shape {list(array.shape)}, "
            f"expected integers of shape [N]: convert it"
        )
    return array.astype(np.int64)
