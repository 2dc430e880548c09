"""How often the report's intervals hold the truth, and how often it sees a difference by chance.

python benchmarks/coverage.py [--simulations 5000]

Everything is computed by the functions that the report uses, on simulated runs. Values of an
interval: the mean over seeds of normal, of lognormal (log standard deviation 0.5, about the skew
of distances) and of contaminated data (normal with mean 10 and standard deviation 1, but one run
in ten collapsed, at 15 or at 50), whose true mean is that of the mixture.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.plan.study import Planned
from bench.results.decisions import Group, Pair, decide
from bench.stats.groups import improvement
from bench.stats.tests import t_interval
from bench.stats.trend import fisher_interval

SEEDS = (3, 5, 10, 20)
SKEW = 0.5
SHARE = 0.1
"""Of runs that collapse."""

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal runs around 10."""
    return rng.normal(10, 1, shape)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Lognormal runs of median 1."""
    return rng.lognormal(0, SKEW, shape)


def collapsing(value: float) -> Draw:
    """Normal runs of which one in ten collapsed, at ``value``."""
    return lambda rng, shape: np.where(rng.random(shape) < SHARE, value, normal(rng, shape))


KINDS: dict[str, tuple[Draw, float]] = {
    "normal": (normal, 10.0),
    "lognormal": (skewed, math.exp(SKEW**2 / 2)),
    "one in ten at 15": (collapsing(15.0), (1 - SHARE) * 10 + SHARE * 15),
    "one in ten at 50": (collapsing(50.0), (1 - SHARE) * 10 + SHARE * 50),
}
"""Data to its draw and true mean."""


def mean_coverage(kind: str, seeds: int, simulations: int) -> float:
    """Share of t intervals that hold the true mean."""
    draw, truth = KINDS[kind]
    intervals = map(t_interval, draw(np.random.default_rng(0), (simulations, seeds)))
    return float(np.mean([(i.low or 0) <= truth <= (i.high or 0) for i in intervals]))


def false_differences(draws: tuple[Draw, ...], seeds: int, simulations: int) -> float:
    """Share of tables of equal families in which any difference is declared."""
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(simulations):
        arms = [Group(tuple(draw(rng, (seeds,)).tolist())) for draw in draws]
        pairs = [
            Pair(planned=Planned(a=str(i), b=str(j)), first=arms[i], second=arms[j])
            for i in range(len(arms))
            for j in range(i)
        ]
        found += any(comparison.winner for comparison in decide(pairs))
    return found / simulations


def scaled(scale: float) -> Draw:
    """Normal runs around 10 with another spread."""
    return lambda rng, shape: rng.normal(10, scale, shape)


def lowest_of_five(scale: float) -> Draw:
    """Of five equal cells the one of the lowest mean: a choice that sees what is tested.

    Harsher than a report, which chooses on validation and tests on other images.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        cells = scaled(scale)(rng, (5, *shape))
        return cells[cells.mean(axis=-1).argmin()]

    return draw


UNEQUAL = (1.0, 3.0, 0.3)
"""Standard deviations of three families of one mean."""

FAMILIES: dict[str, tuple[Draw, ...]] = {
    "normal": (normal,) * 3,
    "normal, sd 1, 3 and 0.3": tuple(map(scaled, UNEQUAL)),
    "lowest of 5 cells": (lowest_of_five(1.0),) * 3,
    "the same, sd 1, 3 and 0.3": tuple(map(lowest_of_five, UNEQUAL)),
    "lognormal": (skewed,) * 3,
    "one in ten at 15": (collapsing(15.0),) * 3,
    "one in ten at 50": (collapsing(50.0),) * 3,
}


def correlation_coverage(
    levels: int, seeds: int, slope: float, simulations: int
) -> tuple[float, float]:
    """True rank correlation of a straight trend, and the share of intervals that hold it."""
    rng = np.random.default_rng(2)
    x = np.repeat(np.arange(levels), seeds)
    many = np.repeat(np.arange(levels), 4_000)
    truth = float(stats.spearmanr(many, rng.normal(slope * many)).statistic)
    hits = []
    for y in rng.normal(slope * x, size=(simulations, len(x))):
        low, high = fisher_interval(float(stats.spearmanr(x, y).statistic), len(x))
        hits.append(low <= truth <= high)
    return truth, float(np.mean(hits))


def improvement_coverage(seeds: int, shift: float, simulations: int) -> tuple[float, float]:
    """True probability of improvement, and the share of intervals shown that hold it."""
    rng = np.random.default_rng(3)
    truth = float(stats.norm.cdf(shift / math.sqrt(2)))
    found = [
        improvement(rng.normal(0, 1, seeds).tolist(), rng.normal(shift, 1, seeds).tolist())
        for _ in range(simulations)
    ]
    shown = [(f.low, f.high) for f in found if f.low is not None and f.high is not None]
    return truth, float(np.mean([low <= truth <= high for low, high in shown]))


def main() -> None:
    """Prints one table for each question."""
    parser = argparse.ArgumentParser(description="coverage of the report's intervals")
    parser.add_argument("--simulations", type=int, default=5_000)
    simulations = parser.parse_args().simulations
    print(f"{simulations:,} simulations each")
    print("95 % t interval of a mean holds the truth, % at seeds", *SEEDS)
    for kind in KINDS:
        print(f"  {kind:<26}", *(_percent(mean_coverage(kind, n, simulations)) for n in SEEDS))
    print("three equal families: any difference declared, % of tables at seeds", *SEEDS)
    for kind, draws in FAMILIES.items():
        found = (false_differences(draws, n, simulations) for n in SEEDS)
        print(f"  {kind:<26}", *map(_percent, found))
    print("interval of a rank correlation holds the truth, % (levels x seeds: truth, share)")
    for levels, seeds in ((3, 3), (5, 3), (5, 10)):
        for slope in (0.0, 0.3, 0.7, 1.5):
            truth, share = correlation_coverage(levels, seeds, slope, simulations)
            print(f"  {levels} x {seeds}: {truth:5.2f}, {_percent(share)}")
    print("interval of a probability of improvement holds the truth, % (seeds: truth, share)")
    for seeds in (10, 20):
        for shift in (0.0, 0.5, 1.0):
            truth, share = improvement_coverage(seeds, shift, simulations // 5)
            print(f"  {seeds}: {truth:.2f}, {_percent(share)}")


def _percent(share: float) -> str:
    return f"{100 * share:5.1f}"


if __name__ == "__main__":
    main()
