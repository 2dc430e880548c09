"""Looks at a study that grows: one level for each of them, so that all together keep theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

_LESS = 3
"""Seeds. Without it a difference is seen by chance in 5.5 of a hundred studies instead of 5.0."""

_FARTHEST = 8.0
"""Standard deviations; what lies farther out is none in floating point."""


def over_looks(p: float, looks: Sequence[int]) -> float:
    """The chance of a p as small at any of the looks where nothing differs (Pocock 1977).

    Of Student's t it takes the p for that of a normal mean, as Jennison and Turnbull (2000, section
    3.8) do. At few seeds t values of two looks hang together less than such means: each look counts
    as ``_LESS`` seeds earlier, with which level and looks agree (``benchmarks/sequential.py``).

    Args:
        p: Two-sided, the smallest seen until now.
        looks: Numbers of seeds, from five, at which the study is looked at, declared beforehand.
    """
    from scipy.special import ndtri

    if len(looks) < 2 or p <= 0:
        return p
    bound = min(-float(ndtri(p / 2)), _FARTHEST)
    return max(p, ever_beyond(bound, tuple(look - _LESS for look in looks)))


@cache
def per_look(level: float, looks: tuple[int, ...]) -> float:
    """What p must be below at each look, so that all of them together keep the level."""
    from scipy import optimize

    if len(looks) < 2:
        return level
    low = level / len(looks)
    return float(optimize.brentq(lambda p: over_looks(p, looks) - level, low / 10, level))


def ever_beyond(bound: float, looks: tuple[int, ...]) -> float:
    """How often a standard normal mean leaves -bound..bound at a look (Armitage et al. 1969).

    The density of the sum of values that has not left yet, from look to look.
    """
    nodes, weights = _gauss_legendre(40 + 12 * len(looks))  # 20 looks are right to nine digits
    ends = bound * np.sqrt(np.asarray(looks, dtype=np.float64))
    at = ends[0] * nodes
    density = _normal(at, looks[0])
    for end, before, now, last in zip(ends[1:], looks, looks[1:], ends, strict=False):
        step = _normal(end * nodes[:, None] - at[None, :], now - before)
        density = step @ (last * weights * density)
        at = end * nodes
    return max(0.0, 1 - float(ends[-1] * weights @ density))


@cache
def _gauss_legendre(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return nodes, weights


def _normal(x: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(x**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance))
