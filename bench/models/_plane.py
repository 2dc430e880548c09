"""Players of points: their layers see and give coordinates, outside are images in [0, 1]."""

from __future__ import annotations

from torch import Tensor, nn

from bench.records import DataSpec


class Generator(nn.Module):
    """z to a point, by layers from ``[N, latent_dim]`` to coordinates ``[N, C * H * W]``."""

    def __init__(self, layers: nn.Sequential, spec: DataSpec) -> None:
        super().__init__()
        self.layers, self.shape = layers, spec.shape
        self.low, self.span = _square(spec)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, latent_dim]`` to images; while it trains a point may lie beyond its square."""
        images: Tensor = (self.layers(z).unflatten(1, self.shape) - self.low) / self.span
        return images if self.training else images.clamp(0, 1)


class Discriminator(nn.Module):
    """Images of one origin to a raw score, by layers from the coordinates of a pack to ``[N, 1]``."""

    def __init__(self, layers: nn.Sequential, spec: DataSpec) -> None:
        super().__init__()
        self.layers = layers
        self.low, self.span = _square(spec)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N]``."""
        score: Tensor = self.layers((self.low + self.span * images).flatten(1)).squeeze(1)
        return score


def _square(spec: DataSpec) -> tuple[float, float]:
    """Where the coordinates begin, and how far they go; of pictures [-1, 1]."""
    low, high = spec.extent or (-1.0, 1.0)
    return low, high - low
