"""Who holds a claim: a process, as it says of itself and as its own machine can tell."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a claim.

    Attributes:
        user: Who started it.
        host: Its machine's name.
        folder: What it works on.
        since: When it began, in seconds since 1970.
        pid: Its process.
        started: When the process began, in the kernel's words: numbers are used again.
        kernel: The boot and the namespace within which ``pid`` means something; empty where
            the system does not say.
    """

    user: str
    host: str
    folder: str
    since: float
    pid: int
    started: str
    kernel: str

    def __str__(self) -> str:
        """Who, where and since when."""
        since = datetime.fromtimestamp(self.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"{self.user} on {self.host} in '{self.folder}' since {since}"

    @property
    def is_dead(self) -> bool:
        """Whether its process is known to be gone, which only its own machine knows."""
        if not self.kernel or self.kernel != kernel():
            return False
        with contextlib.suppress(PermissionError):  # it lives, and is another user's
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return True
        return _started(self.pid) not in {self.started, ""}


def this_process(folder: Path) -> Holder:
    """What this process says of itself."""
    return Holder(
        user=_user(),
        host=socket.gethostname(),
        folder=str(folder.absolute()),
        since=time.time(),
        pid=os.getpid(),
        started=_started(os.getpid()),
        kernel=kernel(),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for it
        return f"user {os.getuid()}"


def kernel() -> str:
    """The boot and the namespace of this process; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began; ``dead`` of one that only waits for its parent, empty if not known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "dead" if state in {"Z", "X"} else fields[18]
