"""Long computations in pieces: between two they may be stopped, and smaller ones need less memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import torch

from bench.errors import Interrupted

T = TypeVar("T")

SMALLER = 4
"""How much smaller pieces become each time that memory does not suffice."""

SMALLEST = 256
"""The most by which they are smaller: of 500 images one or two."""

SAID = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "bad_alloc")
"""What the allocators of torch and of the libraries below it say."""


@dataclass
class Pieces:
    """How long computations go on now.

    Attributes:
        should_stop: Asked between two pieces.
        smaller: By how much pieces are smaller than they would be: 1, 4, 16 ...
    """

    should_stop: Callable[[], bool] = lambda: False
    smaller: int = 1


_now: ContextVar[Pieces | None] = ContextVar("pieces", default=None)


@contextmanager
def in_pieces(should_stop: Callable[[], bool], smaller: int = 1) -> Iterator[Pieces]:
    """Inside, long computations ask whether to stop, and go on with less where memory is short."""
    now = Pieces(should_stop, smaller)
    token = _now.set(now)
    try:
        yield now
    finally:
        _now.reset(token)


def pause() -> None:
    """A place where a long computation may be stopped.

    Raises:
        Interrupted: It is to stop.
    """
    now = _now.get()
    if now is not None and now.should_stop():
        raise Interrupted("stopped between two pieces of an evaluation")


def stoppable(items: Iterable[T]) -> Iterator[T]:
    """The same items, with a pause before each."""
    for item in items:
        pause()
        yield item


def piece(size: int) -> int:
    """So many at once, or fewer where memory was short."""
    now = _now.get()
    return size if now is None else max(1, size // now.smaller)


def within_memory(compute: Callable[[], T]) -> T:
    """What is computed, from the beginning and in smaller pieces where memory does not suffice.

    Raises:
        Exception: Whatever it raises; also for lack of memory, where smaller pieces do not help.
    """
    while True:
        try:
            return compute()
        except (RuntimeError, MemoryError) as error:
            now = _now.get()
            if now is None or now.smaller >= SMALLEST or not is_out_of_memory(error):
                raise
            now.smaller *= SMALLER
        # Behind the except: its error holds what filled the memory.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on a GPU or off it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID)
