"""Samples beside the modes or the density that the data are drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from bench.distances.modes import entropy, log_density, nearest_mode
from bench.distances.wasserstein import sliced_wasserstein
from bench.evaluation.view import View
from bench.measures import feature_name
from bench.metrics import beside_real, metric

PERFECT = 2_026
"""Seed of the points that stand for a perfect generator."""

GOOD_WITHIN = 3.0
"""Standard deviations from the nearest mean within which a point is good: 98.9 % of true ones."""


@metric("sliced_wasserstein", when="validation")
def sliced_wasserstein_distance(view: View) -> dict[str, float]:
    """Sliced Wasserstein-2 distance of points to held-out ones, with that of true ones; lower is better.

    Bonneel et al. 2015 (Sliced and Radon Wasserstein barycenters of measures): the root of the mean of W_2^2 along 128
    directions, equally spaced, at equal counts, in the plane's unit.
    """
    found: dict[str, float] = {}
    for n in view.counts:
        true, (fake, held) = _true_points(view, n), view.features(n)
        to_held = partial(sliced_wasserstein, held)
        found |= beside_real(feature_name("sw", view.detector().name, n), to_held, (fake, true))
    return found


@metric("known_modes", when="validation")
def known_modes(view: View) -> dict[str, float]:
    """Modes covered, KL and JS divergence of the mode histogram, good points, with those of true samples.

    After Srivastava et al. 2017 (arXiv 1705.07761) and Lin et al. 2018 (arXiv 1712.04086): good is
    a point within three standard deviations of a mean; a mode is covered by one good point among
    the n; the divergences, in nats, are of the histogram of the nearest mode of every point, of KL
    from the histogram to the equal shares of the truth. Those of as many points drawn from the
    truth are no 0: about (K - 1) / 2n for KL.

    A stack of K images is of the mode that the classifier of its channels says, whatever it looks
    like: none is good or not, and one covers its mode. Held-out stacks stand for the truth; their
    shares are those of the classes of their channels, which the data set has not equally often.
    """
    n = view.counts[-1]
    sides = _stacks_by_mode(view, n) if view.is_stacked else _points_by_mode(view, n)
    of: dict[str, Callable[[ByMode], float]] = {
        **({} if view.is_stacked else {"good": lambda side: int(side.good.sum()) / n}),
        "covered": lambda side: int((side.good > 0).sum()),
        "mode_kl": lambda side: mode_kl(side.all),
        "mode_js": lambda side: mode_js(side.all),
    }
    found: dict[str, float] = {}
    for name, value in of.items():
        found |= beside_real(f"{name}_n{n}", value, sides)
    return found


@metric("cross_entropy")
def cross_entropy(view: View) -> dict[str, float]:
    """-E log p(x) of samples under the true density, nats, with that of points drawn from it.

    Below that of true points it is as wrong as above: one repeated mean has the lowest.
    """
    n = view.counts[-1]
    means, sd = _modes(view)
    return beside_real(
        f"cross_entropy_n{n}",
        lambda points: -float(log_density(points, means, sd).mean()),
        (view.features(n)[0], _true_points(view, n)),
    )


def mode_kl(counts: Tensor) -> float:
    """KL(histogram of modes || equal shares) of counts ``[K]``, nats: log K less the entropy."""
    return math.log(len(counts)) - entropy(counts)


def mode_js(counts: Tensor) -> float:
    """Jensen-Shannon divergence of the histogram of modes ``[K]`` to equal shares, nats."""
    shares = counts.double() / counts.sum()
    equal = torch.full_like(shares, 1 / len(shares))
    middle = (shares + equal) / 2
    halves = [torch.special.entr(p).sum() for p in (shares, equal)]
    return float(torch.special.entr(middle).sum() - sum(halves) / 2)


def _modes(view: View) -> tuple[Tensor, float]:
    """Means ``[K, 2]`` and the standard deviation of the truth."""
    truth = view.truth()
    return torch.tensor(truth.means, dtype=torch.float64, device=view.reference.device), truth.sd


def _true_points(view: View, n: int) -> Tensor:
    """n points ``[n, 2]`` of the truth that are in no split: what a perfect generator would give."""
    points, _ = view.truth().draw(n, seed=PERFECT)
    return torch.from_numpy(points).to(view.reference.device)


class ByMode(NamedTuple):
    """How many samples each mode has, int64 ``[K]``: all of them, and good ones."""

    all: Tensor
    good: Tensor


def _stacks_by_mode(view: View, n: int) -> tuple[ByMode, ByMode]:
    """Samples and held-out stacks by the classes of their channels."""
    view.classifier()
    probs = [view.probs(side) for side in view.sides(n)]
    fake, real = (torch.bincount(p.argmax(1), minlength=p.shape[1]) for p in probs)
    return ByMode(fake, fake), ByMode(real, real)


def _points_by_mode(view: View, n: int) -> tuple[ByMode, ByMode]:
    """Samples and points of the truth by the nearest mean."""
    means, sd = _modes(view)
    fake, true = view.features(n)[0], _true_points(view, n)
    return _by_mode(fake, means, sd), _by_mode(true, means, sd)


def _by_mode(points: Tensor, means: Tensor, sd: float) -> ByMode:
    mode, distance = nearest_mode(points, means)
    good = mode[distance < GOOD_WITHIN * sd]
    return ByMode(*(torch.bincount(each, minlength=len(means)) for each in (mode, good)))
