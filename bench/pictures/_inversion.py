"""GAN inversion: the z whose image comes nearest to a given one, by descent on z alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.contracts import EvalFns, Nets, Rng
from bench.pieces import stoppable

NUM_DRAWS, NUM_STEPS = 256, 100
"""What a search costs: draws decoded for all images, and steps forth and back for each."""


@dataclass(frozen=True)
class Inversion:
    """What the generator can show of N images.

    Attributes:
        z: Latents, ``[N, D]``.
        images: What the model decodes from them, float ``[N, C, H, W]`` in [0, 1].
        error: Squared error of each image, summed over C, H, W, ``[N]``.
    """

    z: Tensor
    images: Tensor
    error: Tensor


@torch.no_grad()
def invert(
    nets: Nets,
    fns: EvalFns,
    images: Tensor,
    labels: Tensor | None,
    noise: Rng,
    *,
    num_draws: int = NUM_DRAWS,
    num_steps: int = NUM_STEPS,
    lr: float = 0.1,
) -> Inversion:
    """The nearest images that a model decodes (Zhu et al. 2016, arXiv 1609.03552, without encoder).

    Each image starts from the nearest of some draws from the prior; Adam then moves z, and the
    best z on the way is kept. No weight, buffer or gradient of the modules changes. Nothing
    holds z near the prior: the error says what the generator can reach, not how likely it is to.

    Args:
        nets: Modules in evaluation mode.
        fns: The model's functions; it needs a continuous latent space.
        images: Targets, float ``[N, C, H, W]`` in [0, 1].
        labels: Their classes, int64 ``[N]``; a conditional model decodes with them.
        noise: Of the prior's draws.
        num_draws: Draws from the prior, shared by the images.
        num_steps: Steps of Adam; 0 leaves the nearest draw.
        lr: Adam's learning rate, in units of z.
    """
    labels = labels if fns.conditional else None
    z = _nearest_draws(nets, fns, images, labels, fns.latent(nets, num_draws, noise))
    z = _descend(nets, fns, images, labels, z, num_steps=num_steps, lr=lr)
    found = fns.decode(nets, z, labels)
    return Inversion(z, found, squared_error(found, images))


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    """Summed over C, H, W: ``[N]``."""
    return (a - b).square().flatten(1).sum(1)


def _nearest_draws(
    nets: Nets, fns: EvalFns, images: Tensor, labels: Tensor | None, draws: Tensor
) -> Tensor:
    """Of ``draws [M, D]`` the one whose image is nearest, for each target: ``[N, D]``."""
    z = draws.new_empty(len(images), draws.shape[1])
    for members, classes in _groups(labels, len(draws)):
        candidates = fns.decode(nets, draws, classes)
        distance = torch.cdist(images[members].flatten(1), candidates.flatten(1))
        z[members] = draws[distance.argmin(1)]
    return z


def _groups(
    labels: Tensor | None, num_draws: int
) -> Iterator[tuple[Tensor | slice, Tensor | None]]:
    """Targets that share a class, as indices, and that class once for each draw."""
    if labels is None:
        yield slice(None), None
        return
    for label in labels.unique():
        yield (labels == label).nonzero()[:, 0], label.expand(num_draws)


@torch.enable_grad()
def _descend(
    nets: Nets,
    fns: EvalFns,
    images: Tensor,
    labels: Tensor | None,
    start: Tensor,
    *,
    num_steps: int,
    lr: float,
) -> Tensor:
    """The best z that Adam meets; each image's error moves its own z only."""
    z = start.clone().requires_grad_()
    adam = _Adam(start, lr)
    best, lowest = start, torch.full_like(start[:, 0], torch.inf)
    for _ in stoppable(range(num_steps)):
        error = squared_error(fns.decode(nets, z, labels), images)
        better = error.detach() < lowest
        best = torch.where(better[:, None], z.detach(), best)
        lowest = torch.where(better, error.detach(), lowest)
        # With respect to z alone: the weights get no gradient, whatever their flags.
        (gradient,) = torch.autograd.grad(error.sum(), z)
        adam.move(z, gradient)
    return best


class _Adam:
    """Adam of one tensor (Kingma and Ba 2015, arXiv 1412.6980) with the bits of torch's on a CPU.

    That one imports torch's compiler, over a second in each process.
    """

    BETAS, EPS = (0.9, 0.999), 1e-8

    def __init__(self, like: Tensor, lr: float) -> None:
        self._mean, self._square = torch.zeros_like(like), torch.zeros_like(like)
        self._lr, self._count = lr, 0

    @torch.no_grad()
    def move(self, z: Tensor, gradient: Tensor) -> None:
        """One step of z, in its place."""
        self._count += 1
        first, second = self.BETAS
        self._mean.lerp_(gradient, 1 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        scale = (1 - second**self._count) ** 0.5
        spread = (self._square.sqrt() / scale).add_(self.EPS)
        z.addcdiv_(self._mean, spread, value=-self._lr / (1 - first**self._count))
