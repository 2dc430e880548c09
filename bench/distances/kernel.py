"""Kernels, and the unbiased squared distance of two sets of points under one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.distances.products import parts, products
from bench.pieces import stoppable

MAX_DIM = 128
"""Beyond, the moments (d^3 numbers) cost more than the kernel matrices.

10,000 points of 64 features, one thread: 3.1 s by kernel matrices; by moments 0.3 s for each
set and nothing for a pair.
"""

SUMS_CHUNK = 250

FEWEST = 3
"""Points of a set: the standard error leaves one out and still needs a pair."""

Kernel = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""Products x.y ``[n, m]``, |x|^2 ``[n, 1]``, |y|^2 ``[m]`` and d to k(x, y), symmetric, in the place of
the products."""


@dataclass(frozen=True)
class Estimate:
    """A value and the standard deviation that it has over repeated draws of the sets."""

    value: float
    standard_error: float

    def named(self, name: str) -> dict[str, float]:
        """Both as values of a metric."""
        return {name: self.value, f"{name}_se": self.standard_error}


def cubic(inner: Tensor, of_x: Tensor, of_y: Tensor, dim: int) -> Tensor:  # noqa: ARG001
    """(x.y / d + 1)^3: Binkowski et al. 2018, arXiv 1801.01401, section 4."""
    is_power_of_two = dim & (dim - 1) == 0  # the faster product has the quotient's bits
    scaled = inner.mul_(1 / dim) if is_power_of_two else inner.div_(dim)
    return scaled.add_(1).pow_(3)


def mmd_squared(x: Tensor, y: Tensor, kernel: Kernel = cubic) -> Estimate:
    """Unbiased MMD^2 of all of x ``[n, d]`` and all of y ``[m, d]``; below zero by chance."""
    x, y = x.double(), y.double()
    return mmd_of_sums(sums_within(x, kernel), sums_within(y, kernel), *sums_between(x, y, kernel))


def mmd_of_sums(
    within_x: Tensor, within_y: Tensor, between_x: Tensor, between_y: Tensor
) -> Estimate:
    """Unbiased MMD^2, from the sums of k for each point of both sets.

    Gretton et al. 2012 (JMLR 13), eq. 3: the mean of k over pairs within x, and within y, less
    twice its mean between them. The standard error is that of the delete-one jackknife over
    both sets (Efron and Stein 1981). Where both have one distribution the estimator is
    degenerate, and the error comes out up to sqrt(2) times too large, never too small.

    Args:
        within_x: Over the other points of x, ``[n]``.
        within_y: Over the other points of y, ``[m]``.
        between_x: Of each point of x over y, ``[n]``.
        between_y: Of each point of y over x, ``[m]``.
    """
    n, m = len(within_x), len(within_y)
    value = (
        within_x.sum() / (n * (n - 1))
        + within_y.sum() / (m * (m - 1))
        - 2 * between_x.sum() / (n * m)
    )
    variance = _jackknife(within_x, between_x / m) + _jackknife(within_y, between_y / n)
    return Estimate(float(value), float(variance.sqrt()))


def sums_within(points: Tensor, kernel: Kernel) -> Tensor:
    """Sum of k over the other points of the set, for each of its points ``[n]``."""
    sums, norms = points.new_empty(len(points)), points.square().sum(1)
    for chunk in products(points, points):
        for rows, inner in parts(*chunk):
            block = kernel(inner, norms[rows, None], norms, points.shape[1])
            block.diagonal(rows.start).zero_()
            sums[rows] = block.sum(1)
    return sums


def sums_between(x: Tensor, y: Tensor, kernel: Kernel) -> tuple[Tensor, Tensor]:
    """Sum of k over the other set, for each point of x ``[n]`` and of y ``[m]``."""
    of_x, of_y = x.square().sum(1), y.square().sum(1)
    sums_x, sums_y = x.new_empty(len(x)), y.new_zeros(len(y))
    for chunk in products(x, y):
        for rows, inner in parts(*chunk):
            sums_x[rows] = kernel(inner, of_x[rows, None], of_y, x.shape[1]).sum(1)
        sums_y += chunk[1].sum(0)
    return sums_x, sums_y


def _jackknife(within: Tensor, between: Tensor) -> Tensor:
    """Variance from leaving out each point of one set in turn.

    ``within`` are the sums of k over the other points of its set, ``between`` the means over
    the other set, both ``[n]``. Without point i the estimate differs by a constant from
    2 between_i / (n - 1) - 2 within_i / ((n - 1) (n - 2)).
    """
    n = len(within)
    change = 2 / (n - 1) * (between - within / (n - 2))
    return (n - 1) * change.var(correction=0)


@dataclass(frozen=True)
class CubicSums:
    """Sums over the points of one set, from which (x.y / d + 1)^3 adds up over all pairs.

    Attributes:
        moments: Sum of x' (x) x' (x) x', where x' is x / sqrt(d) with a 1 behind it, so that
            x'.y' = x.y / d + 1.
        own: Sum of (x.x / d + 1)^3, what pairs of a point with itself add.
        n: Number of points.
    """

    moments: Tensor
    own: float
    n: int


def cubic_sums(features: Tensor) -> CubicSums:
    """The sums of features ``[n, d]``, float64, in n d^3 steps."""
    points = features.double() / features.shape[1] ** 0.5
    points = torch.cat([points, points.new_ones(len(points), 1)], 1)
    size = points.shape[1]
    moments = points.new_zeros(size, size * size)
    for part in stoppable(points.split(SUMS_CHUNK)):
        moments += part.T @ (part[:, :, None] * part[:, None, :]).flatten(1)
    own = points.square().sum(1).pow(3).sum()
    return CubicSums(moments, float(own), len(points))


def kernel_distance(a: CubicSums, b: CubicSums) -> float:
    """Unbiased MMD^2 under the cubic kernel, the value of ``mmd_squared``.

    Gretton et al. 2012 (JMLR 13), eq. 3, and Binkowski et al. 2018, arXiv 1801.01401; below
    zero by chance. (x'.y')^3 is the inner product of the third powers of x' and y', so that a
    sum over all pairs is one of the two sums.
    """
    within = [(_inner(s, s) - s.own) / (s.n * (s.n - 1)) for s in (a, b)]
    return sum(within) - 2 * _inner(a, b) / (a.n * b.n)


def _inner(a: CubicSums, b: CubicSums) -> float:
    return float((a.moments * b.moments).sum())
