"""How far a run's distance would move if its samples, or the real images, were drawn again."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from bench.distances.frechet import Moments, frechet_distance, moments
from bench.evaluation.view import View
from bench.measures import feature_name, is_enough
from bench.metrics import NotApplicable, metric
from bench.runtime import generator

NUM_SPLITS = 20


@metric("redrawn")
def redrawn(view: View) -> dict[str, float]:
    """Standard deviation of the distance over other samples, and over other real images.

    From balanced half-samples (McCarthy 1969, Review of the International Statistical Institute
    37): half the difference of the distances of two halves has the variance of the distance of
    the whole, and what halves have in common, such as their bias, is gone from it. It is the
    noise of one model's distance (protocol rule 20), not the spread over seeds.
    """
    n, detector = view.counts[-1], view.detector().name
    fake, real = view.features(n)
    if not is_enough(n // 2, fake.shape[1]):
        raise NotApplicable(f"half of {n} images are too few for {fake.shape[1]} features")
    to_real, to_fake = moments(real), moments(fake)
    name = feature_name("fd", detector, n)
    return {
        f"sampling_sd_{name}": _spread(fake, lambda half: frechet_distance(half, to_real)),
        f"reference_sd_{name}": _spread(real, lambda half: frechet_distance(to_fake, half)),
    }


def _spread(features: Tensor, distance: Callable[[Moments], float]) -> float:
    """Root mean square of half the differences between the halves of random splits."""
    squares = []
    for i in range(NUM_SPLITS):
        order = torch.randperm(len(features), generator=generator("redrawn", i))
        first, second = order.to(features.device).split(-(-len(order) // 2))
        a, b = (distance(moments(features[half])) for half in (first, second))
        squares.append(((a - b) / 2) ** 2)
    return math.sqrt(statistics.mean(squares))
