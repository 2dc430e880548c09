"""Parts of a variance: what factors, seeds, samples and reference images contribute."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.stats.tests import LEVEL


@dataclass(frozen=True)
class Interaction:
    """Whether the effect of one factor depends on another.

    Attributes:
        f: The F ratio.
        df: Degrees of freedom of the interaction.
        df_rest: Those of the residual.
        p: Of no interaction.
        share: Partial eta squared: the interaction's part of what main effects leave over.
    """

    f: float
    df: int
    df_rest: int
    p: float
    share: float


@dataclass(frozen=True)
class Spread:
    """A standard deviation over seeds and its parts.

    Attributes:
        sd: Over seeds.
        low: Lower end of its 95 % interval, exact for normal values.
        high: Upper end.
        sampling: Part from drawing other samples of one model.
        training: What is left for the training seed; 0 where sampling alone explains more.
        n: Number of seeds.
    """

    sd: float
    low: float
    high: float
    sampling: float
    training: float
    n: int

    @property
    def is_all_sampling(self) -> bool:
        """Whether the sampling noise expects no less than the spread that was seen."""
        return self.sampling >= self.sd


@dataclass(frozen=True)
class SeedEffect:
    """What the runs of a seed share over cells.

    Attributes:
        f: The F ratio of seeds against what is left.
        p: Of no such effect.
        share: Of the variance within cells, the part that is the seed's (intraclass correlation,
            Fisher 1925; below 0 counts as 0).
        seeds: Number of seeds that every cell has.
        cells: Number of cells.
    """

    f: float
    p: float
    share: float
    seeds: int
    cells: int


def seed_effect(cells: Sequence[Sequence[float]]) -> SeedEffect | None:
    """Two-way analysis without replication: cells by seeds.

    Args:
        cells: For each cell its values, in one order of seeds.

    None below two cells or seeds, or where nothing is left.
    """
    from scipy import stats

    x = np.asarray(cells, dtype=np.float64)
    if min(x.shape) < 2 or x.ndim != 2:
        return None
    num_cells, num_seeds = x.shape
    centred = x - x.mean(axis=1, keepdims=True)
    means = centred.mean(axis=0)
    df, df_rest = num_seeds - 1, (num_seeds - 1) * (num_cells - 1)
    between = num_cells * float(means @ means) / df
    rest = float(np.sum((centred - means) ** 2)) / df_rest
    if rest == 0:
        return None
    f = between / rest
    share = max(0.0, (f - 1) / (f - 1 + num_cells))
    return SeedEffect(f, float(stats.f.sf(f, df, df_rest)), share, num_seeds, num_cells)


@dataclass(frozen=True)
class Nested:
    """Whether groups within cells differ.

    Attributes:
        f: The F ratio of groups within cells against values within groups.
        df: Degrees of freedom of the groups.
        df_rest: Those of the rest.
        p: Of groups that are alike.
        cells: How many have several groups.
    """

    f: float
    df: int
    df_rest: int
    p: float
    cells: int


def nested(cells: Sequence[Sequence[Sequence[float]]]) -> Nested | None:
    """Analysis of variance of groups nested in cells (Scheffe 1959, section 5.3).

    Args:
        cells: For each its groups, and for each of those its values.

    None where there are no two groups of a cell, or nothing varies within any.
    """
    from scipy import stats

    groups = [[np.asarray(group, dtype=np.float64) for group in cell] for cell in cells]
    df = sum(len(cell) - 1 for cell in groups)
    df_rest = sum(len(group) - 1 for cell in groups for group in cell)
    rest = sum(float(np.sum((g - g.mean()) ** 2)) for cell in groups for g in cell)
    if df < 1 or df_rest < 1 or rest == 0:
        return None
    between = 0.0
    for cell in groups:
        mean = float(np.concatenate(cell).mean())
        between += sum(len(g) * (float(g.mean()) - mean) ** 2 for g in cell)
    f = (between / df) / (rest / df_rest)
    return Nested(f, df, df_rest, float(stats.f.sf(f, df, df_rest)), len(groups))


def interaction(
    y: Sequence[float],
    a: Sequence[Hashable],
    b: Sequence[Hashable],
    blocks: Sequence[Hashable] = (),
) -> Interaction | None:
    """F test of ``a`` x ``b`` against main effects alone, by least squares; cells may differ in n.

    What the runs of a block share is taken away, where each block has a run in every cell of its kind
    (a randomised block design); else it stays in the residual. None where a factor has one level, no cell is there to tell an interaction by, or no run is
    left over for the error (Fisher 1925; partial eta squared: Cohen 1973).

    Raises:
        ValueError: Lengths differ, or a value is not finite.
    """
    from scipy import stats

    if not len(y) == len(a) == len(b) or not np.isfinite(y).all():
        raise ValueError(f"needs a finite value and two levels for each run, got {y}, {a}, {b}")
    values, absorbed = _without_blocks(y, list(zip(a, b, strict=True)), blocks)
    first, second = _indicators(a), _indicators(b)
    rest_main, rank_main = _rest(np.hstack([first, second]), values)
    rest, num_cells = _within_cells(values, list(zip(a, b, strict=True)))
    df, df_rest = num_cells - rank_main, len(values) - num_cells - absorbed
    if min(first.shape[1], second.shape[1]) < 2 or df < 1 or df_rest < 1 or rest == 0:
        return None
    gained = max(0.0, rest_main - rest)
    f = (gained / df) / (rest / df_rest)
    return Interaction(f, df, df_rest, float(stats.f.sf(f, df, df_rest)), gained / (gained + rest))


def _without_blocks(
    y: Sequence[float], cells: Sequence[Hashable], blocks: Sequence[Hashable]
) -> tuple[NDArray[np.float64], int]:
    """The values around the means of their blocks, and how many degrees of freedom that takes."""
    values = np.array(y, dtype=np.float64)
    members: dict[Hashable, list[int]] = {}
    for i, block in enumerate(blocks):
        members.setdefault(block, []).append(i)
    covered = [frozenset(cells[i] for i in runs) for runs in members.values()]
    kinds = set(covered)
    is_once = all(len(c) == len(runs) for c, runs in zip(covered, members.values(), strict=True))
    if not is_once or sum(map(len, kinds)) > len(frozenset().union(*kinds)):
        return values, 0
    for runs in members.values():
        values[runs] -= values[runs].mean()
    return values, len(members) - len(kinds)


def split_spread(values: Sequence[float], sampling_sds: Sequence[float]) -> Spread:
    """The variance over seeds less the mean variance of redrawn samples, as deviations.

    Args:
        values: One per seed, at least two.
        sampling_sds: Standard deviation of each run's value over other samples.

    Raises:
        ValueError: Fewer than two values, no standard deviation, or one that is not finite.
    """
    from scipy import stats

    x, noise = np.asarray(values, dtype=np.float64), np.asarray(sampling_sds, dtype=np.float64)
    if len(x) < 2 or not len(noise) or not np.isfinite([*x, *noise]).all():
        raise ValueError(
            f"needs two finite values and their noise, got {list(values)} and {list(sampling_sds)}"
        )
    df, variance = len(x) - 1, float(x.var(ddof=1))
    low, high = (
        math.sqrt(variance * df / float(stats.chi2.ppf(share, df)))
        for share in ((1 + LEVEL) / 2, (1 - LEVEL) / 2)
    )
    sampling = float(np.mean(noise**2))
    training = max(0.0, variance - sampling)
    return Spread(math.sqrt(variance), low, high, math.sqrt(sampling), math.sqrt(training), len(x))


def _indicators(labels: Sequence[Hashable]) -> NDArray[np.float64]:
    """``[runs, levels]``, one where a run has the level."""
    return np.array(
        [[float(label == level) for level in dict.fromkeys(labels)] for label in labels]
    )


def _rest(design: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, int]:
    """Residual sum of squares and rank of a least squares fit."""
    fit, _, rank, _ = np.linalg.lstsq(design, y)
    residual = y - design @ fit
    return float(residual @ residual), int(rank)


def _within_cells(y: NDArray[np.float64], cells: Sequence[Hashable]) -> tuple[float, int]:
    """Sum of squares around the cells' means, which fit an interaction; number of cells."""
    codes = {cell: code for code, cell in enumerate(dict.fromkeys(cells))}
    at = np.array([codes[cell] for cell in cells])
    residual = y - (np.bincount(at, weights=y) / np.bincount(at))[at]
    return float(residual @ residual), len(codes)
