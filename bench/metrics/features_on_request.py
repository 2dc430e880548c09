"""Further measures of samples beside held-out images in a detector's features, on request."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from bench.distances.authenticity import authenticity, to_nearest_other
from bench.distances.birthday import DUPLICATES, birthday_support
from bench.distances.clipped import clipped
from bench.distances.feature_likelihood import feature_likelihood, ideal_nll
from bench.distances.mass import CELLS, FEWEST_OF_A_CELL, mass_test
from bench.distances.pairs import K
from bench.distances.two_samples import FEWEST, classifier_bound
from bench.distances.vendi import vendi_score
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import NotApplicable, beside_real, metric

MOST_TRAINING = 50_000
"""Training images that samples are held against, of a larger split a random part."""

MOST_CENTRES = 5_000
"""Samples of the feature likelihood, which is fitted to twice as many training images."""


@metric("clipped_overlap", when="request", per_detector=True)
def clipped_overlap(view: View) -> dict[str, float]:
    """Clipped density and coverage, 5 neighbours: shares of good samples and of what they cover.

    Salvy et al. 2025, arXiv 2507.01761; at equal counts, 0 to 1, higher is better. An outlier
    among the real images, or a sample in many balls, counts no more than any other.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in view.counts_from(K + 1, f" for {K} neighbours of each"):
        fake, real = view.features(n)
        for name, value in clipped(real, fake)._asdict().items():
            values[feature_name(f"clipped_{name}", detector, n)] = value
    return values


@metric("vendi", when="request", per_detector=True)
def vendi(view: View) -> dict[str, float]:
    """Vendi score of the samples, with that of real images: how many different ones there are.

    Friedman and Dieng 2022, arXiv 2210.02410, of the cosines of features: 1 to the number of
    features. It says nothing of quality: noise may have more than real images.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in sorted(set(view.counts)):
        values |= beside_real(feature_name("vendi", detector, n), vendi_score, view.features(n))
    return values


@metric("authenticity", when="request", per_detector=True)
def authentic(view: View) -> dict[str, float]:
    """Share of samples farther from their nearest training image than that is from others.

    Alaa et al. 2022, arXiv 2102.08921, against at most 50,000 training images, beside that of held-out
    images, which is what to expect: copies have 0, noise has 1.
    """
    n = view.counts[-1]
    train = view.real_features("train", min(len(view.images("train")), MOST_TRAINING)).features
    apart = view.constant("to_nearest_other", to_nearest_other, train)
    name = feature_name("authenticity", view.detector().name, n)
    return beside_real(name, partial(authenticity, train=train, apart=apart), view.features(n))


@metric("feature_likelihood", when="request", per_detector=True)
def likelihood_divergence(view: View) -> dict[str, float]:
    """Feature likelihood divergence (FLD), lower is better, and its gap, far below 0 for copies.

    Jiralerspong et al. 2023, arXiv 2302.04440, in hundredths of a nat for each feature, about 0 for
    other real images. Of n samples, at most 5,000, fitted to 2n training images: copies of others
    are not seen, so that of a large training split the gap sees a part of them.
    """
    n = min(view.counts[-1], MOST_CENTRES)
    fake, real = view.generated_features(n).features, view.features(view.counts[-1])[1]
    train = view.real_features("train", 2 * n).features

    def ideal(real: Tensor, train: Tensor) -> Tensor:
        return torch.tensor(ideal_nll(real, train, n), dtype=torch.float64)

    known = float(view.constant(f"feature likelihood of {n}", ideal, real, train))
    found = feature_likelihood(real, fake, train, known)
    name = feature_name("fld", view.detector().name, n)
    return {name: found.divergence, f"{name}_gap": found.gap}


@metric("classifier_bound", when="request", per_detector=True)
def js_bound(view: View) -> dict[str, float]:
    """Lower bound on the Jensen-Shannon distance of samples and held-out images, with its interval.

    Krimmel et al. 2025, arXiv 2510.06122, 0 to 1, lower is better: logistic regression or nearest
    neighbours, chosen and fitted on one half of both, scored on the other; what a better classifier
    would see beyond is not in it.
    """
    n = view.counts_from(FEWEST, f", {FEWEST} are the fewest")[-1]
    fake, real = view.features(n)
    found = classifier_bound(real, fake)
    name = feature_name("js_bound", view.detector().name, n)
    return {name: found.distance, f"{name}_low": found.low, f"{name}_high": found.high}


@metric("mass_test", when="request", per_detector=True)
def pqmass(view: View) -> dict[str, float]:
    """p that samples and held-out images have one law (PQMass), and chi^2 over its freedom.

    Lemos et al. 2024, arXiv 2402.04355, 100 cells, 20 times; chi^2 is lower for nearer ones and about
    1 where nothing differs, and ranks samples where every p is 0.
    """
    fewest = math.ceil(CELLS * FEWEST_OF_A_CELL / 2)
    n = view.counts_from(fewest, f", {fewest} are the fewest")[-1]
    (fake, real), detector = view.features(n), view.detector().name
    found = mass_test(real, fake)._asdict()
    return {feature_name(f"pqm_{name}", detector, n): value for name, value in found.items()}


@metric("birthday", when="request", per_detector=True)
def birthday(view: View) -> dict[str, float]:
    """Support that duplicates among the samples speak for, with that of real images.

    Arora and Zhang 2017, arXiv 1706.08224; duplicates are as near as the ten nearest pairs of as many
    held-out images, whose value is by this the largest that n can tell.
    """
    n = view.counts_from(DUPLICATES, f", {DUPLICATES} are the fewest")[-1]
    fake, real = view.features(n)
    values = beside_real(
        feature_name("birthday_support", view.detector().name, n),
        partial(birthday_support, real),
        (fake, real),
    )
    if math.inf in values.values():
        raise NotApplicable(
            f"no two of {n} samples are as near as the {DUPLICATES} nearest pairs of real images: "
            "their support is larger than can be told"
        )
    return values
