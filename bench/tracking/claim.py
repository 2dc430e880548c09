"""A name on a store that one process holds at a time, wherever its folder is."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.errors import Undelivered, UsageError, disk_trouble
from bench.tracking.holder import Holder, kernel
from bench.tracking.patience import is_absence, reason

BEAT_SECONDS = 15.0
FRESH_SECONDS = 60.0
"""A heartbeat that is younger is a living process's, where clocks agree."""
WATCH_SECONDS = 45.0
"""So long an older one is watched: a clock may be wrong, a heart that stands still is not."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A claim as a store holds it.

    Attributes:
        id: Of this claim, in the store's words.
        holder: Who holds it, as JSON; empty where somebody took that away.
        beat: The last heartbeat, in seconds since 1970 of the holder's clock.
    """

    id: str
    holder: str
    beat: float


class Place(Protocol):
    """Where a store keeps the claim on one name; ``beat`` is in seconds since 1970.

    Whatever the store raises where it does not answer comes through.
    """

    def held(self) -> Held | None:
        """The claim that holds the name now."""

    def take(self, holder: str, beat: float) -> str | None:
        """Id of a new claim; None where another process was faster."""

    def clear(self, claim: str) -> None:
        """Ends a claim; one that ended before stays so."""

    def beat(self, claim: str, beat: float) -> None:
        """Sets a claim's heartbeat.

        Raises:
            Exception: It ended, or the store does not answer.
        """

    def is_gone(self, claim: str) -> bool:
        """Whether a claim ended.

        Raises:
            Exception: The store does not answer.
        """


class Claim:
    """Holds a name on a store, with a heartbeat, from entering to leaving.

    Args:
        place: Where the store keeps it.
        holder: Who claims it.
        what: It in a sentence, such as ``study 'depth'``.
        when_lost: Called by the heartbeat, once, when another process holds it.
    """

    def __init__(
        self, place: Place, holder: Holder, *, what: str, when_lost: Callable[[], object]
    ) -> None:
        self._place, self._holder = place, holder
        self._what, self._when_lost = what, when_lost
        self._id = ""
        self._left = threading.Event()
        self.lost = ""

    def __enter__(self) -> Self:
        """Takes it, from a process that died where need be.

        Raises:
            UsageError: Another process holds it.
            Undelivered: The store does not answer.
        """
        try:
            self._take()
        except Exception as error:
            if not is_absence(error) or disk_trouble(error, Path.cwd()):
                raise
            raise Undelivered(
                f"{self._what} was not begun, since the store that says who runs it does not answer "
                f"({reason(error)}): start it again, then give the same command"
            ) from error
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
        with contextlib.suppress(Exception):
            self._place.clear(self._id)

    def _take(self) -> None:
        said = json.dumps(asdict(self._holder))
        while not self._id:
            if found := self._place.held():
                self._end_if_dead(found)
            else:
                self._id = self._place.take(said, time.time()) or ""

    def _end_if_dead(self, found: Held) -> None:
        """Ends what another process left behind.

        Raises:
            UsageError: It lives.
        """
        if self._is_alive(found):
            raise UsageError(
                f"{self._what} is being run by {_holder(found)}: wait for it, or stop it "
                "and run the same command again"
            )
        self._place.clear(found.id)

    def _is_alive(self, found: Held) -> bool:
        if not found.holder:  # somebody else's, or with its holder taken away
            return False
        holder = _holder(found)
        if holder.is_dead:
            return False
        is_here = bool(holder.kernel) and holder.kernel == kernel()
        if is_here or abs(time.time() - found.beat) < FRESH_SECONDS:
            return True
        print(f"waiting {WATCH_SECONDS:.0f} s for a sign of life of {holder}", file=sys.stderr)
        end = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < end:
            time.sleep(1.0)
            seen = self._place.held()
            if seen is None or seen.id != found.id:
                return False
            if seen.beat != found.beat:
                return True
        return False

    def _beat(self) -> None:
        while not self._left.wait(BEAT_SECONDS):
            try:
                self._place.beat(self._id, time.time())
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
            return self._place.is_gone(self._id)
        except Exception:  # noqa: BLE001 - who cannot be asked has not said so
            return False


def _holder(found: Held) -> Holder:
    return Holder(**json.loads(found.holder))
