"""Real against real: the distances that no model is expected to beat (protocol rule 12)."""

from __future__ import annotations

import statistics
from functools import partial

import torch
from torch import Tensor

from bench.distances.gaussians import frechet_distance, moments
from bench.evaluation.view import View
from bench.measures import feature_name, is_enough
from bench.metrics import metric
from bench.runtime import generator

NUM_SUBSETS = 10


@metric("floors", per_detector=True)
def floors(view: View) -> dict[str, float]:
    """Distance of train images, and of held-out halves, to the held-out split; ten subsets."""
    name = partial(feature_name, "fd", view.detector().name)
    if not view.with_floors:
        return {}
    train = view.real_features("train", len(view.images("train"))).features
    held = view.real_features(view.split, len(view.images(view.split))).features
    dim = held.shape[1]
    values: dict[str, float] = {}
    for n in (n for n in sorted(set(view.counts)) if is_enough(n, dim) and n < len(train)):
        target = moments(view.real_features(view.split, n).features)
        drawn = [_subset(train, n, "floor_train", i) for i in range(NUM_SUBSETS)]
        distances = [frechet_distance(moments(part), target) for part in drawn]
        values |= _mean_and_spread(f"floor_train_{name(n)}", distances)
    half = len(held) // 2
    if not is_enough(half, dim):
        return values
    halves = [_subset(held, 2 * half, "floor_heldout", i).split(half) for i in range(NUM_SUBSETS)]
    distances = [frechet_distance(moments(a), moments(b)) for a, b in halves]
    return values | _mean_and_spread(f"floor_heldout_{name(half)}", distances)


def _subset(features: Tensor, n: int, *purpose: object) -> Tensor:
    order = torch.randperm(len(features), generator=generator(*purpose))[:n]
    return features[order.to(features.device)]


def _mean_and_spread(name: str, distances: list[float]) -> dict[str, float]:
    return {name: statistics.mean(distances), f"{name}_sd": statistics.stdev(distances)}
