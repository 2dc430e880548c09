"""Whether runs follow the levels of a factor, seed by seed: numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.measures import Scale
from bench.stats.groups import SEEDS_FOR_BOOTSTRAP
from bench.stats.tests import LEVEL, SEEDS_FOR_INTERVAL, Difference, one_sample

LEVELS_FOR_TREND = 3
"""Two levels are a comparison and no trend."""

_DRAWS, _AT_ONCE = 9_999, 101
_RESAMPLES = 2_000
_SLACK = 1e-9
"""Statistics that differ by less, as a share of their scale, are equal but for rounding."""


@dataclass(frozen=True)
class Trend:
    """Spearman's rank correlation of value and level within each seed, the mean over seeds.

    Attributes:
        rho: The correlation; what all runs of a seed share does not touch it.
        low: Lower end of an approximate 95 % interval over seeds; None below ten.
        high: Upper end.
        p: Two-sided, of no correlation.
        p_levels: Of no difference between the levels, whatever its shape.
        n: Number of runs.
        seeds: Number of seeds, which are the independent ones.
        step: What one level more adds, or multiplies, by a straight line through each seed's runs:
            with a t interval over seeds. None below three seeds or where a run was lost.
    """

    rho: float
    low: float | None
    high: float | None
    p: float
    p_levels: float
    n: int
    seeds: int
    step: Difference | None


def trend(
    x: Sequence[float], y: Sequence[float], blocks: Sequence[int], scale: Scale = "plain"
) -> Trend | None:
    """The trend of ``y`` along ``x``; None below three levels, or where no seed has two values.

    p and ``p_levels`` (of the statistics of Page 1963 and Friedman 1937) are from 9,999 fixed random
    permutations of the levels within each seed, valid whatever the runs of a seed share.

    Args:
        x: Level of each run.
        y: Its value; infinite where it was lost.
        blocks: Its seed.
        scale: Where the values live.

    Raises:
        ValueError: Lengths differ, or a value is not a number.
    """
    if not len(x) == len(y) == len(blocks) or np.isnan([*x, *y]).any():
        raise ValueError(f"needs a level, a value and a seed for each run, got {x}, {y}, {blocks}")
    seeds = [np.asarray(blocks) == seed for seed in sorted(set(blocks))]
    levels, ranks = (_ranked(np.asarray(each, dtype=np.float64), seeds) for each in (x, y))
    rhos = np.array([levels[mine] @ ranks[mine] for mine in seeds])
    if len(set(x)) < LEVELS_FOR_TREND or not ranks.any():
        return None
    low, high = _resampled(rhos)
    p, p_levels = _permuted(levels, ranks, seeds, x)
    return Trend(
        rho=float(rhos.mean()),
        low=low,
        high=high,
        p=p,
        p_levels=p_levels,
        n=len(x),
        seeds=len(seeds),
        step=_step(x, y, seeds, scale),
    )


def _ranked(values: NDArray[np.float64], seeds: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Ranks within each seed, around 0 and of length 1: their products are correlations."""
    from scipy import stats

    ranks = np.zeros(len(values))
    for mine in seeds:
        own = stats.rankdata(values[mine])
        own = own - own.mean()
        ranks[mine] = own / (math.sqrt(own @ own) or 1.0)
    return ranks


def _step(
    x: Sequence[float], y: Sequence[float], seeds: Sequence[NDArray[np.bool_]], scale: Scale
) -> Difference | None:
    values, places = np.asarray(y, dtype=np.float64), np.unique(x, return_inverse=True)[1]
    if not np.isfinite(values).all():
        return None
    is_ratio = scale == "log" and values.min() > 0
    values = np.log(values) if is_ratio else values
    slopes = [
        float(np.polyfit(places[mine], values[mine], 1)[0])
        for mine in seeds
        if len(set(places[mine])) >= LEVELS_FOR_TREND
    ]
    few = len(slopes) < SEEDS_FOR_INTERVAL
    return None if few else one_sample(slopes, is_ratio=is_ratio)


def _resampled(rhos: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Bootstrap over seeds, from ten on; none where they agree."""
    if len(rhos) < SEEDS_FOR_BOOTSTRAP or np.ptp(rhos) == 0:
        return None, None
    draws = np.random.default_rng(0).choice(rhos, size=(_RESAMPLES, len(rhos))).mean(axis=1)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _permuted(
    levels: NDArray[np.float64],
    ranks: NDArray[np.float64],
    seeds: Sequence[NDArray[np.bool_]],
    x: Sequence[float],
) -> tuple[float, float]:
    """p of the mean correlation and of any difference between levels, what was seen counted."""
    rng, groups = np.random.default_rng(0), [np.asarray(x) == level for level in sorted(set(x))]
    slack = _SLACK * len(seeds)
    seen, seen_between = (
        abs(ranks @ levels) - slack,
        float(_between(ranks[None], groups)[0]) - slack,
    )
    reached, reached_between = 1, 1
    for _ in range(_DRAWS // _AT_ONCE):
        shuffled = np.tile(ranks, (_AT_ONCE, 1))
        for mine in seeds:
            shuffled[:, mine] = rng.permuted(shuffled[:, mine], axis=1)
        reached += int(np.sum(np.abs(shuffled @ levels) >= seen))
        reached_between += int(np.sum(_between(shuffled, groups) >= seen_between))
    return reached / (_DRAWS + 1), reached_between / (_DRAWS + 1)


def _between(
    ranks: NDArray[np.float64], groups: Sequence[NDArray[np.bool_]]
) -> NDArray[np.float64]:
    """Sum of squares between the levels, for each row."""
    sums = (ranks[:, mine].sum(axis=1) ** 2 / mine.sum() for mine in groups)
    return np.asarray(sum(sums))
