"""Real against real: the distances that no model is expected to beat (protocol rule 12)."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from bench.contracts import View
from bench.gaussians import frechet_distance, moments
from bench.metrics import metric
from bench.runtime import generator

NUM_SUBSETS = 10


@metric("floors", needs=("detector", "floors"))
def floors(view: View) -> dict[str, float]:
    """Distance of train images, and of held-out halves, to the held-out split; ten subsets."""
    train = view.real("train", len(view.images("train"))).features
    held = view.real(view.split, len(view.images(view.split))).features
    name = f"fd_{view.detector_name}"
    values: dict[str, float] = {}
    for n in (n for n in sorted(set(view.counts)) if n > held.shape[1]):
        target = moments(view.real(view.split, n).features)
        drawn = [_subset(train, n, "floor_train", i) for i in range(NUM_SUBSETS)]
        distances = [frechet_distance(moments(part), target) for part in drawn]
        values |= _mean_and_spread(f"floor_train_{name}_n{n}", distances)
    half = len(held) // 2
    if half <= held.shape[1]:
        return values
    halves = [_subset(held, 2 * half, "floor_heldout", i).split(half) for i in range(NUM_SUBSETS)]
    distances = [frechet_distance(moments(a), moments(b)) for a, b in halves]
    return values | _mean_and_spread(f"floor_heldout_{name}_n{half}", distances)


def _subset(features: Tensor, n: int, *purpose: object) -> Tensor:
    order = torch.randperm(len(features), generator=generator(*purpose))[:n]
    return features[order.to(features.device)]


def _mean_and_spread(name: str, distances: list[float]) -> dict[str, float]:
    return {name: statistics.mean(distances), f"{name}_sd": statistics.stdev(distances)}
