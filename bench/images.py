"""The one place for pixel ranges and grids: whole numbers outside, float in [0, 1] inside."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the report writes pictures without torch
    from torch import Tensor

Picture = NDArray[np.uint8]
"""``[H, W, 3]``, ready to be saved."""


class Grid(np.ndarray[Any, np.dtype[np.uint8]]):
    """A picture of images in rows.

    Attributes:
        text: What ``to_png`` writes beside the pixels, so that the images can be cut out again:
            ``Tile``, height x width x channels of an image, ``Scale``, its enlargement, and ``Top``,
        pixels above them, where there are any.
    """

    text: Mapping[str, str] = MappingProxyType({})

    @property
    def columns(self) -> int:
        """Images side by side."""
        width = int(self.text["Tile"].split("x")[1]) * int(self.text["Scale"])
        return int(self.shape[1] // (width + 1))


_HEADS = {
    "reconstructions": "pairs: original | reconstruction",
    "inversion": "pairs: original | nearest found",
    "interpolation": "rows: from one z to another",
    "latent_grid": "z1 to the right, z2 upwards",
}


class NotFinite(ValueError):  # noqa: N818 - the runner turns it into the status ``diverged``
    """Images hold a value that has no pixel."""


def to_unit(images: Tensor) -> Tensor:
    """uint8 or uint16 ``[N, C, H, W]`` to float32 in [0, 1]."""
    return images.float().div_(65_535 if images.element_size() == 2 else 255)


def to_pixels(images: Tensor, top: int = 255) -> Tensor:
    """Float images to whole numbers 0..``top``: clamped to [0, 1], rounded (protocol rule 6).

    uint8 up to 255, else uint16.

    Raises:
        NotFinite: A value is not finite.
    """
    import torch

    if not bool(images.isfinite().all()):
        raise NotFinite("the model's images hold values that are not finite")
    rounded = images.detach().clamp(0, 1).mul(top).round()
    return rounded.byte() if top <= 255 else rounded.to(torch.uint16)


def from_symmetric(images: Tensor) -> Tensor:
    """A tanh output in [-1, 1] to [0, 1]."""
    return (images + 1) / 2


def gray_levels(images: Tensor, levels: int) -> Tensor:
    """Float images in [0, 1] to their gray level k in 0..levels-1, still float."""
    return (images * (levels - 1)).round()


def dequantise(images: Tensor, levels: int, u: Tensor) -> Tensor:
    """Float images in [0, 1] to x = (k + u) / levels in [0, 1), u uniform in [0, 1)."""
    return (gray_levels(images, levels) + u) / levels


def level_middles(images: Tensor, levels: int) -> Tensor:
    """Image values k / (levels - 1) to the middle of their level, (k + 1/2) / levels."""
    return (images * (levels - 1) + 0.5) / levels


def level_centres(x: Tensor, levels: int) -> Tensor:
    """The image that dequantised values x show: (k + 1/2) / levels becomes k / (levels - 1)."""
    return ((x * levels - 0.5) / (levels - 1)).clamp(0, 1)


def grid(images: Tensor, *, columns: int, scale: int = 1) -> Grid:
    """uint8 ``[N, C, H, W]`` tiled row by row with a gray line between, ``[H', W', 3]``.

    Args:
        images: One or three channels; no normalisation of any kind is applied.
        columns: Images per row; a last row that is not full is filled with gray.
        scale: Each pixel becomes ``scale`` x ``scale`` pixels.
    """
    tiles = images.detach().cpu().numpy().repeat(scale, axis=2).repeat(scale, axis=3)
    height, width = tiles.shape[2:]
    rows = -(-len(tiles) // columns)
    size = rows * (height + 1) + 1, columns * (width + 1) + 1, 3
    canvas = np.full(size, 128, np.uint8).view(Grid)
    canvas.text = {"Tile": "{1}x{2}x{0}".format(*images.shape[1:]), "Scale": str(scale)}
    for i, tile in enumerate(tiles):
        top, left = 1 + (i // columns) * (height + 1), 1 + (i % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = tile.transpose(1, 2, 0)
    return canvas


def heading(name: str, columns: int) -> str:
    """What rows and columns of a picture of so many columns are; empty where its name says it."""
    return f"columns: classes 0 to {columns - 1}" if name == "class_grid" else _HEADS.get(name, "")


def display_scale(height: int) -> int:
    """Enlargement at which small images are seen well: digits 4, MNIST 2, larger ones 1."""
    return max(1, -(-32 // height)) if height < 20 else max(1, 64 // height)


def to_png(picture: Picture) -> bytes:
    """PNG bytes, the same for the same picture."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (picture.text if isinstance(picture, Grid) else {}).items():
        info.add_text(key, value)
    gray = picture[..., 0]
    is_gray = bool((picture == gray[..., None]).all())  # a third of the bytes to compress
    buffer = io.BytesIO()
    Image.fromarray(gray if is_gray else picture).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()
