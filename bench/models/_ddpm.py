"""The networks of ``ddpm``, with its noise schedule, its bound and its samplers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.contracts import Bound, Rng
from bench.networks import Shape, norm2d

FEATURES = 32
"""Sines, and as many cosines, by which the network is told the time."""

SLOWEST, FASTEST = 0.1, 20.0
"""Rates beta at time 0 and 1 (Song et al. 2021, arXiv 2011.13456, appendix C)."""

Share = TypeVar("Share", float, Tensor)


class Block(nn.Module):
    """A residual block that is told the time."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.before, self.after = (
            nn.Sequential(*norm2d("layer", count), nn.SiLU(), nn.Conv2d(count, count, 3, padding=1))
            for _ in range(2)
        )
        self.time = nn.Linear(2 * FEATURES, count)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """``[N, count, H, W]`` and times ``[N, 2 FEATURES]``, the same shape."""
        out: Tensor = x + self.after(self.before(x) + self.time(time)[:, :, None, None])
        return out


class Unet(nn.Module):
    """Residual blocks at an image's resolution and at half of it, for images of any shape.

    Args:
        shape: Of an image.
        width: Channels at the image's resolution, twice as many at half of it.
    """

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(shape[0], width, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(width, *shape[1:]))
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Block(count * width) for count in (1, 2, 2, 1))
        self.up = nn.Conv2d(2 * width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, shape[0], 3, padding=1)

    def forward(self, y: Tensor, time: Tensor) -> Tensor:
        """``[N, C, H, W]`` and times ``[N, 2 FEATURES]``, the same shape."""
        first, second, third, last = self.blocks
        fine = first(self.enter(y) + self.place, time)
        coarse = third(second(self.down(fine), time), time)
        risen = F.interpolate(self.up(coarse), size=fine.shape[2:])
        out: Tensor = self.leave(F.silu(last(fine + risen, time)))
        return out


