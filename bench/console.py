"""The standard streams of a command and of its workers, and what their environment may not decide."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterable
from typing import Any, TextIO

from bench.text import masked, printable

_DECIDED = {
    "MPLBACKEND": "agg",  # a notebook's own is not there outside of it; figures go to files
    "PYTHONSAFEPATH": "1",  # a worker takes no random.py that lies in the current folder
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",  # what was sent is stored, or an error says that it is not
}

_LEVELS = {"CRITICAL", "FATAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "NOTSET"}
"""What MLflow can be told; it fails at anything else."""

_GONE = {errno.EPIPE, errno.EIO, errno.EBADF}
"""Nobody reads any more: a pipe into ``head``, a terminal that was closed."""


class Guarded:
    """A standard stream that every message passes: secrets masked, control characters shown.

    Where nothing can be written any more the work goes on, and what is said is dropped.

    Args:
        stream: The stream itself, which a progress bar may move about in.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Writes text; its length."""
        with self._kept():
            self.stream.write(printable(masked(text)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what was written."""
        with self._kept():
            self.stream.flush()

    @contextlib.contextmanager
    def _kept(self) -> Any:
        try:
            yield
        except OSError as error:
            self.lost = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def guard_streams() -> None:
    """Puts the guard in front of both streams; one that was closed leads nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        if not isinstance(stream, Guarded):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, Guarded(stream))


def settle() -> None:
    """What a command does first: its streams, and what its environment may not decide.

    ``PYTHONWARNINGS=error`` would end it at any library's first warning: those are shown instead.
    """
    _open_closed()
    guard_streams()
    os.environ.update(_DECIDED)
    if os.environ.get("MLFLOW_LOGGING_LEVEL", "INFO").upper() not in _LEVELS:
        del os.environ["MLFLOW_LOGGING_LEVEL"]
    if any(option.startswith("e") for option in sys.warnoptions):
        sys.warnoptions[:] = [each for each in sys.warnoptions if not each.startswith("e")]
        os.environ.pop("PYTHONWARNINGS", None)
        warnings.simplefilter("default")


def lost_words() -> str:
    """Why something that was to be printed is lost; empty where nothing is, or nobody reads."""
    found = (each.lost for each in (sys.stdout, sys.stderr) if isinstance(each, Guarded))
    return next((str(e.strerror) for e in found if e and e.errno not in _GONE), "")


def terminal() -> TextIO:
    """Standard error as it is, for a progress bar: what it is given must be printable."""
    return sys.stderr.stream if isinstance(sys.stderr, Guarded) else sys.stderr


def _open_closed() -> None:
    """A closed descriptor would be taken by the next file, and what is printed land in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free
