"""Clipped density and clipped coverage: no sample and no outlier counts for more than one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.distances.neighbours import near, smallest
from bench.distances.pairs import K


class Clipped(NamedTuple):
    """Shares of good samples and of covered mass, as if all others were far away; 0 to 1."""

    density: float
    coverage: float


def clipped(real: Tensor, fake: Tensor, k: int = K) -> Clipped:
    """Clipped density and coverage of samples ``[m, d]`` among real images ``[n, d]``, n > k.

    Salvy et al. 2025, arXiv 2507.01761. A ball reaches from a real image to its k-th nearest other
    one and holds its edge. Density: in how many balls a sample lies, over k, at most 1, where no
    ball is larger than the median one; its mean over samples is divided by that of the real images,
    each without its own ball, and ends at 1. Coverage: how many samples a ball holds, over k, at most
    1; its mean over balls becomes the share of m samples that has it on average where the others
    are far away (``expected_coverage``).

    The share is read as in the authors' code, as a place in the m + 1 expected values over m + 1. They
    leave the edge out of a ball for coverage, which differs where distances are equal, and take
    fewer than k good samples as none.

    Raises:
        ValueError: Not more than k real images.
    """
    n, m = len(real), len(fake)
    if n <= k:
        raise ValueError(f"{k} neighbours need {k + 1} real images or more, got {n}")
    real, fake = real.double(), fake.double()
    reach = torch.cat([smallest(squares, k)[0][:, -1] for _, squares in near(real, real, own=True)])
    median = reach.sqrt().quantile(0.5)
    short = torch.where(reach.sqrt() <= median, reach, median.square())
    of_fake, of_real = (_balls_around(real, points, short) for points in (fake, None))
    density = _clipped_mean(of_fake, k) / _clipped_mean(of_real, k)
    inside = torch.cat([(sq <= reach[rows, None]).sum(1) for rows, sq in near(real, fake)])
    found = torch.tensor([_clipped_mean(inside, k)], dtype=torch.float64)
    place = int(torch.searchsorted(expected_coverage(n, m, k), found))
    return Clipped(min(density, 1.0), place / (m + 1))


def expected_coverage(n: int, m: int, k: int) -> Tensor:
    """What coverage is before calibration if 0, 1, ... m good samples are among n real images.

    How many of i good samples lie nearer than the k-th of n - 1 real images is J, beta-binomial with
    k and n - k; the mean of min(J, k) / k is 1 - sum over j < k of (1 - j / k) P(J = j).

    Returns:
        float64 ``[m + 1]``, ascending from 0.
    """
    log_factorial = torch.arange(m + n, dtype=torch.float64).add_(1).lgamma()
    good = torch.arange(m + 1)
    expected = torch.ones(m + 1, dtype=torch.float64)
    for j in range(k):
        i = good[j:]  # at least as many good ones as lie inside
        # C(i, j) B(k + j, n - k + i - j) / B(k, n - k), by factorials
        log_p = (
            log_factorial[i] - log_factorial[j] - log_factorial[i - j]
            + log_factorial[k + j - 1] + log_factorial[n - k + i - j - 1] - log_factorial[n + i - 1]
            - log_factorial[k - 1] - log_factorial[n - k - 1] + log_factorial[n - 1]
        )  # fmt: skip
        expected[j:] -= (1 - j / k) * log_p.exp()
    return expected.clamp(min=0)


def _balls_around(centres: Tensor, points: Tensor | None, reach: Tensor) -> Tensor:
    """In how many balls each point lies, int64 ``[M]``; without points the other centres are meant."""
    held = centres if points is None else points
    count = torch.zeros(len(held), dtype=torch.int64, device=held.device)
    for rows, squares in near(centres, held, own=points is None):
        count += (squares <= reach[rows, None]).sum(0)
    return count


def _clipped_mean(counts: Tensor, k: int) -> float:
    return float((counts.double() / k).clamp(max=1).mean())