class Diffusion(nn.Module):
    """Images are noised in T steps; a network tells the noise, and so the way back.

    y_t = sqrt(a_t) y_0 + sqrt(1 - a_t) eps (Ho et al. 2020, eq. 4) with y = 2 x - 1 of dequantised
    x, ``[N, C, H, W]``; a_t, their alpha-bar, is that of their linear schedule as T grows. The way
    back from t to s has the mean of q(y_s | y_t, y_0) at the network's y_0 (eq. 7), and one of the
    two variances of their section 3.2. Deviations: a smaller U-Net without attention; what it gives is v = sqrt(a) eps - sqrt(1 - a) y_0
    (Salimans and Ho 2022, arXiv 2202.00512, section 4), from which the noise follows.

    Args:
        shape: Of an image.
        num_steps: T.
        width: Channels of the network.
        variance: Of a step back: ``posterior``, as q(y_s | y_t, y_0) has it, best where y_0 is one
            image; ``forward``, as q(y_t | y_s), best where images are many and smooth.
    """

    def __init__(
        self, shape: Shape, *, num_steps: int, width: int, variance: str = "posterior"
    ) -> None:
        super().__init__()
        self.num_steps, self.is_forward = num_steps, variance == "forward"
        self.net = Unet(shape, width)

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        """The noise in y ``[N, C, H, W]`` at steps t ``[N]``, the same shape as y."""
        share = (t / self.num_steps)[:, None]
        rates = torch.arange(FEATURES, device=y.device) * (-math.log(10_000) / FEATURES)
        angles = 1_000 * share * rates.exp()
        v = self.net(y, torch.cat([angles.sin(), angles.cos()], 1))
        kept = _log_kept(share).exp()[:, :, None, None]
        out: Tensor = kept.sqrt() * v + (1 - kept).sqrt() * y
        return out

    def kept(self, t: float) -> float:
        """a_t, the share of the variance that is the image's, from 1 at t = 0 to 4e-5 at T."""
        return math.exp(_log_kept(t / self.num_steps))

    def variances(self, t: int, s: int) -> tuple[float, float, float]:
        """Of q(y_t | y_s), of q(y_s | y_t, y_0), and of the step back."""
        beta = 1 - self.kept(t) / self.kept(s)
        posterior = beta * (1 - self.kept(s)) / (1 - self.kept(t))
        return beta, posterior, beta if self.is_forward else posterior

    def bound(self, y: Tensor, noise: Rng) -> Bound:
        """The terms of the bound on log p(y) in nats (Ho et al. 2020, eq. 5), every step once.

        p(y_0 | y_1) is normal around the network's y_0 with variance (1 - a_1) / a_1.
        """
        last, size = self.kept(self.num_steps), y[0].numel()
        kl = 0.5 * (last * (y.square() - 1) - math.log1p(-last)).flatten(1).sum(1)
        for t in range(2, self.num_steps + 1):
            beta, posterior, own = self.variances(t, t - 1)
            ratio = posterior / own
            # Of eq. 12, with the mean's distance as that of eqs. 8 to 11.
            weight = beta**2 / ((1 - self.kept(t)) * (1 - beta) * own)
            kl = kl + 0.5 * size * (ratio - 1 - math.log(ratio))
            kl = kl + 0.5 * weight * self._error(y, t, noise)
        first = self.kept(1)
        normal = -0.5 * size * math.log(2 * math.pi * (1 - first) / first)
        return Bound(normal - 0.5 * self._error(y, 1, noise), kl, sampled=True)

    def _error(self, y: Tensor, t: int, noise: Rng) -> Tensor:
        kept, eps = self.kept(t), noise.normal(*y.shape)
        y_t = math.sqrt(kept) * y + math.sqrt(1 - kept) * eps
        error: Tensor = self(y_t, y.new_full((len(y),), t)) - eps
        return error.square().flatten(1).sum(1)

    def sample(self, z: Tensor, num_steps: int) -> Tensor:
        """y_0 ``[N, C, H, W]`` from normal z ``[N, K, C, H, W]`` in so many steps.

        z holds y_T and the noise of each step but the last: ancestral sampling. With K = 1 no step
        has any: DDIM (Song et al. 2021, arXiv 2010.02502, eq. 12, with eta 1 and 0).
        """
        y, fresh = z[:, 0], z.shape[1] > 1
        times = [round(self.num_steps * i / num_steps) for i in range(num_steps, -1, -1)]
        for i, (t, s) in enumerate(pairwise(times), start=1):
            kept, left = self.kept(t), self.kept(s)
            eps = self(y, y.new_full((len(y),), t))
            start = ((y - math.sqrt(1 - kept) * eps) / math.sqrt(kept)).clamp(-1, 1)
            eps = (y - math.sqrt(kept) * start) / math.sqrt(1 - kept)
            _, posterior, own = self.variances(t, s)
            y = math.sqrt(left) * start + math.sqrt(1 - left - fresh * posterior) * eps
            if fresh and s > 0:
                y = y + math.sqrt(own) * z[:, i]
        return y


def noise_loss(diffusion: Diffusion, y: Tensor, noise: Rng) -> Tensor:
    """Squared error of the noise, mean over values and images: Ho et al. 2020, eq. 14.

    The steps of a batch are spread evenly, from one number (Kingma et al. 2021, arXiv 2107.00630,
    appendix I.1).
    """
    n, last = len(y), diffusion.num_steps
    share = (noise.uniform(1) + torch.arange(n, device=y.device) / n) % 1
    t = (share * last).floor().clamp(max=last - 1) + 1
    kept = _log_kept(t / last).exp()[:, None, None, None]
    eps = noise.normal(*y.shape)
    error: Tensor = diffusion(kept.sqrt() * y + (1 - kept).sqrt() * eps, t) - eps
    return error.square().mean()


def _log_kept(share: Share) -> Share:
    """ln a at a share of the steps: minus the integral of a rate that rises linearly."""
    return -SLOWEST * share - 0.5 * (FASTEST - SLOWEST) * share * share
