"""Files written whole or not at all; the folder of data and detectors, and its lock."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bench.errors import UsageError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` once it is written, and leaves it alone if not.

    It is written beside, under a name with the process's number (two that write the same file do
    not meet), synced and renamed. Missing folders are made.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_home() -> Path:
    """The data folder: ``BENCH_DATA``, else ``bench`` in the user's cache folder."""
    if home := os.environ.get("BENCH_DATA"):
        return Path(home).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "bench"


@contextlib.contextmanager
def install_lock(name: str) -> Iterator[None]:
    """Keeps other processes from installing ``name``; the kernel frees it if this one dies.

    Raises:
        UsageError: The data folder cannot be written.
    """
    from filelock import FileLock

    try:
        data_home().mkdir(parents=True, exist_ok=True)
        lock = FileLock(data_home() / f".{name}.lock").acquire()
    except OSError as error:
        raise cannot_write(error) from error
    with lock:
        yield


def cannot_write(error: OSError) -> UsageError:
    """The sentence for a data folder that is full, or is somebody else's."""
    return UsageError(
        f"the data folder '{data_home()}' cannot be written ({error.strerror or error}): "
        f"free space there or set BENCH_DATA to another folder"
    )
