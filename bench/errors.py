"""The exceptions somebody catches: a user's mistake, what cannot be had, a request to stop."""

from __future__ import annotations

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
    """The run was asked to stop; its checkpoint holds everything up to the last log."""


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
