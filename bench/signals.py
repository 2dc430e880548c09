"""Signals that ask a process to stop, and processes that end with the one that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

GRACE_SECONDS = 3.0
"""Between asking the processes of a group to end and ending them."""

_PR_SET_PDEATHSIG = 1


def stop_signals() -> list[signal.Signals]:
    """Those that ask to stop: of Ctrl-C, of a system that shuts down, of a terminal that closes.

    The last one is no such wish where it is ignored already, as it is under nohup.
    """
    asking = [signal.SIGINT, signal.SIGTERM]
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        asking.append(hangup)
    return asking


def end_with(parent: int) -> None:
    """From here on SIGTERM comes when the parent is gone, however it ended, as far as Linux sends it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:  # gone before it could be asked for
        os.kill(os.getpid(), signal.SIGTERM)


def run_guarded(command: Sequence[str], environment: dict[str, str]) -> int:
    """A command's exit code; it ends, and all that it starts, when this process does, however.

    Ctrl-C does not reach it by itself: its processes are a group of their own.
    """
    guard = subprocess.Popen(  # noqa: S603 - our own programs, their words never pass a shell
        [sys.executable, "-P", __file__, *command],
        env=environment,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        return guard.wait()
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()


def guard() -> None:
    """The process between: it waits for the command, and for the end of what it is told.

    The kernel closes the pipe of a process that was killed, too.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)  # its own group's
    served = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603 - as it was given
    left = threading.Event()
    threading.Thread(target=_end_group, args=(left,), daemon=True).start()
    code = served.wait()
    if left.is_set():
        os.killpg(0, signal.SIGKILL)  # whatever it had started
    raise SystemExit(code if code >= 0 else 128 - code)


def _end_group(left: threading.Event) -> None:
    while os.read(0, 1):  # of a pipe that nobody writes to
        pass
    left.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":  # by its path: it needs the standard library alone
    guard()
