"""Whether runs follow the levels of a factor: numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.stats.tests import LEVEL

LEVELS_FOR_TREND = 3
"""Two levels are a comparison and no trend."""

MOST_PERMUTED = 200
"""With more runs than this, p comes from the large-sample formulas."""

_DRAWS = 9_999
_SLACK = 1e-9
"""Statistics that differ by less, as a share of their scale, are equal but for rounding."""


@dataclass(frozen=True)
class Trend:
    """Spearman's rank correlation of value and level over all runs.

    Attributes:
        rho: The correlation; with several runs a level it stays below 1.
        low: Lower end of an approximate 95 % interval.
        high: Upper end.
        p: Two-sided, of no correlation.
        p_levels: Of no difference between the levels, whatever its shape.
        n: Number of runs.
    """

    rho: float
    low: float
    high: float
    p: float
    p_levels: float
    n: int


def trend(x: Sequence[float], y: Sequence[float], blocks: Sequence[int]) -> Trend | None:
    """The trend of ``y`` along ``x``; None where x has below three levels, or y one value.

    p and ``p_levels`` (of Kruskal and Wallis's statistic) are from 9,999 fixed random
    permutations of the levels within each block, valid whatever the runs of a seed share. The
    interval is Bonett and Wright's (2000, Psychometrika 65), whose coverage at three
    seeds and five levels `benchmarks/coverage.py` measures: 95 % or more.

    Args:
        x: Level of each run.
        y: Its value; infinite where it was lost.
        blocks: Its seed.

    Raises:
        ValueError: Lengths differ, or a value is not a number.
    """
    from scipy import stats

    if not len(x) == len(y) == len(blocks) or np.isnan([*x, *y]).any():
        raise ValueError(f"needs a level, a value and a seed for each run, got {x}, {y}, {blocks}")
    if len(set(x)) < LEVELS_FOR_TREND or len(set(y)) == 1:
        return None
    levels, ranks = (each - each.mean() for each in (stats.rankdata(x), stats.rankdata(y)))
    rho = float(levels @ ranks / math.sqrt((levels @ levels) * (ranks @ ranks)))
    low, high = fisher_interval(rho, len(x))
    p, p_levels = (_asymptotic if len(x) > MOST_PERMUTED else _permuted)(levels, ranks, blocks)
    return Trend(rho=rho, low=low, high=high, p=p, p_levels=p_levels, n=len(x))


def _asymptotic(
    levels: NDArray[np.float64], ranks: NDArray[np.float64], _blocks: Sequence[int]
) -> tuple[float, float]:
    from scipy import stats

    groups = [ranks[levels == level] for level in np.unique(levels)]
    return float(stats.spearmanr(levels, ranks).pvalue), float(stats.kruskal(*groups).pvalue)


def _permuted(
    levels: NDArray[np.float64], ranks: NDArray[np.float64], blocks: Sequence[int]
) -> tuple[float, float]:
    shuffled = _within(ranks, np.asarray(blocks))
    slack = _SLACK * float(ranks @ ranks + levels @ levels)
    return (
        _share(np.abs(shuffled @ levels), float(abs(ranks @ levels)) - slack),
        _share(_between(shuffled, levels), float(_between(ranks[None], levels)[0]) - slack),
    )


def fisher_interval(rho: float, n: int) -> tuple[float, float]:
    """On Fisher's scale, with Bonett and Wright's variance (1 + rho^2 / 2) / (n - 3)."""
    from scipy import stats

    if n <= LEVELS_FOR_TREND or abs(rho) >= 1:
        return -1.0, 1.0
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def _within(ranks: NDArray[np.float64], blocks: NDArray[np.int_]) -> NDArray[np.float64]:
    """``[draws, runs]``: the ranks permuted within each block."""
    rng = np.random.default_rng(0)
    shuffled = np.tile(ranks, (_DRAWS, 1))
    for block in np.unique(blocks):
        mine = blocks == block
        shuffled[:, mine] = rng.permuted(shuffled[:, mine], axis=1)
    return shuffled


def _between(ranks: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of squares between the levels, for each row."""
    groups = [ranks[:, levels == level] for level in np.unique(levels)]
    return np.asarray(sum(g.sum(axis=1) ** 2 / g.shape[1] for g in groups))


def _share(drawn: NDArray[np.float64], seen: float) -> float:
    """Share of draws that reach what was seen, itself counted (Phipson and Smyth 2010)."""
    return (1 + int(np.sum(drawn >= seen))) / (1 + len(drawn))
