"""Samples beside the held-out split in a detector's features, at equal counts.

Named as ``fd_<detector>_n<count>``; through Inception they are ``fid_n<count>``, ``kid_n<count>``
and the Inception score.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from bench.distances.frechet import frechet_distance, moments
from bench.distances.kernel import FEWEST
from bench.distances.pairs import K
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import beside_real, metric
from bench.metrics._pairs import pairs


@metric("frechet", when="validation", per_detector=True)
def frechet(view: View) -> dict[str, float]:
    """Frechet distance of samples to the held-out split, at equal counts; lower is better.

    Heusel et al. 2017, arXiv 1706.08500, eq. 6. As many images as features or fewer are
    refused; what ``measures.is_coarse`` says of n and the features is to be shown beside it.
    """
    detector = view.detector().name
    dim = view.real_features(view.split, 1).features.shape[1]
    why = f" for {dim} features: use a smaller detector, or read the kernel distance (kd)"
    counts = view.counts_from(dim + 1, why)
    return {
        feature_name("fd", detector, n): frechet_distance(*map(moments, view.features(n)))
        for n in counts
    }


@metric("kernel", per_detector=True)
def kernel(view: View) -> dict[str, float]:
    """Unbiased kernel distance of samples to the held-out split, cubic kernel; lower is better.

    Binkowski et al. 2018, arXiv 1801.01401, section 4, over all n images of both sides and not
    over subsets of 1,000; it needs no more images than features. Around 0 it falls below 0 by
    chance and is not clipped. ``_se`` is its standard error over draws of both sides.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in view.counts_from(FEWEST, f", {FEWEST} are the fewest"):
        values |= pairs(view, n).kernel_distance().named(feature_name("kd", detector, n))
    return values


@metric("overlap", per_detector=True)
def precision_recall(view: View) -> dict[str, float]:
    """Precision, recall, density and coverage of samples and held-out split, 5 neighbours.

    Kynkaanniemi et al. 2019, arXiv 1904.06991, eq. 1 and 2; Naeem et al. 2020, arXiv
    2002.09797, eq. 3 and 4; at equal counts. All but density end at 1; higher is better.
    """
    detector = view.detector().name
    return {
        feature_name(name, detector, n): value
        for n in view.counts_from(K + 1, f" for {K} neighbours of each")
        for name, value in asdict(pairs(view, n).overlap()).items()
    }


@metric("classifier_score", per_detector=True)
def classifier_score(view: View) -> dict[str, float]:
    """exp of mean KL(p(y|x) || p(y)), with that of real images: 1 to the number of classes.

    Salimans et al. 2016, arXiv 1606.03498, section 4, of all n samples at once and not of ten
    parts. It rewards sure and varied answers of the classifier, never compares samples with
    real images, and grows with n. One image for each class reaches the top.
    """
    detector = view.detector().name
    values: dict[str, float] = {}
    for n in sorted(set(view.counts)):
        name = feature_name("classifier_score", detector, n)
        values |= beside_real(name, lambda seen: score(view.probs(seen)), view.sides(n))
    return values


def score(probs: Tensor) -> float:
    """exp of the mean over images of KL(p(y|x) || p(y)), of ``[N, K]``; 0 log 0 is 0.

    The mean KL is H(p(y)) less the mean of H(p(y|x)).
    """
    marginal = torch.special.entr(probs.mean(0)).sum()
    return float((marginal - torch.special.entr(probs).sum(1).mean()).exp())
