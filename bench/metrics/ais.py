"""log p(x) of any decoder under one observation model, so that VAEs and GANs can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.contracts import Nets, Rng
from bench.errors import NotApplicable, required
from bench.evaluation.view import View
from bench.images import dequantise, level_middles, to_unit
from bench.metrics import metric
from bench.metrics._annealing import Target, anneal, find_steps, log_mean_weight, sigmoid_schedule

GROUP = 10
"""Images whose chains move in one batch; their noise comes with the group."""

NUM_PILOTS = 4
"""Chains for each image that find the step sizes."""


FITS = 3
"""Times that sigma is fitted anew to where the chains end at the one before."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is spent, and sigma; all but the number of simulated images is in the name."""

    num_images: int = 100
    num_chains: int = 16
    num_temperatures: int = 1_000
    num_simulated: int = 20
    sigma: float = 0.1


FITTING = Effort(num_chains=4, num_temperatures=200)
"""What a choice of sigma is worth on validation, for each of its fits."""


@metric("ais", when="request")
def ais(view: View) -> dict[str, float]:
    """log p(x) by annealing, in nats, of any decoder under Gaussian noise, with its gap.

    Wu et al. 2017, arXiv 1611.04273: x = (k + u) / L as in protocol rule 16, and
    p(x|z) = N(x; m, sigma^2 I), where m is what ``decode`` shows in the same units, the middle
    of level k for an image value k / (L - 1). A VAE's own likelihood plays no part, so that the
    number says the same of a VAE and of a GAN; of a conditional model it is log p(x|class).

    sigma is each model's best one on validation, as theirs were, and is told as ``ais_sigma``; a
    validation split that chose it has no value of its own. ``eval.ais_sigma`` fixes one for all.
    100 images are measured, or ``eval.likelihood_images`` where those are fewer.

    The value is in the mean a bound from below. ``_gap`` is the mean distance of the bounds
    from above and from below on 20 images that the model makes itself: how much is missing, as
    far as held-out images are like those.
    """
    view.latent_dim()
    _log_prior(view)
    effort = Effort(num_images=min(100, view.likelihood_images))
    if view.ais_sigma != "val":
        return measure(view, replace(effort, sigma=float(view.ais_sigma)))
    if view.split == "val":
        raise NotApplicable("its sigma is chosen on validation, which has no value of its own")
    sigma = best_sigma(view, replace(FITTING, num_images=effort.num_images))
    return measure(view, replace(effort, sigma=sigma), "best_sigma") | {"ais_sigma": sigma}


def measure(view: View, effort: Effort, said: str = "") -> dict[str, float]:
    """The bound from below on held-out images, and the gap on simulated ones.

    ``said`` stands for a sigma that is not the same for every model.
    """
    images, labels = _held_out(view, view.split, effort.num_images)
    lower, gaps = [], []
    for i, part, classes in _groups(images, labels):
        noise = view.noise("ais", i)
        x = dequantise(to_unit(part), view.spec.levels, noise.uniform(*part.shape))
        lower.append(_Anneal(view, effort, x, classes, noise).from_below()[0])
    for i, part, classes in _groups(images[: effort.num_simulated], labels):
        noise = view.noise("ais", "simulated", i)
        gaps.append(_gap(view, effort, len(part), classes, noise))
    given = "_given_class" if view.fns.conditional else ""
    size = f"n{len(images)}_c{effort.num_chains}_t{effort.num_temperatures}"
    name = f"ais_gaussian_{said or f'sigma{effort.sigma!r}'}{given}_{size}"
    return {name: float(torch.cat(lower).mean()), f"{name}_gap": float(torch.cat(gaps).mean())}


def best_sigma(view: View, effort: Effort) -> float:
    """The sigma under which validation images are most probable, by expectation-maximisation.

    At the best one sigma^2 is the mean of (x - m)^2 under p(z|x), which chains tell that were
    annealed at the sigma before; the first is the effort's. With d latents and D pixels, each
    fit leaves about d / D of an error.
    """
    images, labels = _held_out(view, "val", effort.num_images)
    for fit in range(FITS):
        squares = []
        for i, part, classes in _groups(images, labels):
            noise = view.noise("ais", "sigma", fit, i)
            x = dequantise(to_unit(part), view.spec.levels, noise.uniform(*part.shape))
            squares.append(_Anneal(view, effort, x, classes, noise).squares())
        effort = replace(effort, sigma=math.sqrt(float(torch.cat(squares).mean())))
    return effort.sigma


def _held_out(view: View, split: str, n: int) -> tuple[Tensor, Tensor | None]:
    """Images, and the classes that a conditional model is to make them of."""
    images, labels = view.subset(split, n)
    return images, labels if view.fns.conditional else None


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
    shown = level_middles(view.fns.decode(view.nets, z, labels), view.spec.levels)
    x = shown + effort.sigma * noise.normal(*shown.shape)
    chains = _Anneal(view, effort, x, labels, noise)
    lower, steps = chains.from_below()
    return chains.from_above(z, steps) - lower


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
        target, b = self.target(), self.rising()
        steps, draws = self.steps(), self.draws(self.effort.num_chains)
        return log_mean_weight(target, draws, b, steps, self.noise), steps

    def from_above(self, z: Tensor, steps: Tensor) -> Tensor:
        """The bound ``[N]``, from z ``[N, D]`` that the images were made of."""
        b = self.rising()
        starts = z[:, None].repeat(1, self.effort.num_chains, 1)
        bound: Tensor = -log_mean_weight(
            self.target(), starts, b.flip(0), steps.flip(0), self.noise
        )
        return bound

    def squares(self) -> Tensor:
        """Mean of (x - m)^2 under p(z|x) by the weights of the chains, over pixels, ``[N]``."""
        steps, draws = self.steps(), self.draws(self.effort.num_chains)
        log_weight, z = anneal(self.target(), draws, self.rising(), steps, self.noise)
        return (log_weight.softmax(1) * self.errors(z).double()).sum(1) / math.prod(
            self.x.shape[1:]
        )

    def rising(self) -> Tensor:
        """The temperatures from 0 to 1."""
        return sigmoid_schedule(self.effort.num_temperatures)

    def steps(self) -> Tensor:
        """Step sizes by chains of their own."""
        return find_steps(self.target(), self.draws(NUM_PILOTS), self.rising(), self.noise)

    def draws(self, num_chains: int) -> Tensor:
        """From the prior, ``[N, num_chains, D]``."""
        n = len(self.x)
        z = self.view.fns.latent(self.view.nets, n * num_chains, self.noise)
        return z.reshape(n, num_chains, -1)

    def errors(self, z: Tensor) -> Tensor:
        """|x - m|^2 of what the model shows at z ``[N, chains, D]``, ``[N, chains]``."""
        view = self.view
        labels = None if self.labels is None else self.labels.repeat_interleave(z.shape[1])
        images = view.fns.decode(view.nets, z.flatten(0, 1), labels)
        shown = level_middles(images, view.spec.levels).unflatten(0, z.shape[:2])
        squares: Tensor = (self.x[:, None] - shown).square().flatten(2).sum(2)
        return squares

    def target(self) -> Target:
        """The model's prior, and Gaussian noise around what the model shows."""
        sigma = self.effort.sigma
        constant = 0.5 * math.log(2 * math.pi * sigma**2) * math.prod(self.x.shape[1:])
        log_prior = _log_prior(self.view)
        return Target(
            lambda z: log_prior(self.view.nets, z),
            lambda z: -0.5 * self.errors(z) / sigma**2 - constant,
        )
