"""Frechet distance of infinitely many images: ``fdinf_<detector>`` with its standard error."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bench.distances.frechet import frechet_distance, moments
from bench.distances.kernel import Estimate
from bench.evaluation.view import View
from bench.measures import FEWEST_TO_EXTRAPOLATE, feature_name, is_enough
from bench.metrics import NotApplicable, metric

MOST_PARTS = 5


@metric("frechet_extrapolated", per_detector=True)
def frechet_extrapolated(view: View) -> dict[str, float]:
    """Frechet distance extrapolated to infinitely many images on both sides; lower is better.

    Near 0 it falls below 0 by chance. ``_se`` is the standard error of the line's intercept.
    """
    n, name = view.counts[-1], view.detector().name
    if n < FEWEST_TO_EXTRAPOLATE:
        raise NotApplicable(
            f"{n} images are too few to extrapolate, {FEWEST_TO_EXTRAPOLATE:,} are the fewest: "
            "read the kernel distance (kd), which has no bias at any number"
        )
    fake, real = view.features(n)
    dim = fake.shape[1]
    if not is_enough(n // 2, dim):
        raise NotApplicable(
            f"half of {n} images are too few for {dim} features: use a smaller detector, or "
            "read the kernel distance (kd)"
        )
    return extrapolated(fake, real).named(feature_name("fdinf", name))


def extrapolated(fake: Tensor, real: Tensor) -> Estimate:
    """Frechet distance of n features ``[n, d]`` a side, carried on to infinitely many.

    Chong and Forsyth 2020, arXiv 1911.07023, eq. 6: the distance of n images is a straight
    line in 1/n, whose intercept is meant. They vary the number of generated images and keep
    the real ones at 50,000; here both sides have n, since the held-out split is as small as
    the samples and biases the distance as much. Their 15 random subsets overlap; here both
    sides are cut into 1, 2, ... 5 disjoint parts, 15 distances, each weighed by its n (the
    variance falls as 1/n). On Gaussians that has half the variance at the same bias, and the
    scatter about the line then tells the spread over new draws of both sides.
    """
    sizes = (len(fake) // parts for parts in range(1, MOST_PARTS + 1))
    points = [
        (n, frechet_distance(moments(a), moments(b)))
        for n in sizes
        if is_enough(n, fake.shape[1])
        for a, b in _parts(fake, real, n)
    ]
    return weighted_line(points)


def _parts(a: Tensor, b: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
    """Disjoint pairs of n each; what is left over is left out."""
    whole = len(a) // n * n
    return list(zip(a[:whole].split(n), b[:whole].split(n), strict=True))


def weighted_line(points: list[tuple[int, float]]) -> Estimate:
    """The line in 1/n through ``(n, value)`` by least squares with weights n, at 1/n = 0."""
    n, y = np.array(points, dtype=np.float64).T
    design = np.stack([np.ones_like(n), 1 / n], 1)
    inverse = np.linalg.inv(design.T * n @ design)
    line = inverse @ (design.T * n @ y)
    variance = (n * (y - design @ line) ** 2).sum() / (len(points) - 2)
    return Estimate(float(line[0]), float(np.sqrt(variance * inverse[0, 0])))
