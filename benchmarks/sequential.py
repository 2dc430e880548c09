"""How often a study that grows until it is decided sees a difference by chance, and what it saves.

python benchmarks/sequential.py [--simulations 5000]

Each study has three arms, all pairs declared, seeds in batches of 5 to 20 at most, and stops where every
comparison shows a difference or excludes one of a quarter. Values are distances: lognormal, the runs of a
seed share a part of their variance (0.4 and 0.8 are as seen of GAN or WGAN and of VAE cells,
``benchmarks/seed_blocks.py``). The rule is the report's (``bench/results/decisions.py``), on arrays, since that
takes minutes instead of hours; ``tests/stats/test_sequential.py`` holds both to the same decisions.
"""

from __future__ import annotations

import argparse
import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from bench.plan.study import looks
from bench.results.decisions import ALPHA
from bench.stats.sequential import per_look

MOST, SMALLEST = 20, math.log(1.25)
SHARES = (0.0, 0.4, 0.8)
PAIRS = list(itertools.combinations(range(3), 2))

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Decided(NamedTuple):
    """What studies say when they stop.

    Attributes:
        shown: ``[studies, pairs]``: whether a difference is shown.
        excluded: Whether one of a quarter is excluded.
        seeds: ``[studies]``: how many they had.
    """

    shown: Flags
    excluded: Flags
    seeds: NDArray[np.int64]


def draw(number: int, *, share: float, spread: float, apart: float) -> Numbers:
    """``[studies, arms, seeds]``: logarithms of distances, the first arm ``apart`` spreads lower."""
    rng = np.random.default_rng(6)
    values = rng.normal(size=(number, 3, MOST)) * math.sqrt(1 - share)
    values += rng.normal(size=(number, 1, MOST)) * math.sqrt(share)
    values[:, 0] -= apart
    return np.asarray(spread * values)


def decide(values: Numbers, at: tuple[int, ...], *, is_paired: bool) -> Decided:
    """What studies say that are looked at at so many seeds and stop when all is decided."""
    number = len(values)
    shown, excluded = np.zeros((2, number, len(PAIRS)), dtype=bool)
    seeds, is_open = np.full(number, at[-1]), np.full(number, fill_value=True)
    tests = [_tests(values[:, :, :n], is_paired=is_paired) for n in at]
    for k, n in enumerate(at):
        now_shown, now_excluded = _look(tests[: k + 1], at)
        shown[is_open], excluded[is_open] = now_shown[is_open], now_excluded[is_open]
        seeds[is_open] = n
        is_open &= ~(now_shown | now_excluded).all(axis=1)
    return Decided(shown, excluded, seeds)


def _tests(values: Numbers, *, is_paired: bool) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Difference, its error, degrees of freedom and p of every pair, ``[studies, pairs]`` each."""
    n = values.shape[-1]
    a, b = (values[:, list(arms)] for arms in zip(*PAIRS, strict=True))
    difference = (a - b).mean(axis=-1)
    if is_paired:
        error = (a - b).std(axis=-1, ddof=1) / math.sqrt(n)
        df = np.full_like(error, n - 1.0)
    else:
        first, second = (x.var(axis=-1, ddof=1) / n for x in (a, b))
        error = np.sqrt(first + second)
        df = (first + second) ** 2 * (n - 1) / (first**2 + second**2)
    return difference, error, df, 2 * stdtr(df, -np.abs(difference) / error)


def _look(
    tests: list[tuple[Numbers, Numbers, Numbers, Numbers]], at: tuple[int, ...]
) -> tuple[Flags, Flags]:
    """What is shown and what is excluded at the last of the looks until now."""
    difference, error, df, _ = tests[-1]
    levels = np.array([per_look(ALPHA / left, at) for left in range(len(PAIRS), 0, -1)])
    p = np.min([np.where(d * difference > 0, p, 1.0) for d, _, _, p in tests], axis=0)
    rank = p.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    is_below = np.sort(p, axis=1) < levels
    passed = np.cumprod(is_below, axis=1).sum(axis=1, keepdims=True)
    step = np.minimum(np.minimum(rank, passed), len(PAIRS) - 1)
    half = stdtrit(df, 1 - levels[step] / 2) * error
    return rank < passed, np.abs(difference) + half < SMALLEST


def main() -> None:
    """Prints a row for each kind of study."""
    parser = argparse.ArgumentParser(description="errors of studies that grow until decided")
    parser.add_argument("--simulations", type=int, default=5_000)
    number = parser.parse_args().simulations
    at = looks(MOST)
    print(
        f"{number:,} studies of three arms each, looks at {at} seeds, sd of the logarithm 0.1 or 0.5"
    )
    print(
        "test, shared  apart  sd  by chance %  first found %  seeds | first found % at 20, one look"
    )
    for (is_paired, test), share in itertools.product(((False, "Welch"), (True, "paired")), SHARES):
        for apart, spread in ((0.0, 0.5), (0.0, 0.1), (1.0, 0.5), (1.0, 0.1), (2.0, 0.1)):
            values = draw(number, share=share, spread=spread, apart=apart)
            found = decide(values, at, is_paired=is_paired)
            fixed = decide(values, (MOST,), is_paired=is_paired)
            equal = slice(2, None) if apart else slice(None)
            numbers = [found.shown[:, equal].any(axis=1).mean(), found.shown[:, 0].mean()]
            print(
                f"{test:<6} {share}  {apart}  {spread}",
                *(f"{100 * x:10.1f}" for x in numbers),
                f"{found.seeds.mean():8.1f} | {100 * fixed.shown[:, 0].mean():.1f}",
            )


if __name__ == "__main__":
    main()
