"""How often the report's intervals hold the truth, and how often it sees a difference by chance.

python benchmarks/coverage.py [--simulations 5000]

Everything is computed by the functions that the report uses, on simulated runs, on the scale of their
measure. Values of an interval: the mean over seeds of normal runs (plain scale), the geometric mean of
lognormal ones (log scale, log standard deviation 0.5) and of contaminated ones (log scale; normal with
mean 10 and standard deviation 1, but one run in ten collapsed, at 15 or at 50), the mean of shares
(logit scale; beta, mean 0.95 or 0.5). The truth of a contaminated mean is that of the mixture.

Blocks: runs of a seed share a part of their variance. ``benchmarks/seed_blocks.py`` measures how large
a part.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.measures import Scale
from bench.plan.study import Planned
from bench.results.decisions import Group, Pair, decide
from bench.stats.groups import improvement
from bench.stats.tests import t_interval
from bench.stats.trend import trend

SEEDS = (3, 5, 10, 20)
SKEW = 0.5
SHARE = 0.1
"""Of runs that collapse."""

SHARES = (0.0, 0.4, 0.8)
"""Of the variance within cells that is their seeds' own: as seen of GAN, of WGAN, of VAE cells."""

BLOCK_SEEDS = (3, 5, 10)

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


def shares(mean: float) -> Draw:
    """Beta runs of that mean, as shares of 30 images."""
    return lambda rng, shape: rng.beta(30 * mean, 30 * (1 - mean), shape)


KINDS: dict[str, tuple[Draw, Scale]] = {
    "normal": (normal, "plain"),
    "lognormal": (skewed, "log"),
    "one in ten at 15": (collapsing(15.0), "log"),
    "one in ten at 50": (collapsing(50.0), "log"),
    "shares of mean 0.95": (shares(0.95), "share"),
    "shares of mean 0.5": (shares(0.5), "share"),
}
"""Data to its draw and scale."""


def true_mean(draw: Draw, scale: Scale) -> float:
    """Of a million runs."""
    runs = draw(np.random.default_rng(9), (1_000_000,))
    return float(np.exp(np.log(runs).mean()) if scale == "log" else runs.mean())


def mean_coverage(kind: str, seeds: int, simulations: int) -> float:
    """Share of t intervals that hold the true mean."""
    draw, scale = KINDS[kind]
    truth = true_mean(draw, scale)
    drawn = draw(np.random.default_rng(0), (simulations, seeds))
    intervals = (t_interval(runs, scale) for runs in drawn)
    return float(np.mean([(i.low or 0) <= truth <= (i.high or 0) for i in intervals]))


def false_differences(draws: tuple[Draw, ...], seeds: int, simulations: int) -> float:
    """Share of tables of equal families in which any difference is declared."""
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(simulations):
        arms = [Group(tuple(draw(rng, (seeds,)).tolist())) for draw in draws]
        pairs = [
            Pair(planned=Planned(a=str(i), b=str(j)), first=arms[i], second=arms[j], scale="log")
            for i in range(len(arms))
            for j in range(i)
        ]
        found += any(comparison.winner for comparison in decide(pairs))
    return found / simulations


def scaled(scale: float) -> Draw:
    """Lognormal runs of median 10, with log standard deviation 0.1 times ``scale``."""
    return lambda rng, shape: 10 * rng.lognormal(0, 0.1 * scale, shape)


