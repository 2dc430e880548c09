"""CMMD: the biased squared distance of two sets of points under a Gaussian kernel, in thousandths."""

from __future__ import annotations

from torch import Tensor

from bench.distances.kernel import sums_between, sums_within

SIGMA = 10.0
SCALE = 1000.0


def gaussian(inner: Tensor, of_x: Tensor, of_y: Tensor, dim: int) -> Tensor:  # noqa: ARG001
    """exp(-|x - y|^2 / (2 sigma^2)): Jayasumana et al. 2023, arXiv 2401.09603, section 4."""
    squares = inner.mul_(-2).add_(of_x).add_(of_y)
    return squares.div_(-2 * SIGMA**2).exp_()


def cmmd(x: Tensor, y: Tensor) -> float:
    """1000 MMD^2 of all of x ``[n, d]`` and all of y ``[m, d]``, 0 or more, in float64.

    Jayasumana et al. 2023, arXiv 2401.09603, by the estimator of their code: Gretton et al. 2012
    (JMLR 13), eq. 5, a V-statistic whose means include each point with itself. Two draws of one
    distribution are therefore at 1000 (1 - E k(x, y)) (1 / n + 1 / m) in the mean, not at 0.
    """
    x, y = x.double(), y.double()
    within = sum(
        (float(sums_within(points, gaussian).sum()) + len(points)) / len(points) ** 2
        for points in (x, y)  # k(x, x) = 1
    )
    between = float(sums_between(x, y, gaussian)[0].sum()) / (len(x) * len(y))
    return SCALE * (within - 2 * between)
