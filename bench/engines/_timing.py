"""How many runs at a time are worth it: the same small work, timed alone and side by side."""

from __future__ import annotations

import functools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import torch

TIMED_SECONDS = 0.06
WORTH = 0.05
"""More at a time must do so much more, or each of them only takes longer and more memory."""
_BATCH, _WIDTH, _WARM = 64, 512, 20


def best_jobs(most: int) -> int:
    """The fewest of 1, 2, 4 and so on, and ``most``, that do nearly as much as any of them.

    Each of the runs has one thread: sums in another order are other bits.
    """
    numbers = sorted({most} | {2**n for n in range(most.bit_length()) if 2**n < most})
    best = max(map(speedup, numbers))
    return next(number for number in numbers if speedup(number) >= (1 - WORTH) * best)


@functools.cache
def speedup(jobs: int) -> float:
    """The work of so many at a time, on one thread each, in that of one alone."""
    return min(float(jobs), max(1.0, jobs * _rate(jobs) / _rate(1)))


@functools.cache
def _rate(jobs: int) -> float:
    """Pieces of work in a second of the processor, of which other programs take nothing."""
    begin = Barrier(jobs)
    with ThreadPoolExecutor(jobs) as pool:
        return statistics.mean(pool.map(lambda _: _worked(begin), range(jobs)))


def _worked(begin: Barrier) -> float:
    """Layers, and what lies between them, on one thread."""
    torch.set_num_threads(1)
    x, weight = torch.ones(_BATCH, _WIDTH), torch.full((_WIDTH, _WIDTH), 1 / _WIDTH)
    for _ in range(_WARM):
        x = torch.relu(x @ weight)
    begin.wait()
    started, done = time.thread_time(), 0
    while (spent := time.thread_time() - started) < TIMED_SECONDS:
        x = torch.relu(x @ weight)
        done += 1
    return done / spent