def lowest_of_five(scale: float) -> Draw:
    """Of five equal cells the one of the lowest mean: a choice that sees what is tested.

    Harsher than a report, which chooses on validation and tests on other images.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        cells = scaled(scale)(rng, (5, *shape))
        return cells[np.log(cells).mean(axis=-1).argmin()]

    return draw


UNEQUAL = (1.0, 3.0, 0.3)
"""Log standard deviations of three families of one mean, in tenths."""

FAMILIES: dict[str, tuple[Draw, ...]] = {
    "normal": (normal,) * 3,
    "normal, sd 1, 3 and 0.3": tuple(map(scaled, UNEQUAL)),
    "lowest of 5 cells": (lowest_of_five(1.0),) * 3,
    "the same, sd 1, 3 and 0.3": tuple(map(lowest_of_five, UNEQUAL)),
    "lognormal": (skewed,) * 3,
    "one in ten at 15": (collapsing(15.0),) * 3,
    "one in ten at 50": (collapsing(50.0),) * 3,
}


def blocked(rng: np.random.Generator, share: float, shape: tuple[int, int]) -> NDArray[np.float64]:
    """``[cells, seeds]``: logarithms of which the runs of a seed share that part of the variance."""
    own = math.sqrt(1 - share) * rng.normal(size=shape)
    return np.asarray(own + math.sqrt(share) * rng.normal(size=shape[1]))


def blocked_differences(
    share: float, seeds: int, apart: float, simulations: int, *, is_one_model: bool
) -> float:
    """Of tables of three arms, the first ``apart`` standard deviations lower than the other two.

    Share in which any of the equal ones is told apart, or (``apart`` above 0) in which the first is
    told from the second.
    """
    rng, found = np.random.default_rng(4), 0
    shifts = np.array([[-apart], [0.0], [0.0]])
    for _ in range(simulations):
        values = np.exp(0.1 * (blocked(rng, share, (3, seeds)) + shifts))
        arms = [Group(tuple(v.tolist()), seeds=tuple(range(seeds))) for v in values]
        decided = decide(
            [
                Pair(
                    planned=Planned(a=str(i), b=str(j)),
                    first=arms[i],
                    second=arms[j],
                    scale="log",
                    is_one_model=is_one_model,
                )
                for i, j in ((0, 1), (0, 2), (1, 2))
            ]
        )
        found += bool(decided[0].winner) if apart else any(c.winner for c in decided)
    return found / simulations


def step_coverage(levels: int, seeds: int, share: float, simulations: int) -> float:
    """Share of intervals of a step along x that hold the true one, with blocks."""
    rng, truth, hits = np.random.default_rng(2), -0.05, 0
    x = np.repeat(np.arange(levels), seeds)
    blocks = np.tile(np.arange(seeds), levels)
    for _ in range(simulations):
        y = truth * x + 0.1 * blocked(rng, share, (levels, seeds)).ravel()
        found = trend(x.tolist(), y.tolist(), blocks.tolist())
        hits += bool(found and found.step and found.step.low <= truth <= found.step.high)
    return hits / simulations


def no_trend_found(levels: int, seeds: int, share: float, simulations: int) -> float:
    """Share of equal levels, with blocks, along which a trend is seen at 5 %."""
    rng = np.random.default_rng(5)
    x = np.repeat(np.arange(levels), seeds).tolist()
    blocks = np.tile(np.arange(seeds), levels).tolist()
    drawn = (blocked(rng, share, (levels, seeds)).ravel().tolist() for _ in range(simulations))
    return float(np.mean([bool((f := trend(x, y, blocks)) and f.p < 0.05) for y in drawn]))


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
    print("three arms with blocks, % of tables at seeds", *BLOCK_SEEDS)
    for share in SHARES:
        for is_one_model, test in ((False, "Welch"), (True, "paired")):
            for apart, what in ((0.0, "false differences"), (1.5, "1.5 sd found")):
                row = (
                    blocked_differences(share, n, apart, simulations, is_one_model=is_one_model)
                    for n in BLOCK_SEEDS
                )
                print(f"  {share:.2f}, {test:<6}, {what:<17}", *map(_percent, row))
    print("a step along x: interval holds the truth, %; trend of equal levels seen, %")
    few = simulations // 5
    for levels, seeds in ((3, 3), (5, 3), (5, 10)):
        for share in SHARES[::2]:
            held = step_coverage(levels, seeds, share, few)
            seen = no_trend_found(levels, seeds, share, few)
            print(f"  {levels} x {seeds}, {share:.2f}: {_percent(held)} {_percent(seen)}")
    print("interval of a probability of improvement holds the truth, % (seeds: truth, share)")
    for seeds in (10, 20):
        for shift in (0.0, 0.5, 1.0):
            truth, share = improvement_coverage(seeds, shift, simulations // 5)
            print(f"  {seeds}: {truth:.2f}, {_percent(share)}")


def _percent(share: float) -> str:
    return f"{100 * share:5.1f}"


if __name__ == "__main__":
    main()
