"""Files written whole or not at all, and read as they were written; the folder of data.

A sealed file says what it is before it is believed: form, kind, whose, size, SHA-256, content.
One that is cut, empty, garbage or another's is moved aside as ``NAME.damaged``, never removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bench.errors import Damaged, Interrupted, UsageError, cannot_use, disk_trouble

FORM = "bench_file"
VERSION = 1
"""Of the form of sealed files: raised when an older reader must not believe them."""
WAIT_SECONDS = 30.0
"""For a worker whose driver was killed to keep what it has."""
ASK_SECONDS = 1.0
"""Between two looks whether to go on waiting."""
FIGURES = "figures"
"""The folder beside a page's text."""
_PARTIAL = re.compile(r"\..+\.(\d+)\.partial")


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` once it is written, and leaves it alone if not.

    It is written beside, under a name with the process's number (two that write the same file do
    not meet), synced and renamed; then the folder is synced, so that files which are written one
    after the other are there one after the other, whenever the power goes.

    Raises:
        OSError: The folder cannot be written, or is gone; names the file.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_sealed(path: Path, content: bytes | memoryview, *, kind: str, key: str) -> None:
    """The content after one line that says what it is.

    Args:
        path: Its folder is there.
        content: Anything.
        kind: What it is, such as ``checkpoint``.
        key: Whose it is.

    Raises:
        DiskTrouble: It cannot be written.
    """
    _write(path, json.dumps(_seal(content, kind, key)).encode() + b"\n", content)


def read_sealed(path: Path, *, kind: str, key: str) -> bytes | None:
    """What ``write_sealed`` wrote, or the whole of a file without a seal; None where it is not there.

    Raises:
        Damaged: It is not what was written, of another kind, or another's.
        DiskTrouble: It cannot be read.
    """
    whole = _read(path)
    if whole is None or not whole.startswith(f'{{"{FORM}"'.encode()):
        return whole
    line, _, content = whole.partition(b"\n")
    try:
        seal = json.loads(line)
    except ValueError:
        raise Damaged(_cut(len(whole))) from None
    _check(seal, content, kind, key)
    return content


def write_record(path: Path, content: object, *, kind: str, key: str) -> None:
    """JSON values as a file that people read too; arguments and errors as of ``write_sealed``."""
    seal = _seal(_canonical(content), kind, key)
    _write(path, json.dumps({**seal, "content": content}, indent=1).encode() + b"\n")


def read_record(path: Path, *, kind: str, key: str) -> Any:
    """What ``write_record`` wrote, or the JSON of a file without a seal; None where it is not there.

    Raises:
        Damaged: It is not what was written, of another kind, or another's.
        DiskTrouble: It cannot be read.
    """
    if (whole := _read(path)) is None:
        return None
    try:
        found = json.loads(whole)
    except (ValueError, RecursionError):
        raise Damaged(_cut(len(whole))) from None
    if not isinstance(found, dict) or FORM not in found:
        return found
    content = found.get("content")
    _check(found, _canonical(content), kind, key)
    return content


def set_aside(path: Path, reason: object) -> None:
    """Moves what is damaged out of the way and says so in one sentence.

    Raises:
        DiskTrouble: It cannot be moved.
    """
    names = (path.with_name(f"{path.name}.damaged{n}") for n in ("", *map(str, range(2, 1_000))))
    free = next(each for each in names if not os.path.lexists(each))
    try:
        path.rename(free)
    except OSError as error:
        raise cannot_use(path, error) from error
    print(f"'{path}' {reason}: kept as {free.name}, what is needed is repeated", file=sys.stderr)


def require_file(path: Path) -> None:
    """Moves aside what lies in the place of a file that is to be opened and is none.

    Raises:
        DiskTrouble: It cannot be moved.
    """
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        set_aside(path, "should be a file and is none")


def remove_leftovers(folder: Path) -> None:
    """Removes what writers that were killed have left half-written in a folder."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if (named := _PARTIAL.fullmatch(path.name)) and not _is_alive(int(named[1])):
                path.unlink()


@contextlib.contextmanager
def disk_watched(*where: str | Path) -> Iterator[None]:
    """Whatever says inside that a disk is full, read-only or gone is said in one sentence.

    Args:
        where: What is written inside, where an error does not name it.

    Raises:
        DiskTrouble: In place of it.
    """
    try:
        yield
    except Exception as error:
        if (trouble := disk_trouble(error, *where)) is None:
            raise
        raise trouble from error


@contextlib.contextmanager
def written_where_asked(out: Path) -> Iterator[None]:
    """What a command writes where its user wants it.

    Raises:
        UsageError: It cannot lie there.
        DiskTrouble: The disk is full, read-only or gone.
    """
    try:
        with disk_watched(out):
            yield
    except OSError as error:
        raise UsageError(
            f"'{error.filename or out}' cannot be written ({error.strerror or error}): give another "
            "place, or this user the right to write there"
        ) from error


def page_folder(out: Path, what: str) -> Path:
    """The folder of the figures of a page that its user wants in ``out``, both made if need be.

    Raises:
        UsageError: ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{what} folder '{out}' is a file: give a folder with --out")
    figures = out / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    return figures


def made_folder(path: Path) -> Path:
    """The folder, made where it is missing.

    Raises:
        UsageError: Something that is no folder lies in its place.
        DiskTrouble: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"'{path}' cannot be a folder, since a file lies there: move it away or give another --root"
        ) from error
    except OSError as error:
        raise cannot_use(path, error) from error
    return path


@contextlib.contextmanager
def alone_in(folder: Path, should_stop: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Keeps other processes out of a run's folder; the kernel frees it if this one dies.

    Raises:
        Interrupted: ``should_stop`` said so while another one was at work there.
        UsageError: It still is.
    """
    from filelock import FileLock, Timeout

    lock, until = FileLock(folder / ".lock"), time.monotonic() + WAIT_SECONDS
    while not lock.is_locked:
        try:
            lock.acquire(timeout=min(ASK_SECONDS, WAIT_SECONDS))
        except Timeout:
            if should_stop():
                raise Interrupted("stopped before it began") from None
            if time.monotonic() > until:
                raise UsageError(
                    f"another process is at work in '{folder}': wait for it, or stop it, then give "
                    "the same command again"
                ) from None
        except OSError as error:
            raise cannot_use(folder, error) from error
    try:
        yield
    finally:
        lock.release()


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


def _seal(content: bytes | memoryview, kind: str, key: str) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {FORM: VERSION, "kind": kind, "of": key, "size": len(content), "sha256": digest}


def _check(seal: dict[str, Any], content: bytes, kind: str, key: str) -> None:
    """Version, kind, owner, size, digest.

    Raises:
        Damaged: One of them is not what it should be.
        UsageError: A newer version wrote it.
    """
    version = seal.get(FORM)
    if isinstance(version, int) and version > VERSION:
        raise UsageError(
            f"a file of form {version} was written by a newer bench, this one reads {VERSION}: "
            "install the newer one"
        )
    if seal.get("kind") != kind:
        raise Damaged(f"is of kind '{seal.get('kind')}', not '{kind}'")
    if seal.get("of") != key:
        raise Damaged(f"belongs to '{seal.get('of')}', not to '{key}'")
    if seal.get("size") != len(content):
        raise Damaged(f"has {len(content):,} of {seal.get('size')} bytes")
    if seal.get("sha256") != hashlib.sha256(content).hexdigest():
        raise Damaged("has other bytes than were written")


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _cut(size: int) -> str:
    return f"is not whole ({size:,} bytes)" if size else "is empty"


def _write(path: Path, *parts: bytes | memoryview) -> None:
    try:
        with written_whole(path) as file:
            for part in parts:
                file.write(part)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        raise cannot_use(path.parent if gone else path, error) from error


def _read(path: Path) -> bytes | None:
    """A file's bytes; None where there is none.

    Raises:
        Damaged: It is no file: a link may lead anywhere, and a pipe never ends.
        DiskTrouble: It cannot be read.
    """
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "none"
            raise Damaged(f"should be a file and is {what}")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot_use(path, error) from error


def _sync(folder: Path) -> None:
    """Names of files stand on the disk too; not every file system can be asked."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_alive(pid: int) -> bool:
    """Whether another process of that number writes; this one does not, while it asks."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
