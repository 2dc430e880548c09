"""Products of all pairs of two sets of points, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.pieces import stoppable

CHUNK = 200
"""Rows of a matrix in memory at once: at 10,000 columns 16 MB."""

ROWS = 16
"""Rows of a chunk that one step after the other sees: at 10,000 columns they stay near the core."""


def products(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """x.y of all pairs, rows of x in chunks: which rows, and ``[n, M]``, to be overwritten at will.

    All chunks take turns in one piece of memory: with new ones the system is asked for pages each
    time, which takes as long again.
    """
    room = x.new_empty(min(CHUNK, len(x)), len(y))
    for start in stoppable(range(0, len(x), CHUNK)):
        part = x[start : start + CHUNK]
        yield slice(start, start + len(part)), torch.mm(part, y.T, out=room[: len(part)])


def parts(rows: slice, values: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """A chunk in its place, ``ROWS`` rows at a time."""
    starts = range(rows.start, rows.stop, ROWS)
    for start, part in zip(starts, values.split(ROWS), strict=True):
        yield slice(start, start + len(part)), part
