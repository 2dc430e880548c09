"""Real against real: the distances that no model is expected to beat (protocol rule 12)."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from bench.distances.frechet import frechet_to
from bench.evaluation.view import View
from bench.measures import feature_name, is_enough
from bench.metrics import metric
from bench.runtime import generator

NUM_SUBSETS = 10

To = Callable[[Tensor], float]
"""Features ``[N, d]`` to their distance from a fixed set."""

Spread = tuple[float, float]
"""Mean and standard deviation."""


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
        part = view.real_features(view.split, n).features
        found = view.constant("floor_train", _train_floor, train, part)
        values |= _named(f"floor_train_{name(n)}", found)
    half = len(held) // 2
    if not is_enough(half, dim):
        return values
    found = view.constant("floor_heldout", _heldout_floor, held)
    return values | _named(f"floor_heldout_{name(half)}", found)


def _train_floor(train: Tensor, held: Tensor) -> Tensor:
    return torch.tensor(floor_train(train, len(held), frechet_to(held)), dtype=torch.float64)


def _heldout_floor(held: Tensor) -> Tensor:
    floor = floor_heldout(held, len(held) // 2, frechet_to)
    return torch.tensor(floor, dtype=torch.float64)


def floor_train(train: Tensor, n: int, to: To) -> Spread:
    """Mean and standard deviation of the distances of random subsets of n train images."""
    return mean_and_spread([to(subset(train, n, "floor_train", i)) for i in range(NUM_SUBSETS)])


def floor_heldout(held: Tensor, half: int, distance: Callable[[Tensor], To]) -> Spread:
    """The same of random halves of the held-out images against each other."""
    pairs = (subset(held, 2 * half, "floor_heldout", i).split(half) for i in range(NUM_SUBSETS))
    return mean_and_spread([distance(b)(a) for a, b in pairs])


def subset(features: Tensor, n: int, *purpose: object) -> Tensor:
    """n random rows, nested in n."""
    order = torch.randperm(len(features), generator=generator(*purpose))[:n]
    return features[order.to(features.device)]


def mean_and_spread(distances: Sequence[float]) -> Spread:
    """Mean and standard deviation (N - 1)."""
    return statistics.mean(distances), statistics.stdev(distances)


def _named(name: str, floor: Tensor) -> dict[str, float]:
    return {name: float(floor[0]), f"{name}_sd": float(floor[1])}
