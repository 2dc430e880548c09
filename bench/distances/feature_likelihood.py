"""Feature likelihood divergence: held-out images under a mixture of Gaussians around the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from bench.distances.neighbours import near

BATCH = 10_000
"""Training images of a step of the fit."""

EPOCHS = 50
LR = 0.5
BETAS = (0.9, 0.999)
EPSILON = 1e-8

SMALLEST = 1e-3
"""Added to the squared distance from which a variance starts."""

SHRINK = 0.9**2
"""Of squared distances to the mean of the training images, where a wide Gaussian stands."""

SETTLED = 5e-4
"""The loss of an epoch is so near to those of the four before: the fit ends."""

LOGARITHMS = (-40.0, 40.0)
"""Of variances: those of copies would fall for ever."""


class FeatureLikelihood(NamedTuple):
    """In hundredths of a nat for each feature.

    Attributes:
        divergence: Of held-out images, less what training images in the place of samples have; lower
            is better, 0 for other real images.
        gap: Negative log-likelihood of training images less that of held-out ones: about 0 for other
            real images, far below where samples are copies of training images.
    """

    divergence: float
    gap: float


def feature_likelihood(
    real: Tensor, fake: Tensor, train: Tensor, ideal: float | None = None
) -> FeatureLikelihood:
    """FLD of samples with its gap between training and held-out images.

    Jiralerspong et al. 2023, arXiv 2302.04440, by the steps of their code: a mixture of
    equally likely Gaussians around the samples, in features of mean 0 and standard deviation 1 over
    held-out images, whose variances make training images likely (``fitted_logs``). They take what is
    random there (which training images are samples, which come first) at random, we in order.

    Args:
        real: Held-out images ``[n, d]``.
        fake: Samples ``[m, d]``.
        train: Training images ``[l, d]``.
        ideal: ``ideal_nll`` of as many samples, where it is known.
    """
    scaled, centres, seen = (_scaled(points, real) for points in (real, fake, train))
    logs = fitted_logs(centres, seen)
    of_held, of_train = (nll(points, centres, logs) for points in (scaled, seen))
    ideal = ideal_nll(real, train, len(fake)) if ideal is None else ideal
    return FeatureLikelihood(100 * (of_held - ideal), 100 * (of_train - of_held))


def ideal_nll(real: Tensor, train: Tensor, m: int) -> float:
    """That of held-out images with m training images, or half of them, as samples, fitted to the others."""
    real, train = _scaled(real, real), _scaled(train, real)
    centres, others = train[: min(m, len(train) // 2)], train[min(m, len(train) // 2) :]
    return nll(real, centres, fitted_logs(centres, others))


def nll(points: Tensor, centres: Tensor, logs: Tensor) -> float:
    """Mean negative log-likelihood of points ``[n, d]`` under the mixture, nats for each feature.

    ``logs`` are the logarithms of the variances around centres ``[m, d]``, ``[m]``.
    """
    total = sum(float(terms.logsumexp(1).sum()) for *_, terms in _terms(points, centres, logs))
    return -total / points.numel()


def fitted_logs(centres: Tensor, points: Tensor) -> Tensor:
    """Logarithms of variances ``[m]`` around centres ``[m, d]`` that make points ``[n, d]`` likely.

    By Adam from the squared distance to the nearest point over d on, for 50 epochs of batches of
    10,000 at most: what comes out is where it stops, and no maximum. While it runs, one more
    Gaussian around the mean of the points, of weight 1, takes in those far from every centre.
    """
    nearest = torch.cat([squares.amin(1) for _, squares in near(centres, points)])
    logs = torch.cat([((nearest + SMALLEST) / points.shape[1]).log(), nearest.new_zeros(1)])
    wide = SHRINK * (points - points.mean(0)).square().sum(1)
    averages, moves, losses = logs.new_zeros(2, len(logs)), count(1), list[float]()
    for _ in range(EPOCHS):
        steps = []
        for part, far in zip(points.split(BATCH), wide.split(BATCH), strict=True):
            loss, slope = _loss_and_slope(part, far, centres, logs)
            logs -= _adam(slope, averages, next(moves))
            logs[:-1].clamp_(*LOGARITHMS)
            steps.append(loss)
        losses.append(sum(steps) / len(steps))
        if len(losses) > 6 and max(abs(losses[-1] - loss) for loss in losses[-5:]) < SETTLED:
            break
    return logs[:-1]


def _adam(slope: Tensor, averages: Tensor, t: int) -> Tensor:
    """What move t of Adam takes away (Kingma and Ba 2015, arXiv 1412.6980); ``averages`` ``[2, m]`` go on."""
    averages[0].lerp_(slope, 1 - BETAS[0])
    averages[1].lerp_(slope.square(), 1 - BETAS[1])
    first, second = averages[0] / (1 - BETAS[0] ** t), averages[1] / (1 - BETAS[1] ** t)
    return LR * first / (second.sqrt() + EPSILON)


def _loss_and_slope(
    points: Tensor, wide: Tensor, centres: Tensor, logs: Tensor
) -> tuple[float, Tensor]:
    """The loss, nats for each feature, and its derivatives by all logarithms, ``[m + 1]``.

    d log p(x_i) / d log v_j = r_ij (|x_i - c_j|^2 / v_j - d) / 2, where r_ij is the share of
    Gaussian j in p(x_i). ``wide`` are squared distances to the middle of the last one, ``[n]``.
    """
    dim, scale = points.shape[1], logs.exp()
    mass, pull, total = torch.zeros_like(logs), torch.zeros_like(logs), 0.0
    for rows, squares, terms in _terms(points, centres, logs[:-1]):
        last = _log_density(wide[rows], logs[-1], dim)
        top = torch.maximum(terms.amax(1), last)
        parts, rest = terms.sub_(top[:, None]).exp_(), (last - top).exp()
        whole = parts.sum(1) + rest
        total += float((top + whole.log()).sum())
        mass[:-1] += (1 / whole) @ parts
        mass[-1] += (rest / whole).sum()
        pull[:-1] += (1 / whole) @ parts.mul_(squares)
        pull[-1] += (rest / whole) @ wide[rows]
    return -total / points.numel(), (dim * mass - pull / scale) / (2 * points.numel())


def _terms(points: Tensor, centres: Tensor, logs: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Rows in chunks, squared distances, and log p of each Gaussian with its weight, ``[n, m]``."""
    for rows, squares in near(points, centres):
        terms = _log_density(squares, logs, points.shape[1])
        yield rows, squares, terms.sub_(math.log(len(centres)))


def _log_density(squares: Tensor, logs: Tensor, dim: int) -> Tensor:
    """log N(x; c, v I) from |x - c|^2 and log v."""
    return squares * (-0.5 / logs.exp()) - 0.5 * dim * (logs + math.log(2 * math.pi))


def _scaled(points: Tensor, real: Tensor) -> Tensor:
    sd = real.double().std(0)
    return (points.double() - real.double().mean(0)) / torch.where(sd > 0, sd, 1)
