"""Integrals over a plane by cells that are quartered wherever they are not yet exact."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.pieces import pause

Log = Callable[[Tensor], Tensor]
"""Points ``[M, 2]`` to the logarithm of what is integrated, ``[M]``, float64."""

NODES = 4
"""Gauss-Legendre nodes along each side of a cell."""

FIRST_CELLS = 8
"""Along each side of the square, before any is quartered."""

SHARP, HIDDEN = 30.0, 1 / 8
"""A cell whose nodes lie further apart than so many nats may hide a peak, which rises above them by at
most that share of the difference. A parabola's highest point, which lies between the nodes, rises by
a fiftieth: there are eight nodes along a cell."""

RIM = 1e-7
"""The most that the outermost cells may hold of the whole; else the square is doubled."""

MOST_DOUBLINGS = 6
MOST_CELLS = 100_000
"""Where a function is so rough that refinement ends before its tolerance is reached."""


@dataclass(frozen=True)
class Integral:
    """The logarithm of an integral, and what two grids differ by, the one half as fine, in nats."""

    log: float
    gap: float


@dataclass(frozen=True)
class Narrow:
    """Where what is integrated may be narrow: cells at ``place [2]`` become no larger than ``size``."""

    place: Tensor
    size: float


def log_integral(log_f: Log, *, half_width: float, tolerance: float, narrow: Narrow) -> Integral:
    """log of the integral of f over the plane, nats, of a positive f that falls off in each direction.

    A cell has 4 x 4 nodes of Gauss and Legendre, and each of its quarters has them too: what the two
    differ by is the error of the coarser. The cells with the largest errors are quartered until
    all errors together are within the tolerance, and with them every cell that may hide a peak. The
    square is doubled as long as its rim holds anything.

    Args:
        log_f: log f.
        half_width: Half of the side of the square around 0 at the beginning.
        tolerance: Of all errors together, relative, so in nats.
        narrow: Where to look closer.

    Raises:
        ArithmeticError: f does not fall off.
    """
    for doubling in range(MOST_DOUBLINGS):
        cells = _square(log_f, half_width * 2**doubling)
        while bool((wanting := cells.wanting(tolerance, narrow)).any()) and len(cells) < MOST_CELLS:
            pause()
            cells = cells.quartered(log_f, wanting)
        if cells.rim(half_width * 2**doubling) < RIM:
            return Integral(float(cells.total), float(cells.errors.sum()))
    raise ArithmeticError(
        f"no square around 0 with a side of {2 * half_width * 2**doubling:g} holds it all"
    )


@dataclass(frozen=True)
class _Cells:
    """Squares, of which each was integrated twice.

    Attributes:
        centre: ``[K, 2]``.
        half: Half of a side, ``[K]``.
        whole: Log of the integral by the nodes of the cell, ``[K]``.
        parts: The same by the nodes of each quarter, ``[K, 4]``.
        top: Greatest log f among the nodes of the quarters, ``[K]``.
        low: The least, ``[K]``.
    """

    centre: Tensor
    half: Tensor
    whole: Tensor
    parts: Tensor
    top: Tensor
    low: Tensor

    def __len__(self) -> int:
        return len(self.half)

    @property
    def total(self) -> Tensor:
        """Log of the integral, 0-d."""
        return self.parts.flatten().logsumexp(0)

    @property
    def errors(self) -> Tensor:
        """Shares of the whole by which the two integrals of each cell differ, ``[K]``."""
        fine, coarse = self.parts.logsumexp(1) - self.total, self.whole - self.total
        return (fine.exp() - coarse.exp()).abs()

    def wanting(self, tolerance: float, narrow: Narrow) -> Tensor:
        """Which cells are to be quartered, ``[K]``."""
        errors, order = self.errors.sort()
        inexact = torch.empty_like(order, dtype=torch.bool)
        inexact[order] = errors.cumsum(0) > tolerance
        spread = self.top - self.low
        most = self.top + HIDDEN * spread + 2 * (2 * self.half).log()
        hiding = (spread > SHARP) & (most > self.total + math.log(tolerance))
        inside = ((self.centre - narrow.place).abs() <= self.half[:, None]).all(1)
        return inexact | hiding | (inside & (2 * self.half > narrow.size))

    def quartered(self, log_f: Log, which: Tensor) -> _Cells:
        """Quarters in the place of some of the cells."""
        quarters = _cells(
            log_f,
            _quarters(self.centre[which], self.half[which]),
            (self.half[which] / 2).repeat_interleave(4),
            self.parts[which].flatten(),
        )
        kept = [value[~which] for value in vars(self).values()]
        return _Cells(*map(torch.cat, zip(kept, vars(quarters).values(), strict=True)))

    def rim(self, half_width: float) -> float:
        """The share of the cells at the edge of the square."""
        reached = self.centre.abs().amax(1) + self.half
        outer = reached > (1 - 1e-9) * half_width
        return float((self.parts[outer].flatten().logsumexp(0) - self.total).exp())


def _square(log_f: Log, half_width: float) -> _Cells:
    half = half_width / FIRST_CELLS
    along = torch.arange(FIRST_CELLS, dtype=torch.float64) * 2 * half + half - half_width
    centre = torch.cartesian_prod(along, along)
    halves = torch.full((len(centre),), half, dtype=torch.float64)
    return _cells(log_f, centre, halves, _integrals(log_f, centre, halves)[0])


def _cells(log_f: Log, centre: Tensor, half: Tensor, whole: Tensor) -> _Cells:
    """Cells whose first integral is known."""
    finer = (half / 2).repeat_interleave(4)
    parts, top, low = (
        each.view(-1, 4) for each in _integrals(log_f, _quarters(centre, half), finer)
    )
    return _Cells(centre, half, whole, parts, top.amax(1), low.amin(1))


def _quarters(centre: Tensor, half: Tensor) -> Tensor:
    """Centres of the quarters, ``[4 K, 2]``."""
    sides = torch.tensor([-0.5, 0.5], dtype=torch.float64)
    return (centre[:, None] + half[:, None, None] * torch.cartesian_prod(sides, sides)).flatten(
        0, 1
    )


def _integrals(log_f: Log, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log of the integral over each cell, and the greatest and the least log f, ``[K]`` each."""
    nodes, log_weights = _rule()
    points = centre[:, None] + half[:, None, None] * nodes
    values = log_f(points.flatten(0, 1)).view(len(centre), -1)
    return (values + log_weights).logsumexp(1) + 2 * half.log(), values.amax(1), values.amin(1)


@cache
def _rule() -> tuple[Tensor, Tensor]:
    """Nodes of the square [-1, 1]^2 ``[16, 2]``, and logs of their weights ``[16]``."""
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(NODES))
    return torch.cartesian_prod(nodes, nodes), torch.outer(weights, weights).flatten().log()
