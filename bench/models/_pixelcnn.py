"""The network of ``pixelcnn``: convolutions that see no later value, a softmax over gray levels."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from bench.images import gray_levels
from bench.networks import Shape

FIRST = 7
"""Side of the first kernel (van den Oord et al. 2016, table 1)."""


class MaskedConv(nn.Conv2d):
    """A convolution that sees what stands above, or to the left in the same row.

    Args:
        before: Channels that it is given.
        after: Channels that it gives.
        side: Of its kernel, odd.
        sees_itself: Whether it sees the place itself: mask B; without, mask A (section 3.4).
    """

    mask: Tensor

    def __init__(self, before: int, after: int, side: int, *, sees_itself: bool) -> None:
        super().__init__(before, after, side, padding=side // 2)
        mask, middle = torch.ones(side, side), side // 2
        mask[middle + 1 :] = 0
        mask[middle, middle + sees_itself :] = 0
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, before, H, W]`` to ``[N, after, H, W]``."""
        out: Tensor = self._conv_forward(x, self.weight * self.mask, self.bias)
        return out


class Block(nn.Module):
    """A residual block of half as many channels inside (figure 5)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width // 2, 1),
            nn.ReLU(),
            MaskedConv(width // 2, width // 2, 3, sees_itself=True),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]``, the same shape."""
        out: Tensor = x + self.layers(x)
        return out


class PixelCnn(nn.Module):
    """P(k) of each value's gray level, given all values before it, row by row.

    Deviations: the channels of a pixel stand beside each other as one plane of ``W C`` columns,
    in their order, in place of groups of features with masks between them; each place has biases
    of its own behind the first layer.

    Args:
        shape: Of an image.
        levels: Gray levels L.
        width: Channels inside.
        num_blocks: Residual blocks.
    """

    def __init__(self, shape: Shape, *, levels: int, width: int, num_blocks: int) -> None:
        super().__init__()
        self.shape, self.levels = shape, levels
        self.plane = (shape[1], shape[2] * shape[0])
        self.first = MaskedConv(1, width, FIRST, sees_itself=False)
        self.place = nn.Parameter(torch.zeros(width, *self.plane))
        self.layers = nn.Sequential(
            *(Block(width) for _ in range(num_blocks)),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, levels, 1),
        )

    def forward(self, plane: Tensor) -> Tensor:
        """Values in [0, 1] ``[N, 1, R, W C]``, the first R rows of an image, to logits ``[N, L, R, W C]``."""
        out: Tensor = self.layers(self.first(plane) + self.place[:, : plane.shape[2]])
        return out

    @torch.no_grad()
    def sample(self, u: Tensor) -> Tensor:
        """Uniform ``[N, C, H, W]`` to images: each value's level is where its CDF passes u."""
        u = _as_plane(u)
        plane = torch.zeros_like(u)
        for row, column in product(*map(range, self.plane)):
            logits = self(plane[:, :, : row + 1])[:, :, row, column]
            passed = logits.softmax(1).cumsum(1) <= u[:, :, row, column]
            level = passed.sum(1).clamp(max=self.levels - 1)
            plane[:, 0, row, column] = level / (self.levels - 1)
        return plane.view(-1, *self.shape[1:], self.shape[0]).permute(0, 3, 1, 2)


def log_prob(net: nn.Module, x: Tensor, levels: int) -> Tensor:
    """log P(x) in nats by a ``PixelCnn`` of images whose values are k / (L - 1), ``[N]``."""
    plane = _as_plane(x)
    level = gray_levels(plane, levels).long()
    log_p: Tensor = net(plane).log_softmax(1).gather(1, level)
    return log_p.flatten(1).sum(1)


def _as_plane(x: Tensor) -> Tensor:
    """``[N, C, H, W]`` to ``[N, 1, H, W C]``, the channels of a pixel beside each other."""
    return x.permute(0, 2, 3, 1).flatten(2)[:, None]
