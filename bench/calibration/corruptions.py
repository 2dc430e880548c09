"""Damage done to real images in doses, and the two ceilings: how far a distance should rise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.contracts import Rng
from bench.distances.gaussians import fit_gaussian
from bench.images import to_pixels, to_unit
from bench.runtime import DeviceRng, generator

CHUNK = 1_000
NUM_DOSES = 6


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """Damage to each image by itself.

    Attributes:
        name: In texts and figures.
        unit: What a dose counts.
        doses: Ascending; dose 0 is the identity.
        apply: ``(images in [0, 1], dose, noise) -> images``, not yet clamped.
    """

    name: str
    unit: str
    doses: tuple[float, ...]
    apply: Callable[[Tensor, float, Rng], Tensor]


def blurred(images: Tensor, dose: float, noise: Rng) -> Tensor:  # noqa: ARG001
    """Gaussian blur of standard deviation ``dose`` in pixels; edge pixels continue outwards."""
    radius = math.ceil(3 * dose)
    at = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp(-0.5 * (at / max(dose, 1e-6)).square())
    weights = (weights / weights.sum()).view(1, 1, -1, 1)
    planes = F.pad(images.flatten(0, 1)[:, None], (radius,) * 4, mode="replicate")
    rows = F.conv2d(planes, weights)
    return F.conv2d(rows, weights.transpose(2, 3)).view_as(images)


def noisy(images: Tensor, dose: float, noise: Rng) -> Tensor:
    """Normal noise of standard deviation ``dose`` added to every value; white is 1."""
    return images + dose * noise.normal(*images.shape)


def flattened(images: Tensor, dose: float, noise: Rng) -> Tensor:  # noqa: ARG001
    """Contrast: each value moved by the share ``dose`` of its way to the image's mean."""
    return images.lerp(images.mean((1, 2, 3), keepdim=True), dose)


CORRUPTIONS = (
    Corruption(
        name="blur",
        unit="standard deviation in pixels",
        doses=(0.3, 0.5, 0.7, 1.0, 1.5, 2.0),
        apply=blurred,
    ),
    Corruption(
        name="noise",
        unit="standard deviation, white = 1",
        doses=(0.01, 0.02, 0.05, 0.1, 0.2, 0.4),
        apply=noisy,
    ),
    Corruption(
        name="contrast",
        unit="share of the contrast lost",
        doses=(0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
        apply=flattened,
    ),
)


def corrupt(images: Tensor, corruption: Corruption, dose: float) -> Tensor:
    """Each image damaged, uint8 to uint8 ``[N, C, H, W]`` (protocol rule 6).

    Every dose has the same noise, so that doses differ in nothing else.
    """
    noise = DeviceRng(generator("corruption", corruption.name), images.device)
    parts = [corruption.apply(to_unit(part), dose, noise) for part in images.split(CHUNK)]
    return torch.cat([to_pixels(part) for part in parts])


def missing_doses(num_classes: int) -> tuple[int, ...]:
    """Up to six numbers of classes to leave out, the largest about four fifths of them."""
    most = max(min(num_classes - 1, NUM_DOSES), math.floor(0.8 * num_classes))
    steps = torch.linspace(1, most, min(most, NUM_DOSES), dtype=torch.float64)
    return tuple(int(step) for step in steps.round())


def without_classes(labels: Tensor, num_missing: int, n: int, rng: torch.Generator) -> Tensor:
    """Which images, int64 ``[n]``, make a set in which some classes are missing.

    The classes left out are the same in every set and nested in their number. Where the others
    have fewer than n images, each is shown as often as any other, to within one.
    """
    classes = labels.unique()
    order = torch.randperm(len(classes), generator=generator("corruption", "missing_classes"))
    gone = torch.isin(labels, classes[order[:num_missing].to(labels.device)])
    others = (~gone).nonzero()[:, 0]
    shuffled = others[torch.randperm(len(others), generator=rng).to(others.device)]
    return shuffled.repeat(-(-n // len(others)))[:n]


def repeat_doses(n: int) -> tuple[int, ...]:
    """How often an image may be shown among n, so that at least two are different."""
    return tuple(times for times in (2, 5, 10, 20, 50, 100) if times <= n // 2)


def repeated(num_images: int, times: int, n: int, rng: torch.Generator) -> Tensor:
    """Which of ``num_images``, int64 ``[n]``, make a set that shows each image ``times`` times."""
    chosen = torch.randperm(num_images, generator=rng)[: -(-n // times)]
    return chosen.repeat(times)[:n]


def pixel_gaussian(train: Tensor, n: int) -> Tensor:
    """The baseline of protocol rule 4: n samples of a Gaussian fitted to all train pixels."""
    chunks = [to_unit(part).flatten(1) for part in train.split(CHUNK)]
    # In the layout of the model's buffers: sums taken in another order have other last bits.
    mean, factor = (part.float().contiguous() for part in fit_gaussian(chunks))
    pixels = mean + _sample_noise(train.device).normal(n, len(mean)) @ factor.T
    return to_pixels(pixels.view(n, *train.shape[1:]))


def uniform_noise(train: Tensor, n: int) -> Tensor:
    """The other one: every value uniform in [0, 1]."""
    return to_pixels(_sample_noise(train.device).uniform(n, *train.shape[1:]))


def _sample_noise(device: torch.device) -> Rng:
    """The noise that runs are sampled from: equal n gives the reports' own baselines."""
    return DeviceRng(generator("evaluation", "samples"), device)
