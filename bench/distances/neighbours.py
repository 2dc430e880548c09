"""Nearest neighbours among sets of features."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.distances.products import CHUNK, products
from bench.pieces import stoppable

GROUPS = 400
"""Into so many groups ``smallest`` deals the columns of a row."""


def nearest(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each query ``[N, d]`` to its nearest point ``[M, d]``, and which one, ``[N]``."""
    of_queries, of_points = squared_norms(queries), squared_norms(points)
    squares, which = queries.new_empty(len(queries)), of_queries.long()
    for rows, inner in products(queries, points):
        found, where = smallest(inner.mul_(-2).add_(of_queries[rows, None]).add_(of_points), 1)
        squares[rows], which[rows] = found[:, 0], where[:, 0]
    return distances(squares), which


ROUNDING = 1e-12
"""Of the largest squared norms: squared distances below are those of copies."""


def near(a: Tensor, b: Tensor, *, own: bool = False) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances of all pairs, rows of a in chunks: which rows, and ``[n, M]``, to be overwritten.

    Copies are at 0 exactly. With ``own`` both are one set, and no point is its own neighbour: it is
    at infinity to itself.
    """
    of_a, of_b = squared_norms(a), squared_norms(b)
    least = ROUNDING * float(of_a.max() + of_b.max())
    for rows, inner in products(a, b):
        squares = inner.mul_(-2).add_(of_a[rows, None]).add_(of_b)
        torch.threshold_(squares, least, 0.0)
        if own:
            squares.diagonal(rows.start).fill_(torch.inf)
        yield rows, squares


def distances(squares: Tensor) -> Tensor:
    """Their roots in their place; rounding below zero is cut off."""
    return squares.clamp_(min=0).sqrt_()


def smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest of each row ``[n, M]``, ascending, and their columns, both ``[n, k]``.

    Those of the groups with the k smallest minima: of 10,000 columns in a third of ``topk``'s time.
    """
    rows = values.shape[1] // GROUPS
    if rows < 2 * k:
        found, where = values.topk(k, largest=False)
        return found, where
    whole = rows * GROUPS
    groups = values[:, :whole].unflatten(1, (rows, GROUPS))
    few = groups.amin(1).topk(k, largest=False).indices[:, None]
    starts = torch.arange(0, whole, GROUPS, device=values.device)[:, None]
    rest = torch.arange(whole, values.shape[1], device=values.device).expand(len(values), -1)
    columns = torch.cat([(few + starts).flatten(1), rest], 1)
    found, where = values.gather(1, columns).topk(k, largest=False)
    return found, columns.gather(1, where)


def squared_norms(points: Tensor) -> Tensor:
    """|p|^2 of points ``[N, d]``, ``[N]``."""
    norms: Tensor = torch.linalg.vector_norm(points, dim=1)
    return norms.square_()


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


def _squares(a: Tensor, b: Tensor, *, to_self: float | None = None) -> Iterator[Tensor]:
    """|a|^2 + |b|^2 - 2 a.b of all pairs, ``[n, M]`` of each chunk of rows of a.

    ``to_self`` takes the place of a point's distance to itself, where both are one set.
    Unlike cdist it makes no copies of b, and all chunks take turns in one piece of memory.
    """
    norms = squared_norms(b)
    room = a.new_empty(min(CHUNK, len(a)), len(b))
    for start in stoppable(range(0, len(a), CHUNK)):
        part = a[start : start + CHUNK]
        squares = torch.addmm(norms, part, b.T, alpha=-2, out=room[: len(part)])
        squares += squared_norms(part)[:, None]
        if to_self is not None:
            squares.diagonal(start).fill_(to_self)
        yield squares
