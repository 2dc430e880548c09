"""A name on a store that one process holds at a time, wherever its folder is.

The creation of a named experiment is what every store makes unique. A claim is the experiment
``.claim/NAME/N``; to let go of it is to delete it, and the next one is ``N + 1``. MLflow shows it in
its lists while it is held, the commands of this package never do.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bench.errors import UsageError
from bench.tracking.opening import no_retries

if TYPE_CHECKING:
    from mlflow.entities import Experiment
    from mlflow.tracking import MlflowClient

PREFIX = ".claim/"
HOLDER, BEAT = "holder", "heartbeat"
BEAT_SECONDS = 15.0
FRESH_SECONDS = 60.0
"""A heartbeat that is younger is a living process's, where clocks agree."""
WATCH_SECONDS = 45.0
"""So long an older one is watched: a clock may be wrong, a heart that stands still is not."""


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
        if not self.kernel or self.kernel != _kernel():
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
        kernel=_kernel(),
    )


class Claim:
    """Holds a name on a store, with a heartbeat, from entering to leaving.

    Args:
        client: Of the store.
        name: What is claimed.
        holder: Who claims it.
        what: It in a sentence, such as ``study 'depth'``.
        when_lost: Called by the heartbeat, once, when another process holds it.
    """

    def __init__(
        self,
        client: MlflowClient,
        name: str,
        holder: Holder,
        *,
        what: str,
        when_lost: Callable[[], object],
    ) -> None:
        self._client, self._prefix, self._holder = client, f"{PREFIX}{_plain(name)}/", holder
        self._what, self._when_lost = what, when_lost
        self._id = ""
        self._left = threading.Event()
        self.lost = ""

    def __enter__(self) -> Self:
        """Takes it, from a process that died where need be.

        Raises:
            UsageError: Another process holds it.
        """
        while not self._id:
            number = self._free_number()
            tags = {HOLDER: json.dumps(asdict(self._holder)), BEAT: repr(time.time())}
            with _existing_is_fine():
                self._id = str(self._client.create_experiment(f"{self._prefix}{number}", tags=tags))
        threading.Thread(target=self._beat, name="claim", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets go of it; where the store is gone the next process sees that this one is."""
        self._left.set()
        with contextlib.suppress(Exception), no_retries():
            self._client.delete_experiment(self._id)

    def _free_number(self) -> int:
        """The number of the next claim, once nobody holds one.

        Raises:
            UsageError: Somebody does.
        """
        from mlflow.entities import ViewType
        from mlflow.exceptions import MlflowException

        numbers = [0]
        for found in self._client.search_experiments(
            view_type=ViewType.ALL, filter_string=f"name LIKE '{self._prefix}%'"
        ):
            number = found.name.removeprefix(self._prefix)
            if not number.isdecimal():  # of another name: an underscore stands for any letter
                continue
            numbers.append(int(number))
            if found.lifecycle_stage == "active":
                if self._is_alive(found):
                    raise UsageError(
                        f"{self._what} is being run by {_holder(found)}: wait for it, or stop it "
                        "and run the same command again"
                    )
                with contextlib.suppress(MlflowException):  # somebody else was faster
                    self._client.delete_experiment(found.experiment_id)
        return max(numbers) + 1

    def _is_alive(self, found: Experiment) -> bool:
        if not {HOLDER, BEAT} <= found.tags.keys():  # somebody else's, or with its tags taken away
            return False
        holder = _holder(found)
        if holder.is_dead:
            return False
        if holder.kernel == _kernel() or abs(time.time() - _beat(found)) < FRESH_SECONDS:
            return True
        print(f"waiting {WATCH_SECONDS:.0f} s for a sign of life of {holder}", file=sys.stderr)
        end = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < end:
            time.sleep(1.0)
            seen = self._client.get_experiment(found.experiment_id)
            if seen.lifecycle_stage != "active":
                return False
            if _beat(seen) != _beat(found):
                return True
        return False

    def _beat(self) -> None:
        while not self._left.wait(BEAT_SECONDS):
            try:
                self._client.set_experiment_tag(self._id, BEAT, repr(time.time()))
            except Exception:  # noqa: BLE001 - the store may be gone, and come back
                if self._is_gone() and not self._left.is_set():
                    self.lost = (
                        f"{self._what} was taken over by another process while this one stood "
                        "still, so this one stopped: see who runs it, and run the same command "
                        "again when it has ended"
                    )
                    self._when_lost()
                    return

    def _is_gone(self) -> bool:
        try:
            return bool(self._client.get_experiment(self._id).lifecycle_stage != "active")
        except Exception as error:  # noqa: BLE001 - who cannot be asked has not said so
            return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


@contextlib.contextmanager
def _existing_is_fine() -> Iterator[None]:
    """Of two processes that create one experiment, the second is told so."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if str(error.error_code) != "RESOURCE_ALREADY_EXISTS":
            raise


def _plain(name: str) -> str:
    """The name without what a filter of MLflow cannot hold, and still one of its own."""
    plain = re.sub(r"[^\w.-]", "_", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _holder(found: Experiment) -> Holder:
    return Holder(**json.loads(found.tags[HOLDER]))


def _beat(found: Experiment) -> float:
    return float(found.tags[BEAT])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for it
        return f"user {os.getuid()}"


def _kernel() -> str:
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
