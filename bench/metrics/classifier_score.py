"""Classifier score: ``classifier_score_<detector>_n<count>``; Inception's is the Inception score."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import beside_real, metric


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
