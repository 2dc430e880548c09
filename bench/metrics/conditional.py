"""Does a conditional model follow its class, and how good is each class by itself (experiment D)?"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from bench.contracts import Features
from bench.distances.frechet import Moments, frechet_distance, moments
from bench.errors import required
from bench.evaluation.view import View
from bench.images import to_pixels, to_unit
from bench.measures import feature_name, is_enough
from bench.metrics import NotApplicable, beside_real, metric

NUM_NOISES = 50


@metric("class_accuracy", when="validation")
def class_accuracy(view: View) -> dict[str, float]:
    """Share of samples in which the detector sees the class that they were made for.

    One picture for each class reaches 1: read it beside the class distance.
    """
    view.num_classes()
    view.classifier()
    return beside_real("class_accuracy", partial(_accuracy, view), view.sides(view.counts[-1]))


@metric("class_frechet", per_detector=True)
def class_frechet(view: View) -> dict[str, float]:
    """Frechet distance of each class's samples to its held-out images, mean over classes.

    Every class counts the same, with as many images on all sides as the rarest one has; that
    number stands in the name. Train images at the same number are the floor, without which
    the value says little where the number is small (protocol rules 11 and 12).
    """
    classes, detector = view.num_classes(), view.detector().name
    sides = [
        [seen.features[_labels(seen) == label] for label in range(classes)]
        for seen in (
            *view.sides(view.counts[-1]),
            view.real_features("train", min(view.counts[-1], len(view.images("train")))),
        )
    ]
    n, dim = min(len(part) for side in sides for part in side), sides[0][0].shape[1]
    if not is_enough(n, dim):
        raise NotApplicable(
            f"the rarest class has {n} images, too few for {dim} features: use a larger split"
        )
    fake, real, train = ([moments(part[:n]) for part in side] for side in sides)
    name = feature_name("class_fd", detector, n)
    return {name: _mean_distance(fake, real), f"floor_train_{name}": _mean_distance(train, real)}


@metric("class_share")
def class_share(view: View) -> dict[str, float]:
    """Share of the samples' pixel variance that the class makes at one noise; 0 to 1.

    50 noises with every class each, images in [0, 1]; the rest of the variance comes from
    the noise.
    """
    classes = view.num_classes()
    view.latent_dim()
    z = view.fns.latent(view.nets, NUM_NOISES, view.noise("class_share"))
    labels = torch.arange(classes, device=z.device).repeat(NUM_NOISES)
    images = view.fns.decode(view.nets, z.repeat_interleave(classes, 0), labels)
    pixels = (
        to_unit(to_pixels(images, view.spec.top))
        .double()
        .flatten(1)
        .unflatten(0, (NUM_NOISES, classes))
    )
    total = pixels.flatten(0, 1).var(0, correction=0).sum()
    if total == 0:
        raise NotApplicable("all samples are the same image: there is no variance to share out")
    return {"class_share": float(pixels.var(1, correction=0).mean(0).sum() / total)}


def _mean_distance(a: list[Moments], b: list[Moments]) -> float:
    distances = [frechet_distance(*pair) for pair in zip(a, b, strict=True)]
    return sum(distances) / len(distances)


def _accuracy(view: View, seen: Features) -> float:
    return float((view.probs(seen).argmax(1) == _labels(seen)).double().mean())


def _labels(seen: Features) -> Tensor:
    return required(seen.labels, "the images have no classes")
