"""The exceptions somebody catches: a user's mistake, what cannot be had, a request to stop."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from bench.text import masked

T = TypeVar("T")


class UsageError(ValueError):
    """Bad input, said in one sentence: the value shown, what was expected, what to do.

    The command line prints the sentence and exits with 2, without a traceback. Passwords in it are
    masked.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(masked(sentence))


class Unavailable(UsageError):  # noqa: N818 - it need not be an error
    """Something that is known but not on this machine, with the remedy.

    Where it was only one more thing to measure, the run goes on and records the sentence.
    """


class Interrupted(Exception):  # noqa: N818 - it is no error: the same command continues
    """The run was asked to stop; its checkpoint holds everything up to the last step."""


class DiskTrouble(Interrupted):
    """The disk does not take or give what it should: the sentence says where and what to do.

    Whatever was under way is interrupted, not failed: with room again the same command continues.
    """


class NoWorkers(Exception):  # noqa: N818 - the machine's state, said in one sentence
    """Worker processes cannot be started here."""


class Undelivered(Exception):  # noqa: N818 - nothing is lost: it is kept and can be sent later
    """A tracking store does not answer; the sentence says what is kept where and what sends it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(masked(sentence))


class Damaged(Exception):  # noqa: N818 - a finding about a file, which is moved aside
    """A file holds something other than what was written there; the message says what."""


class NotApplicable(Exception):  # noqa: N818 - an answer, not an error
    """A metric or a picture has nothing to say here; the message is the reason (protocol rule 18)."""


def required(value: T | None, reason: str) -> T:
    """The value.

    Raises:
        NotApplicable: There is none, for this reason.
    """
    if value is None:
        raise NotApplicable(reason)
    return value


_DISK = {
    errno.ENOSPC: "has no space left on its disk: free some",
    errno.EDQUOT: "is over the quota of its disk: free space or ask for more",
    errno.EROFS: "lies on a disk that is read-only: make it writable or give another folder",
    errno.EIO: "lies on a disk that reports errors: check it or give another folder",
    errno.ESTALE: "lies on a disk that is gone: bring it back or give another folder",
    errno.ENOTCONN: "lies on a disk that is gone: bring it back or give another folder",
    errno.ENXIO: "lies on a disk that is gone: bring it back or give another folder",
}
_DATABASE = {  # as sqlite and PostgreSQL say it, through any library between
    "database or disk is full": errno.ENOSPC,
    "no space left on device": errno.ENOSPC,
    "disk quota exceeded": errno.EDQUOT,
    "attempt to write a readonly database": errno.EROFS,
    "read-only file system": errno.EROFS,
    "disk i/o error": errno.EIO,
}


def disk_trouble(error: BaseException, *where: str | Path) -> DiskTrouble | None:
    """What an error, or one that led to it, says of a disk; None where it says nothing of one.

    Args:
        error: Of Python, of a database, or of a library that wraps one.
        where: What was being written, where the error does not name it; of several the one whose
            disk has the least room.
    """
    for each in _chain(error):
        if isinstance(each, DiskTrouble):
            return each
        if isinstance(each, PermissionError) or (isinstance(each, OSError) and each.errno in _DISK):
            return cannot_use(each.filename or min(where, key=_room), each)
        said = str(each).lower()
        for words, number in _DATABASE.items():
            if words in said:
                return cannot_use(min(where, key=_room), OSError(number, words))
        if isinstance(each, FileNotFoundError):
            for place in where:
                if not Path(place).exists():
                    return cannot_use(place, each)
    return None


def cannot_use(path: object, error: OSError) -> DiskTrouble:
    """The sentence for a place on a disk that cannot be read or written."""
    if isinstance(error, FileNotFoundError):
        return DiskTrouble(
            f"'{path}' is gone: put it back and the same command continues, else it begins anew"
        )
    other = f"cannot be used ({error.strerror or error}): give it to this user, or another folder"
    return DiskTrouble(
        f"'{path}' {_DISK.get(error.errno or 0, other)}; then the same command continues"
    )


_PATHS = {
    errno.ENAMETOOLONG: "is a name that is too long",
    errno.ELOOP: "is a link that leads in a circle",
    errno.ENOTDIR: "lies below a file",
    errno.EISDIR: "is a folder",
    errno.EEXIST: "is there already",
}


def path_refused(error: BaseException) -> UsageError | None:
    """What an error says of a path that was given; None where it says nothing of one."""
    if isinstance(error, OSError) and error.filename is not None and error.errno in _PATHS:
        return UsageError(f"'{error.filename}' {_PATHS[error.errno]}: give another path")
    return None


def _room(place: str | Path) -> int:
    """Free bytes on a disk; none where it cannot be asked."""
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it."""
    seen: set[int] = set()
    last: BaseException | None = error
    while last is not None and id(last) not in seen:
        seen.add(id(last))
        yield last
        last = last.__cause__ or last.__context__
