"""All pairs of samples and real images in one pass: neighbours and the cubic kernel read them both.

The products x.y, most of the work, are made once for a pair of sets. Each sum is taken in the
order of ``kernel.mmd_squared``, so that its values are the same to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bench.distances.kernel import Estimate, cubic, mmd_of_sums
from bench.distances.neighbours import distances, smallest, squared_norms
from bench.distances.products import ROWS, parts, products

K = 5
"""Neighbours that make up a ball (protocol rule 13)."""


@dataclass(frozen=True)
class Overlap:
    """How samples and real images cover each other; of one distribution precision = recall.

    Attributes:
        precision: Share of samples within a ball of a real image.
        recall: Share of real images within a ball of a sample.
        density: Mean number of balls of real images that a sample lies in, divided by k; 1
            is expected where both have one distribution, more is possible.
        coverage: Share of real images with a sample in their ball; 1 - 2^(-k) is expected
            where both have one distribution, for as many samples as real images.
    """

    precision: float
    recall: float
    density: float
    coverage: float


class Within(NamedTuple):
    """What the pairs within a set of n points tell.

    Attributes:
        sums: Of the cubic kernel over the other points, ``[n]``.
        reach: Squared distance to the k-th nearest other point, ``[n]``; infinite without one.
    """

    sums: Tensor
    reach: Tensor


def within(points: Tensor, k: int = K) -> Within:
    """Of points ``[n, d]``."""
    n, norms = len(points), squared_norms(points)
    sums, reach = points.new_empty(n), points.new_full((n,), torch.inf)
    room = points.new_empty(min(ROWS, n), n)
    for rows, inner in (part for chunk in products(points, points) for part in parts(*chunk)):
        squares = torch.sub(norms, inner, alpha=2, out=room[: len(inner)])
        squares += norms[rows, None]
        squares.diagonal(rows.start).fill_(torch.inf)  # not its own neighbour
        if k < n:
            reach[rows] = smallest(squares, k)[0][:, -1]
        kernel = cubic(inner, norms, norms, points.shape[1])
        kernel.diagonal(rows.start).zero_()
        sums[rows] = kernel.sum(1)
    return Within(sums, reach)


class Pairs:
    """What the pairs of samples ``[n, d]`` and real images ``[m, d]`` tell.

    Attributes:
        nearest: Distance of each sample to its nearest real image, ``[n]``.
        which: That image, int64 ``[n]``.

    Args:
        fake: The samples.
        real: The real images.
        within_fake: What is known within the samples, by the same k.
        within_real: Likewise.
        k: Neighbours that make up a ball.
    """

    def __init__(
        self, fake: Tensor, real: Tensor, within_fake: Within, within_real: Within, k: int = K
    ) -> None:
        self._of_fake, self._of_real, self._k = within_fake, within_real, k
        n, m = len(fake), len(real)
        norms = squared_norms(fake), squared_norms(real)
        self._sums = fake.new_empty(n), fake.new_zeros(m)
        self.nearest, self.which = fake.new_empty(n), torch.empty_like(self._sums[0]).long()
        self._balls = torch.empty_like(self.which, dtype=torch.int32)
        self._recalled, self._covered = torch.zeros(2, m, dtype=torch.bool, device=fake.device)
        room = fake.new_empty(min(ROWS, n), m)
        for chunk in products(fake, real):
            for rows, inner in parts(*chunk):
                squares = torch.sub(norms[0][rows, None], inner, alpha=2, out=room[: len(inner)])
                self._look(rows, squares.add_(norms[1]))
                self._sums[0][rows] = cubic(inner, *norms, fake.shape[1]).sum(1)
            self._sums[1].add_(chunk[1].sum(0))
        distances(self.nearest)

    def kernel_distance(self) -> Estimate:
        """Unbiased MMD^2 under the cubic kernel, that of ``mmd_squared``."""
        return mmd_of_sums(self._of_fake.sums, self._of_real.sums, *self._sums)

    def overlap(self) -> Overlap:
        """Samples in the balls of real images, and the reverse.

        Precision and recall: Kynkaanniemi et al. 2019, arXiv 1904.06991, eq. 1 and 2. Density and
        coverage: Naeem et al. 2020, arXiv 2002.09797, eq. 3 and 4. A ball reaches to the k-th
        nearest image of the same set and holds its edge, as in the former; the code of the latter
        leaves the edge out, which differs where distances are equal.
        """
        shares = (self._balls > 0, self._recalled, self._balls, self._covered)
        precision, recall, mean, coverage = (float(share.double().mean()) for share in shares)
        return Overlap(precision, recall, mean / self._k, coverage)

    def _look(self, rows: slice, squares: Tensor) -> None:
        """Distances of samples to all real images: who is near whom."""
        self.nearest[rows], self.which[rows] = (part[:, 0] for part in smallest(squares, 1))
        inside = squares <= self._of_real.reach
        self._balls[rows] = inside.sum(1, dtype=torch.int32)
        # As bytes torch finds the largest thirty times as fast.
        self._covered |= inside.view(torch.uint8).amax(0).bool()
        self._recalled |= squares.sub_(self._of_fake.reach[rows, None]).amin(0) <= 0
