"""A lower bound on how far two distributions are apart, from a classifier that tells samples of both apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from bench.distances.neighbours import near, smallest

FOLDS = 4
NEIGHBOURS = 20
Z95 = 1.959964

FEWEST = math.ceil(2 * NEIGHBOURS * FOLDS / (FOLDS - 1))
"""Points of each set: what a fold is judged by has as many of each as there are neighbours."""

STEPS = 50
"""Newton's, of which a penalised likelihood needs ten."""

Classifier = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Points ``[n, d]``, 1 for real and 0 for fake ``[n]``, other points ``[m, d]``: P(real) of those ``[m]``."""


class Bound(NamedTuple):
    """A bound on the Jensen-Shannon distance, 0 to 1, its 95 % interval, and the classifier behind it."""

    distance: float
    low: float
    high: float
    classifier: str


def classifier_bound(real: Tensor, fake: Tensor) -> Bound:
    """Lower bound on the Jensen-Shannon distance of two laws, from n features ``[n, d]`` of each.

    Krimmel et al. 2025, arXiv 2510.06122 (PolyGraph discrepancy): a classifier is chosen by
    cross-validation on the first half of both sets, fitted there and scored on the other half, all in
    features of mean 0 and standard deviation 1 of the first half. For any P(real) the mean of
    1 + (log2 P(real | real image) + log2 P(fake | sample)) / 2 is at most the Jensen-Shannon divergence in bits,
    whose root is the distance: 0 where nothing is told apart, 1 where everything is surely. The
    interval is normal, of the scored half with the classifier as it is. Candidates are
    logistic regression and k nearest neighbours; theirs is a network of weights we do not have.

    Order must be random; of the larger set the first n count.

    Raises:
        ValueError: Too few points for the neighbours of a fold.
    """
    n = min(len(real), len(fake))
    if n < FEWEST:
        raise ValueError(f"needs {FEWEST} points of each, got {n}")
    first, second = (
        [points[:n].double()[part] for points in (real, fake)]
        for part in (slice(n // 2), slice(n // 2, n))
    )
    mean, sd = torch.cat(first).mean(0), torch.cat(first).std(0)
    sd = torch.where(sd > 0, sd, 1)
    first, second = ([(points - mean) / sd for points in half] for half in (first, second))
    chosen = max(CLASSIFIERS, key=lambda name: _cross_validated(CLASSIFIERS[name], *first))
    gains = _gains(CLASSIFIERS[chosen], first, second)
    bits = 1 + sum(float(each.mean()) for each in gains) / 2
    error = math.sqrt(sum(float(each.var()) / len(each) for each in gains)) / 2
    low, high = (distance_of(bits + sign * Z95 * error) for sign in (-1, 1))
    return Bound(distance_of(bits), low, high, chosen)


def distance_of(bits: float) -> float:
    """The Jensen-Shannon distance of a divergence in bits; an estimate beyond 0 or 1 is cut."""
    return math.sqrt(min(max(bits, 0.0), 1.0))


def logistic(points: Tensor, is_real: Tensor, others: Tensor) -> Tensor:
    """P(real) by logistic regression, penalised by |w|^2 / 2 but for the intercept; by Newton's method."""
    design = torch.cat([points, points.new_ones(len(points), 1)], 1)
    penalty = design.new_ones(design.shape[1])
    penalty[-1] = 0
    w = torch.zeros_like(penalty)

    def objective(w: Tensor) -> Tensor:
        logits = design @ w
        likelihood = (torch.nn.functional.softplus(logits) - is_real * logits).sum()
        return likelihood + (penalty * w**2).sum() / 2

    for _ in range(STEPS):
        p = torch.sigmoid(design @ w)
        slope = design.T @ (p - is_real) + penalty * w
        curvature = (design.T * (p * (1 - p))) @ design + torch.diag(penalty)
        step = torch.linalg.solve(curvature, slope)
        gain, size = slope @ step, 1.0
        while objective(w - size * step) > objective(w) - 1e-4 * size * gain and size > 1e-6:
            size /= 2
        w = w - size * step
        if gain < 1e-16 * len(points):
            break
    return torch.sigmoid(others @ w[:-1] + w[-1])


def neighbours(points: Tensor, is_real: Tensor, others: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """P(real) by the k nearest points, of which r are real: (r + 1) / (k + 2), never sure."""
    which = torch.cat([smallest(squares, k)[1] for _, squares in near(others, points)])
    return (is_real[which].sum(1) + 1) / (k + 2)


CLASSIFIERS: dict[str, Classifier] = {"logistic": logistic, "neighbours": neighbours}


def _cross_validated(classifier: Classifier, real: Tensor, fake: Tensor) -> float:
    """Mean bound over the folds."""
    fold = torch.arange(len(real), device=real.device) % FOLDS
    found = [
        _gains(
            classifier, [s[fold != i] for s in (real, fake)], [s[fold == i] for s in (real, fake)]
        )
        for i in range(FOLDS)
    ]
    return sum(distance_of(1 + sum(float(g.mean()) for g in gains) / 2) for gains in found) / FOLDS


def _gains(
    classifier: Classifier, fitted: list[Tensor], scored: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """log2 of the probability of what each scored point is, of real ones and of fakes."""
    real, fake = fitted
    is_real = torch.cat([real.new_ones(len(real)), real.new_zeros(len(fake))])
    p = classifier(torch.cat(fitted), is_real, torch.cat(scored))
    of_real, of_fake = p[: len(scored[0])], 1 - p[len(scored[0]) :]
    least = torch.finfo(p.dtype).tiny
    return of_real.clamp(min=least).log2(), of_fake.clamp(min=least).log2()
