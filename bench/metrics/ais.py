"""log p(x) of any decoder under one observation model, so that VAEs and GANs can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.contracts import Nets, Rng
from bench.errors import required
from bench.evaluation.view import View
from bench.images import dequantise, to_unit
from bench.metrics import metric
from bench.metrics._annealing import Target, find_steps, log_mean_weight, sigmoid_schedule

GROUP = 10
"""Images whose chains move in one batch; their noise comes with the group."""

NUM_PILOTS = 4
"""Chains for each image that find the step sizes."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is spent, and sigma; all but the number of simulated images is in the name."""

    num_images: int = 100
    num_chains: int = 16
    num_temperatures: int = 1_000
    num_simulated: int = 20
    sigma: float = 0.1


@metric("ais", when="request")
def ais(view: View) -> dict[str, float]:
    """log p(x) by annealing, in nats, of any decoder under Gaussian noise, with its gap.

    Wu et al. 2017, arXiv 1611.04273: x = (k + u) / L as in protocol rule 16, and
    p(x|z) = N(x; m, sigma^2 I), where m is what ``decode`` shows in the same units, the middle
    of level k for an image value k / (L - 1). A VAE's own likelihood plays no part, so that the
    number says the same of a VAE and of a GAN; of a conditional model it is log p(x|class).

    sigma is 0.1 for every model and no model's best choice: Wu et al. chose variances from
    0.005 to 0.03 for their decoders of MNIST by validation, and 0.01 among them favours none.

    The value is in the mean a bound from below. ``_gap`` is the mean distance of the bounds
    from above and from below on 20 images that the model makes itself: how much is missing, as
    far as held-out images are like those.
    """
    view.latent_dim()
    return measure(view, Effort())


def measure(view: View, effort: Effort) -> dict[str, float]:
    """The bound from below on held-out images, and the gap on simulated ones."""
    _log_prior(view)
    images, labels = view.subset(view.split, effort.num_images)
    labels = labels if view.fns.conditional else None
    lower, gaps = [], []
    for i, part, classes in _groups(images, labels):
        noise = view.noise("ais", i)
        x = dequantise(to_unit(part), view.spec.levels, noise.uniform(*part.shape))
        lower.append(_Anneal(view, effort, x, classes, noise).from_below()[0])
    for i, part, classes in _groups(images[: effort.num_simulated], labels):
        gaps.append(_gap(view, effort, len(part), classes, view.noise("ais", "simulated", i)))
    given = "_given_class" if view.fns.conditional else ""
    size = f"n{len(images)}_c{effort.num_chains}_t{effort.num_temperatures}"
    name = f"ais_gaussian_sigma{effort.sigma!r}{given}_{size}"
    return {name: float(torch.cat(lower).mean()), f"{name}_gap": float(torch.cat(gaps).mean())}


def _log_prior(view: View) -> Callable[[Nets, Tensor], Tensor]:
    return required(view.fns.prior_log_prob, "the density of the model's prior is not known")


def _groups(images: Tensor, labels: Tensor | None) -> Iterator[tuple[int, Tensor, Tensor | None]]:
    """Number, images and labels of each group."""
    for start in range(0, len(images), GROUP):
        part = slice(start, min(start + GROUP, len(images)))
        yield start // GROUP, images[part], None if labels is None else labels[part]


def _gap(view: View, effort: Effort, n: int, labels: Tensor | None, noise: Rng) -> Tensor:
    """Bound from above less bound from below, ``[n]``, of images drawn from the model."""
    z = view.fns.latent(view.nets, n, noise)
    shown = _in_levels(view.fns.decode(view.nets, z, labels), view.spec.levels)
    x = shown + effort.sigma * noise.normal(*shown.shape)
    anneal = _Anneal(view, effort, x, labels, noise)
    lower, steps = anneal.from_below()
    return anneal.from_above(z, steps) - lower


@dataclass(frozen=True)
class _Anneal:
    """Bounds on log p(x) of a group of images x ``[N, C, H, W]``."""

    view: View
    effort: Effort
    x: Tensor
    labels: Tensor | None
    noise: Rng

    def from_below(self) -> tuple[Tensor, Tensor]:
        """The bound ``[N]``, and the step sizes of its chains."""
        target, b = self.target(), sigmoid_schedule(self.effort.num_temperatures)
        steps = find_steps(target, self.draws(NUM_PILOTS), b, self.noise)
        draws = self.draws(self.effort.num_chains)
        return log_mean_weight(target, draws, b, steps, self.noise), steps

    def from_above(self, z: Tensor, steps: Tensor) -> Tensor:
        """The bound ``[N]``, from z ``[N, D]`` that the images were made of."""
        b = sigmoid_schedule(self.effort.num_temperatures)
        starts = z[:, None].repeat(1, self.effort.num_chains, 1)
        bound: Tensor = -log_mean_weight(
            self.target(), starts, b.flip(0), steps.flip(0), self.noise
        )
        return bound

    def draws(self, num_chains: int) -> Tensor:
        """From the prior, ``[N, num_chains, D]``."""
        n = len(self.x)
        z = self.view.fns.latent(self.view.nets, n * num_chains, self.noise)
        return z.reshape(n, num_chains, -1)

    def target(self) -> Target:
        """The model's prior, and Gaussian noise around what the model shows."""
        view, sigma = self.view, self.effort.sigma
        constant = 0.5 * math.log(2 * math.pi * sigma**2) * math.prod(self.x.shape[1:])

        def log_likelihood(z: Tensor) -> Tensor:
            labels = None if self.labels is None else self.labels.repeat_interleave(z.shape[1])
            images = view.fns.decode(view.nets, z.flatten(0, 1), labels)
            shown = _in_levels(images, view.spec.levels).unflatten(0, z.shape[:2])
            squares = (self.x[:, None] - shown).square().flatten(2).sum(2)
            log_density: Tensor = -0.5 * squares / sigma**2 - constant
            return log_density

        log_prior = _log_prior(view)
        return Target(lambda z: log_prior(view.nets, z), log_likelihood)


def _in_levels(images: Tensor, levels: int) -> Tensor:
    """Image values k / (L - 1) to the middle of their level, (k + 1/2) / L."""
    return (images * (levels - 1) + 0.5) / levels
