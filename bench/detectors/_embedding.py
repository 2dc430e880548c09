"""What published embeddings of pictures share: how they see one, and that they name no classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from bench.images import to_unit
from bench.modules import place
from bench.pieces import piece, stoppable

CHUNK = 25  # images at 336 x 336 whose largest layer takes 240 MB


@dataclass(frozen=True, kw_only=True)
class Sight:
    """How a network is shown a picture.

    Attributes:
        size: Height and width that it has then, by Pillow's bicubic resizing of whole levels.
        mean: What is taken from each channel, which is in [0, 1].
        std: What each channel is then divided by.
        square: Whether the middle square is cut out before; else a picture is squeezed.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    square: bool

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 ``[N, C, H, W]``, C 1 or 3, to float ``[N, 3, size, size]``."""
        seen = to_unit(resized(middle(images) if self.square else images, self.size))
        mean, std = (seen.new_tensor(part)[:, None, None] for part in (self.mean, self.std))
        return (seen - mean) / std


class Embedding:
    """A network without a head as a detector; gray images become three equal channels.

    Attributes:
        name: As given.
        digest: As given, of the weights' file.
        dim: Number of features.
        own_classes: It knows no classes.
    """

    own_classes = False

    def __init__(self, name: str, digest: str, dim: int, net: nn.Module, sight: Sight) -> None:
        self.name, self.digest, self.dim = name, digest, dim
        self._net, self._sight = net.eval().requires_grad_(False), sight

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """uint8 ``[N, C, H, W]``, C 1 or 3, to features ``[N, dim]``, float64."""
        place(self._net, images.device)
        chunks = stoppable(images.split(piece(CHUNK)))
        return torch.cat([self._net(self._sight(chunk)) for chunk in chunks]).double(), None


def middle(images: Tensor) -> Tensor:
    """The largest square in the middle of images ``[N, C, H, W]``."""
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, :, top : top + side, left : left + side]


def resized(images: Tensor, size: int) -> Tensor:
    """uint8 ``[N, C, H, W]`` to ``[N, C, size, size]`` as Pillow does, bicubic and antialiased."""
    channels = images.flatten(0, 1).cpu().numpy()
    seen = np.stack([_resized(channel, size) for channel in channels])
    return torch.from_numpy(seen).reshape(*images.shape[:2], size, size).to(images.device)


def _resized(channel: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(channel).resize((size, size), Image.Resampling.BICUBIC))
