"""A store that does not answer is waited for: one line when it goes, one when it is back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from bench.errors import Undelivered, UsageError, disk_trouble

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
"""How long a driver waits for a store that is gone; training never does."""

PAUSE_SECONDS = 2.0

_OF_STORES = ("mlflow.", "sqlalchemy.", "sqlite3.", "requests.", "urllib3.")
"""Packages whose errors are a store's, or of the way to it."""

_absent: list[str] = []
"""Why the store does not answer this process, if it does not."""


def patiently(ask: Callable[[], T], *, uri: str, kept: str = "all runs keep what they told") -> T:
    """What a store answers, once it does.

    Args:
        ask: May be called again after half of it was done.
        uri: The store's address.
        kept: What lies where, for the sentence of a store that never returns.

    Raises:
        Undelivered: It has not answered for two minutes.
        DiskTrouble: It lies on a disk that takes nothing.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = ask()
        except Exception as error:
            if not is_absence(error):
                raise
            if (trouble := disk_trouble(error, uri)) is not None:
                raise trouble from error
            say_absent(error)
            if time.monotonic() > until:
                raise never_returned(error, uri=uri, kept=kept) from error
            time.sleep(PAUSE_SECONDS)
        else:
            say_back()
            return answer


def never_returned(error: Exception, *, uri: str, kept: str) -> Undelivered:
    """The sentence for a store that is gone for good."""
    return Undelivered(
        f"tracking store '{uri}' does not answer ({reason(error)}): {kept}: start it again, then "
        "give the same command or `bench sync`"
    )


def is_absence(error: Exception) -> bool:
    """Whether an error comes from a store or from the way to it, and may pass."""
    if isinstance(error, UsageError):
        return False
    return isinstance(error, OSError) or f"{type(error).__module__}.".startswith(_OF_STORES)


def reason(error: Exception) -> str:
    """The first line of an error, cut where it is long."""
    text = str(error).strip().partition("\n")[0]
    return text[:160] or type(error).__name__


def say(text: str) -> None:
    """One line of what happens between the folders and the store."""
    print(f"tracking: {text}", file=sys.stderr)


def say_absent(error: Exception) -> None:
    """Once, until it is back: the store does not answer."""
    if not _absent:
        _absent.append(reason(error))
        say(f"the store does not answer ({reason(error)}): all is kept and sent later")


def say_back() -> None:
    """Once, where it was not there: the store answers."""
    if _absent:
        _absent.clear()
        say("the store answers again")
