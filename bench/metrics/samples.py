"""What the detector says of the samples alone: legibility and variety."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.distances.modes import entropy
from bench.evaluation.view import View
from bench.metrics import NotApplicable, beside_real, metric

CONFIDENT = 0.9
PAIRS = 2_000

MODE_SHARE = 0.1
"""Of the real images of a class, how many samples of it there must be for it to be a mode."""

FEWEST_OF_A_MODE = 2
"""One sample may be a mistake of the classifier."""


@metric("legible")
def legible(view: View) -> dict[str, float]:
    """Share of samples that the detector classifies with probability above 0.9.

    It says that the classifier is sure, not that it is right: of uniform noise it may be 1. That
    samples are among real images ``precision`` says.
    """
    if view.spec.extent:
        raise NotApplicable("the nearest mode of a point is never in doubt: see known_modes")
    return beside_real("legible", _confident, _class_probs(view))


@metric("classes")
def classes(view: View) -> dict[str, float]:
    """Classes covered, exp(entropy of the histogram), with that of real images."""
    return beside_real("classes", classes_covered, _class_probs(view))


@metric("modes")
def modes(view: View) -> dict[str, float]:
    """Number of classes that the samples contain, and the histogram's entropy in nats.

    A class is contained where the detector finds it in a tenth as many samples as real images
    or more, and in at least two: the classifier's mistakes are no mode. The entropy is that of
    the most likely classes, at most log(number of classes).
    """
    fake, real = map(histogram, _class_probs(view))
    return {
        "modes": float(num_modes(fake, real)),
        "modes_real": float(num_modes(real, real)),
        **beside_real("class_entropy", entropy, (fake, real)),
    }


@metric("spread")
def spread(view: View) -> dict[str, float]:
    """Mean feature distance between samples, with that between real images."""
    return beside_real("spread", mean_pair_distance, view.features(view.counts[-1]))


def classes_covered(probs: Tensor) -> float:
    """exp of the entropy of the histogram of most likely classes: 1 to the number of classes."""
    return math.exp(entropy(histogram(probs)))


def histogram(probs: Tensor) -> Tensor:
    """How many images have each class as the most likely one, ``[N, K]`` to int64 ``[K]``."""
    return torch.bincount(probs.argmax(1), minlength=probs.shape[1])


def num_modes(fake: Tensor, real: Tensor) -> int:
    """Classes that samples contain, from counts ``[K]`` of as many samples and real images."""
    least = (MODE_SHARE * real).clamp(min=FEWEST_OF_A_MODE)
    return int((fake >= least).sum())


def mean_pair_distance(features: Tensor) -> float:
    """Mean Euclidean distance over neighbouring pairs of the first 2,000 (they are in random order)."""
    part = features[:PAIRS]
    return float((part - part.roll(1, 0)).norm(dim=1).mean())


def _class_probs(view: View) -> tuple[Tensor, Tensor]:
    """Of samples and of as many real images, ``[N, K]`` each."""
    view.classifier()
    fake, real = view.sides(view.counts[-1])
    return view.probs(fake), view.probs(real)


def _confident(probs: Tensor) -> float:
    return float((probs.max(1).values > CONFIDENT).double().mean())
