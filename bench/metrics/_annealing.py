"""Annealed importance sampling: bounds on log p(x) of a latent variable model, by Monte Carlo.

Neal 2001 (Statistics and Computing 11, 125-139; arXiv physics/9803008): points drawn from the
prior are led through p(z) p(x|z)^b, b from 0 to 1, by moves that leave each of these
distributions alone; their weights have mean p(x). The mean of the log of the weights' mean lies
below log p(x). Led the other way, from an exact draw of the posterior of simulated data, they
give a bound from above: bidirectional Monte Carlo (Grosse et al. 2015, arXiv 1511.02543).

The moves are those of Hamiltonian annealed importance sampling (Sohl-Dickstein and Culpepper
2012, arXiv 1205.1925): a few leapfrog steps at each b, and a momentum that is renewed in part, so
that a path goes on over many b.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from bench.contracts import Rng
from bench.pieces import stoppable

SCHEDULE_RADIUS = 4.0
"""The schedule is a sigmoid over [-4, 4] (Grosse et al. 2015, section 6.2; Wu et al. 2017)."""

RENEWAL = 3.0
"""The share of the momentum's power that is kept over a time t is 2^(-3 t).

Sohl-Dickstein and Culpepper keep 2^(-t); of 1, 3 and 10, measured on a VAE of MNIST, 3 leaves
the smallest gap between the two bounds.
"""

LEAPFROGS = 3
"""Steps of a move. With 1,000 temperatures and one, two and three of them the gap on MNIST was 32,
14 and 4 nats for a convolutional GAN; with one and three 2.4 and 0.6 for a VAE.
"""

ACCEPTED = 0.8
"""Share of moves that the step sizes aim at."""

FIRST_STEP, MOST_STEP, SPEED = 0.1, 1.0, 0.1
"""Where the search for step sizes starts and ends, and how fast it follows."""

LogDensity = Callable[[Tensor], Tensor]
"""``[N, chains, D]`` to nats ``[N, chains]``, differentiable."""


@dataclass(frozen=True)
class Target:
    """log p(z) and log p(x|z) of the N images that the rows of z belong to."""

    log_prior: LogDensity
    log_likelihood: LogDensity


@dataclass(frozen=True)
class Point:
    """z ``[N, chains, D]`` with both log densities there ``[N, chains]`` and their gradients."""

    z: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_slope: Tensor
    likelihood_slope: Tensor

    def log_density(self, b: float) -> Tensor:
        """log p(z) + b log p(x|z), ``[N, chains]``."""
        return self.log_prior + b * self.log_likelihood

    def slope(self, b: float) -> Tensor:
        """Its gradient, ``[N, chains, D]``."""
        return self.prior_slope + b * self.likelihood_slope


@dataclass
class Chains:
    """Points on their way, with the momentum that carries them.

    Attributes:
        target: What is annealed.
        noise: Evaluation noise.
        point: Where they are.
        momentum: ``[N, chains, D]``.
    """

    target: Target
    noise: Rng
    point: Point
    momentum: Tensor

    @classmethod
    def starting(cls, target: Target, z: Tensor, noise: Rng) -> Chains:
        """At z ``[N, chains, D]``, with a normal momentum."""
        return cls(target, noise, _at(target, z), noise.normal(*z.shape).to(z))

    def move(self, b: float, step: Tensor) -> Tensor:
        """Renews the momentum in part, then goes on by it; its probability ``[N, chains]``.

        A point that is not taken turns its momentum round (Horowitz 1991): each part leaves
        p(z) p(x|z)^b with a normal momentum as it is. ``step`` is the size for each image, ``[N]``.
        """
        size, before = step[:, None, None], self.point
        kept = torch.exp2(-RENEWAL * LEAPFROGS * size)
        fresh = self.noise.normal(*before.z.shape).to(before.z)
        start = kept.sqrt() * self.momentum + (1 - kept).sqrt() * fresh
        after, end = before, start
        for _ in range(LEAPFROGS):
            middle = end + 0.5 * size * after.slope(b)
            after = _at(self.target, after.z + size * middle)
            end = middle + 0.5 * size * after.slope(b)
        gain = after.log_density(b) - before.log_density(b) + 0.5 * (start**2 - end**2).sum(-1)
        probability = gain.exp().clamp(max=1).nan_to_num(0)
        taken = self.noise.uniform(*gain.shape).to(gain) < probability
        self.point = _either(taken, after, before)
        self.momentum = torch.where(taken[..., None], end, -start)
        return probability


def sigmoid_schedule(num_temperatures: int) -> Tensor:
    """0 to 1 in ``num_temperatures`` steps, the smallest at both ends, float64."""
    at = torch.linspace(-SCHEDULE_RADIUS, SCHEDULE_RADIUS, num_temperatures + 1).double()
    rising = torch.sigmoid(at)
    return (rising - rising[0]) / (rising[-1] - rising[0])


def log_mean_weight(target: Target, z: Tensor, b: Tensor, steps: Tensor, noise: Rng) -> Tensor:
    """Log of the mean weight over the chains that start at z: float64 ``[N]``.

    From 0 to 1 it estimates log p(x) from below, from 1 to 0 it estimates -log p(x), again from
    below. The arguments are those of ``anneal``.
    """
    log_weight, _ = anneal(target, z, b, steps, noise)
    return log_weight.logsumexp(1) - math.log(log_weight.shape[1])


def anneal(
    target: Target, z: Tensor, b: Tensor, steps: Tensor, noise: Rng
) -> tuple[Tensor, Tensor]:
    """Log weights of the chains that start at z, float64 ``[N, chains]``, and where they end.

    Args:
        target: What is annealed.
        z: Draws of p(z) p(x|z)^b at the first b, ``[N, chains, D]``.
        b: The temperatures ``[T + 1]``, from 0 to 1 or back.
        steps: Step size for each image at each inner temperature, ``[T - 1, N]``, which these
            chains may have had no part in choosing.
        noise: Evaluation noise.
    """
    chains = Chains.starting(target, z, noise)
    log_weight = torch.zeros_like(chains.momentum[..., 0], dtype=torch.float64)
    for i, (before, after) in enumerate(stoppable(pairwise(b.tolist()))):
        log_weight += (after - before) * chains.point.log_likelihood.double()
        if i < len(steps):
            chains.move(after, steps[i])
    return log_weight, chains.point.z


def find_steps(target: Target, z: Tensor, b: Tensor, noise: Rng) -> Tensor:
    """Step sizes for each image at each inner temperature, ``[T - 1, N]``.

    From chains of their own that start at prior draws z, whose acceptance the sizes follow:
    the weights of chains that chose their own steps would have no known mean.
    """
    chains = Chains.starting(target, z, noise)
    steps = z.new_full((len(b) - 2, len(z)), FIRST_STEP)
    for i, inner in enumerate(stoppable(b[1:-1].tolist())):
        accepted = chains.move(inner, steps[i]).mean(1)
        factor = (SPEED * (accepted - ACCEPTED)).exp()
        steps[i + 1 : i + 2] = (steps[i] * factor).clamp(max=MOST_STEP)
    return steps


def _at(target: Target, z: Tensor) -> Point:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        prior, likelihood = target.log_prior(z), target.log_likelihood(z)
        # With respect to z alone: the weights get no gradient, whatever their flags.
        (prior_slope,) = torch.autograd.grad(prior.sum(), z)
        (likelihood_slope,) = torch.autograd.grad(likelihood.sum(), z)
    return Point(z.detach(), prior.detach(), likelihood.detach(), prior_slope, likelihood_slope)


def _either(taken: Tensor, a: Point, b: Point) -> Point:
    wide = taken[..., None]
    return Point(
        torch.where(wide, a.z, b.z),
        torch.where(taken, a.log_prior, b.log_prior),
        torch.where(taken, a.log_likelihood, b.log_likelihood),
        torch.where(wide, a.prior_slope, b.prior_slope),
        torch.where(wide, a.likelihood_slope, b.likelihood_slope),
    )
