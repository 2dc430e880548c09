"""PQMass: a chi-squared test of two sets on how many of each are nearest to random points of both."""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.stats import chi2_contingency
from torch import Tensor

from bench.distances.neighbours import nearest
from bench.runtime import generator

CELLS = 100
TESSELLATIONS = 20
FEWEST_OF_A_CELL = 5


class MassTest(NamedTuple):
    """A p-value, and the mean of chi^2 over its degrees of freedom: 1 for sets of one law."""

    p: float
    chi2: float


def mass_test(
    real: Tensor, fake: Tensor, cells: int = CELLS, rng: torch.Generator | None = None
) -> MassTest:
    """Whether real images ``[n, d]`` and samples ``[m, d]`` may be draws from one distribution.

    Lemos et al. 2024, arXiv 2402.04355: of all points some are taken as centres, the others belong to
    the nearest one, and the counts of both sets by cell are held against each other. It is done 20
    times with other centres. With p below alpha in half of the tests or more, 2 alpha is what is
    certain whatever they share (Rueger 1978), so that p is twice the tenth smallest, at most 1. Theirs
    are as many p as tessellations.

    Args:
        real: Real images.
        fake: Samples.
        cells: How many there are.
        rng: What draws the centres; the same ones each time where it is left out.

    Raises:
        ValueError: Fewer than five points for each cell.
    """
    if len(real) + len(fake) < FEWEST_OF_A_CELL * cells:
        raise ValueError(
            f"{cells} cells need {FEWEST_OF_A_CELL * cells} points, got {len(real) + len(fake)}"
        )
    rng = rng or generator("pqmass")
    both = torch.cat([real, fake]).double()
    is_real = torch.arange(len(both), device=both.device) < len(real)
    found = []
    for _ in range(TESSELLATIONS):
        order = torch.randperm(len(both), generator=rng).to(both.device)
        found.append(cell_test(both[order], is_real[order], cells))
    p = sorted(test.p for test in found)[TESSELLATIONS // 2 - 1]
    return MassTest(min(1.0, 2 * p), sum(test.chi2 for test in found) / TESSELLATIONS)


def cell_test(points: Tensor, is_real: Tensor, cells: int) -> MassTest:
    """The test with the first points ``[N, d]`` as centres, which count no more; bool ``[N]``."""
    _, cell = nearest(points[cells:], points[:cells])
    counts = torch.stack(
        [
            torch.bincount(cell[side], minlength=cells)
            for side in (is_real[cells:], ~is_real[cells:])
        ]
    )
    filled = counts[:, counts.sum(0) > 0].cpu().numpy()
    chi2, p, freedom, _ = chi2_contingency(filled, correction=False)
    return MassTest(float(p), float(chi2) / max(freedom, 1))
