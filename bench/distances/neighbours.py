"""Nearest neighbours: how two sets of features lie within each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.pieces import stoppable

CHUNK = 200
"""Rows of a matrix of distances in memory at once: at 10,000 columns 16 MB, see ``kernels``."""

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


def nearest(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each query ``[N, d]`` to its nearest point ``[M, d]``, and which one, ``[N]``."""
    found = [squares.min(1) for squares in _squares(queries, points)]
    distances, which = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distances.clamp_(min=0).sqrt_(), which


def nearest_classes(queries: Tensor, points: Tensor, classes: Tensor, *, k: int) -> Tensor:
    """The class that most of the k nearest points have, int64 ``[N]``; the lowest where tied.

    Args:
        queries: ``[N, d]``.
        points: ``[M, d]``, M >= k.
        classes: int64 ``[M]``.
        k: How many neighbours vote.
    """
    squares = _squares(queries, points)
    votes = torch.cat([classes[s.topk(k, largest=False).indices] for s in squares])
    return votes.mode(1).values


def silhouette(points: Tensor, classes: Tensor) -> float:
    """Mean over points of (b - a) / max(a, b), in -1 to 1 (Rousseeuw 1987).

    a is a point's mean distance to the others of its class, b that to the nearest other class; a
    point that is alone in its class counts 0.

    Args:
        points: ``[N, d]``.
        classes: int64 ``[N]``, two or more different ones.
    """
    members = torch.nn.functional.one_hot(classes.unique(return_inverse=True)[1]).to(points)
    sizes, own = members.sum(0), members.bool()
    squares = _squares(points, points, to_self=0.0)  # not the rounding of 0
    sums = torch.cat([s.clamp(min=0).sqrt() @ members for s in squares])
    a = sums[own] / (sizes @ members.T - 1).clamp(min=1)
    b = (sums / sizes).masked_fill(own, torch.inf).amin(1)
    scores = ((b - a) / torch.maximum(a, b)).nan_to_num(0)  # where all points are one
    return float(torch.where(sizes @ members.T > 1, scores, 0.0).mean())


def radii(points: Tensor, k: int = K) -> Tensor:
    """Squared distance of each point ``[N, d]`` to its k-th nearest other one, ``[N]``; k < N."""
    squares = _squares(points, points, to_self=torch.inf)  # not its own neighbour
    return torch.cat([s.topk(k, largest=False).values[:, -1] for s in squares])


def _squares(a: Tensor, b: Tensor, *, to_self: float | None = None) -> Iterator[Tensor]:
    """|a|^2 + |b|^2 - 2 a.b of all pairs, ``[n, M]`` of each chunk of rows of a.

    ``to_self`` takes the place of a point's distance to itself, where both are one set.
    Unlike cdist it makes no copies of b, and all chunks take turns in one piece of memory: with
    new ones, and results kept between them, the heap grew by a gigabyte at 10,000 rows.
    """
    norms = torch.linalg.vector_norm(b, dim=1).square_()
    room = a.new_empty(min(CHUNK, len(a)), len(b))
    for start in stoppable(range(0, len(a), CHUNK)):
        part = a[start : start + CHUNK]
        squares = torch.addmm(norms, part, b.T, alpha=-2, out=room[: len(part)])
        squares += torch.linalg.vector_norm(part, dim=1, keepdim=True).square_()
        if to_self is not None:
            squares.diagonal(start).fill_(to_self)
        yield squares


def overlap(fake: Tensor, real: Tensor, k: int = K) -> Overlap:
    """Samples ``[N, d]`` in the balls of real images ``[M, d]``, and the reverse.

    Precision and recall: Kynkaanniemi et al. 2019, arXiv 1904.06991, eq. 1 and 2. Density and
    coverage: Naeem et al. 2020, arXiv 2002.09797, eq. 3 and 4. A ball reaches to the k-th
    nearest image of the same set and holds its edge, as in the former; the code of the latter
    leaves the edge out, which differs where distances are equal.
    """
    reach, edge = radii(fake, k), radii(real, k)
    balls = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)
    recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    covered = recalled.clone()
    for rows, squares in zip(
        torch.arange(len(real)).split(CHUNK), _squares(real, fake), strict=True
    ):
        recalled[rows] = (squares <= reach).any(1)
        inside = squares <= edge[rows, None]
        balls += inside.sum(0)
        covered[rows] = inside.any(1)
    shares = (balls > 0, recalled, balls, covered)
    precision, recall, mean, coverage = (float(share.double().mean()) for share in shares)
    return Overlap(precision, recall, mean / k, coverage)
