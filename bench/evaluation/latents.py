"""What a view tells of latents: images encoded, their rate, paths, grids and axes to show."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.contracts import Posterior, Rng
from bench.errors import required
from bench.evaluation.view import View
from bench.images import to_unit
from bench.pieces import piece, stoppable

CHUNK = 500


def linear_path(z0: Tensor, z1: Tensor, num_points: int) -> Tensor:
    """Evenly spaced points of the straight lines, ``[N, D]`` twice to ``[N, num_points, D]``.

    Both ends are among the points.
    """
    t = torch.linspace(0, 1, num_points, device=z0.device)[None, :, None]
    return (1 - t) * z0[:, None] + t * z1[:, None]


def spherical_path(z0: Tensor, z1: Tensor, num_points: int) -> Tensor:
    """Points of the great circles (slerp), ``[N, D]`` twice to ``[N, num_points, D]``.

    White 2016, arXiv 1609.04468: a straight line between two normal draws passes through norms
    that the generator never saw; this one keeps the norm. Both ends are among the points. The
    line between parallel or opposite ends, which no great circle is the shortest of, is straight.
    """
    t = torch.linspace(0, 1, num_points, device=z0.device)[None, :, None]
    cosine = torch.cosine_similarity(z0, z1, dim=1).clamp(-1, 1)[:, None, None]
    angle = cosine.arccos()
    sine = angle.sin()
    arc = (((1 - t) * angle).sin() * z0[:, None] + (t * angle).sin() * z1[:, None]) / sine
    return torch.where(sine > 1e-4, arc, linear_path(z0, z1, num_points))


def normal_quantiles(n: int) -> Tensor:
    """The standard normal's quantiles at (i + 1/2) / n, ascending, ``[n]``.

    Each stands for the same share of the prior's mass.
    """
    shares = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    quantiles: Tensor = torch.special.ndtri(shares).float()
    return quantiles


def batches(view: View, split: str, n: int | None = None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Images in [0, 1] with their labels, the last partial batch included.

    Every image of the split, or of n (fewer where there are not as many) the fixed random subset.
    """
    images, labels = (
        (view.images(split), view.labels(split)) if n is None else view.subset(split, n)
    )
    size = piece(CHUNK)
    for start in stoppable(range(0, len(images), size)):
        part = slice(start, start + size)
        yield (
            to_unit(images[part].to(view.reference.device)),
            None if labels is None else labels[part],
        )


def encoded(
    view: View, split: str, noise: Rng, n: int | None = None
) -> Iterator[tuple[Tensor, Tensor | None, Posterior]]:
    """The same ``batches`` with q(z|x) of each.

    Raises:
        NotApplicable: The model has no encoder.
    """
    encode = view.encoder()
    return (
        (images, labels, encode(view.nets, images, labels, noise))
        for images, labels in batches(view, split, n)
    )


def posterior_means(view: View, split: str, n: int, purpose: str = "posterior_means") -> Tensor:
    """E[z|x] of ``view.subset(split, n)`` (fewer where there are not as many), ``[n, D]``.

    Several pictures of a state show them: they are computed once.
    """
    return view.remembered(
        f"{purpose} {split} {n}",
        lambda: torch.cat([q.mean for _, _, q in encoded(view, split, view.noise(purpose), n)]),
    )


def mean_kl_per_latent(view: View, split: str, n: int) -> Tensor:
    """KL of each latent in nats, the rate of a code, mean over n images: float64 ``[D]``.

    Of a fixed subset, with fewer images where there are not as many.

    Raises:
        NotApplicable: The KL has no closed form latent by latent.
    """
    inference = view.fns.inference
    kl = required(
        None if inference is None else inference.kl_per_latent,
        "the model has no KL latent by latent in closed form",
    )
    parts = [kl(view.nets, q) for _, _, q in encoded(view, split, view.noise("latent_rate"), n)]
    return torch.cat(parts).double().mean(0)


def most_active(means: Tensor, n: int) -> Tensor:
    """Indices of the n latents whose posterior mean varies most, the most active first."""
    return means.double().var(0).argsort(descending=True, stable=True)[:n]


def principal_components(means: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates ``[N, D]`` along the axes of largest variance, and each axis' share ``[D]``.

    An axis points to where its largest entry is positive, so that a picture repeats.
    """
    centred = means.double() - means.double().mean(0)
    variances, axes = torch.linalg.eigh(centred.T @ centred)
    variances, axes = variances.flip(0).clamp(min=0), axes.flip(1)
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    share = variances / variances.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return centred @ (axes * largest.sign()), share


def one_class(view: View, n: int) -> Tensor | None:
    """The class of ``view.subset("val", 1)`` n times, int64 ``[n]``; None if not conditional."""
    labels = view.subset("val", 1)[1]
    return labels[:1].expand(n) if view.fns.conditional and labels is not None else None
