"""What the detector says of the samples alone: legibility, variety, copying."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.contracts import Seen, View
from bench.metrics import metric

CONFIDENT = 0.9
Z95 = 1.959964
CHUNK = 1_000
PAIRS = 2_000


@metric("legible", needs=("classifier",))
def legible(view: View) -> dict[str, float]:
    """Share of samples that the detector classifies with probability above 0.9."""
    return {
        "legible": _confident(_probs(view.fake(view.counts[-1]))),
        "legible_real": _confident(_probs(view.real(view.split, view.counts[-1]))),
    }


@metric("classes", needs=("classifier",))
def classes(view: View) -> dict[str, float]:
    """Classes covered, exp(entropy of the histogram), with that of real images."""
    return {
        "classes": classes_covered(_probs(view.fake(view.counts[-1]))),
        "classes_real": classes_covered(_probs(view.real(view.split, view.counts[-1]))),
    }


@metric("spread", needs=("detector",))
def spread(view: View) -> dict[str, float]:
    """Mean feature distance between samples, with that between real images."""
    fake, real = view.fake(view.counts[-1]), view.real(view.split, view.counts[-1])
    return {
        "spread": mean_pair_distance(fake.features),
        "spread_real": mean_pair_distance(real.features),
    }


@metric("copying", needs=("detector",))
def copying(view: View) -> dict[str, float]:
    """Share of samples nearer to a training image than to any of as many validation images.

    0.5 means no copying. Distances are Euclidean in detector features; the reference is equally
    many random images of train and validation; the interval is Wilson's, at 95 %.
    """
    size = min(len(view.images("train")), len(view.images("val")), view.counts[-1])
    fake = view.fake(view.counts[-1]).features
    near = nearest(fake, view.real("train", size).features)
    share = float((near < nearest(fake, view.real("val", size).features)).double().mean())
    low, high = wilson_interval(share, len(fake))
    return {"copying": share, "copying_low": low, "copying_high": high}


def classes_covered(probs: Tensor) -> float:
    """exp of the entropy of the histogram of most likely classes: 1 to the number of classes."""
    counts = torch.bincount(probs.argmax(1), minlength=probs.shape[1]).double()
    shares = counts / counts.sum()
    return float(torch.special.entr(shares).sum().exp())


def mean_pair_distance(features: Tensor) -> float:
    """Mean Euclidean distance over neighbouring pairs of the first 2,000 (they are in random order)."""
    part = features[:PAIRS]
    return float((part - part.roll(1, 0)).norm(dim=1).mean())


def nearest(queries: Tensor, points: Tensor) -> Tensor:
    """Distance of each query ``[N, d]`` to its nearest point ``[M, d]``, ``[N]``."""
    return torch.cat([torch.cdist(part, points).min(1).values for part in queries.split(CHUNK)])


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a binomial share (Wilson 1927)."""
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return centre - half, centre + half


def _probs(seen: Seen) -> Tensor:
    assert seen.probs is not None
    return seen.probs


def _confident(probs: Tensor) -> float:
    return float((probs.max(1).values > CONFIDENT).double().mean())
