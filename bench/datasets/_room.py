"""Room for images on their way: in memory where they are few, else in a file without a name."""

from __future__ import annotations

import math
import os
import shutil
import tempfile

import numpy as np

from bench.datasets._splits import Images, require_memory
from bench.errors import UsageError
from bench.files import cannot_write, data_home
from bench.memory import size_text

FEW_BYTES = 64 * 2**20
"""Up to here images lie in memory while they are read."""


def room_for(where: str, shape: tuple[int, ...]) -> Images:
    """Writable uint8 values of a shape, that are gone with the array.

    Raises:
        UsageError: Neither memory nor the disk of the data folder has room for them.
    """
    num_bytes = math.prod(shape)
    if num_bytes <= FEW_BYTES:
        require_memory(where, num_bytes)
        return np.empty(shape, np.uint8)
    try:
        data_home().mkdir(parents=True, exist_ok=True)
        _require_disk(where, num_bytes)
        return _unnamed(shape)
    except OSError as error:
        raise cannot_write(error) from error


def _unnamed(shape: tuple[int, ...]) -> Images:
    with tempfile.TemporaryFile(dir=data_home()) as file:
        if hasattr(
            os, "posix_fallocate"
        ):  # a disk that is full says so now, and kills nobody later
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, np.uint8, mode="w+", shape=shape)


def _require_disk(where: str, num_bytes: int) -> None:
    """Room for them and for what they become.

    Raises:
        UsageError: There is less.
    """
    free = shutil.disk_usage(data_home()).free
    if 2 * num_bytes > free:
        raise UsageError(
            f"{where} would need {size_text(2 * num_bytes)} in the data folder '{data_home()}', "
            f"{size_text(free)} are free: free space there or set BENCH_DATA to another folder"
        )
