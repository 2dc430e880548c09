"""Encoder and decoder stacks of depth 1 to 5 that fit every image shape without padding.

Each strided layer maps side s to ceil(s / 2) until the side is 4; further layers keep it
(stride 1): 8-4-4, 28-14-7-4-4, 32-16-8-4-4. Transposed layers climb the same list. ``depth``
counts those layers; around them stand a linear layer at the latent end and one 3x3 convolution
at the image end. Layer i, counted from the image, has ``width * min(2^i, 4)`` channels; that
convolution has ``width``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from bench.config import (
    LAYER_SIZES as LAYER_SIZES,  # noqa: PLC0414 - plugins take it from here
    Activation,
    Norm,
)
from bench.errors import UsageError
from bench.images import from_symmetric

SMALLEST_SIDE = 4
LEAK = 0.2

WORTH_CASTING = 2**18
"""Weights of a linear layer from which on a step in bf16 was quicker, of batches of 128 on AMX."""

Shape = tuple[int, int, int]
Grid = tuple[int, int]


def require_pictures(shape: Shape) -> None:
    """A convolution needs pixels beside each other.

    Raises:
        UsageError: Images of fewer than 4 rows or columns.
    """
    if min(shape[1:]) < SMALLEST_SIDE:
        raise UsageError(
            f"the model has convolutions, and an image of {shape[1]}x{shape[2]} values is no picture: "
            "take vae_mlp, gan_mlp or another model without convolutions"
        )


def sides(side: int, depth: int) -> list[int]:
    """Side of the image before the first layer and after each of ``depth`` layers."""
    chain = [side]
    for _ in range(depth):
        side = math.ceil(side / 2) if side > SMALLEST_SIDE else side
        chain.append(side)
    return chain


def channels(width: int, depth: int) -> list[int]:
    """Channels at full resolution, then of each layer, counted from the image."""
    return [width, *(width * min(2**i, 4) for i in range(depth))]


def grids(shape: Shape, depth: int) -> list[Grid]:
    """Rows and columns of the image before the first layer and after each of ``depth`` layers."""
    return list(zip(sides(shape[1], depth), sides(shape[2], depth), strict=True))


def strides(shape: Shape, depth: int) -> list[Grid]:
    """Of each of ``depth`` layers, down and across: 2 where it halves that side."""
    return list(itertools.starmap(_stride, itertools.pairwise(grids(shape, depth))))


class Linear(nn.Linear):
    """A linear layer that bf16 leaves in fp32 where it is small: casting takes longer there."""

    def forward(self, x: Tensor) -> Tensor:
        """``[N, in]`` to ``[N, out]``."""
        if self.in_features * self.out_features < WORTH_CASTING and _is_rounded(x):
            with torch.autocast(x.device.type, enabled=False):
                return super().forward(x.float())
        return super().forward(x)


def _is_rounded(x: Tensor) -> bool:
    """Whether autocast is on where a tensor is; it knows nothing of those without memory."""
    return not x.is_meta and torch.is_autocast_enabled(x.device.type)


class ConvEncoder(nn.Module):
    """Images ``[N, C, H, W]`` to features ``[N, out_dim]``: convolution, ``depth`` layers, linear."""

    def __init__(
        self,
        shape: Shape,
        *,
        depth: int,
        width: int,
        out_dim: int,
        norm: Norm,
        act: Callable[[], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        require_pictures(shape)
        make_act = act or LeakyReLU
        counts = channels(width, depth)
        layers: list[nn.Module] = [nn.Conv2d(shape[0], counts[0], 3, padding=1), make_act()]
        steps = zip(itertools.pairwise(counts), strides(shape, depth), strict=True)
        for (before, after), stride in steps:
            bias = norm == "none"
            layers.append(nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=bias))
            layers += [*norm2d(norm, after), make_act()]
        self.layers = nn.Sequential(*layers)
        self.linear = Linear(counts[-1] * math.prod(grids(shape, depth)[-1]), out_dim)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, out_dim]``."""
        out: Tensor = self.linear(self.layers(images).flatten(1))
        return out


class _Decoder(nn.Module):
    layers: nn.Sequential
    scale: float = 1.0

    def start_at(self, values: Tensor) -> None:
        """Sets the last biases to outputs ``[C, 1, 1]`` or ``[C, H, W]``, as ``reach`` gives."""
        bias = self.layers[-1].bias
        assert isinstance(bias, Tensor)
        bias.data[: values.numel()] = values.flatten() / self.scale


class ConvDecoder(_Decoder):
    """Latents ``[N, in_dim]`` to ``[N, C, H, W]``, unbounded: linear, ``depth`` layers, convolution.

    Args:
        shape: Of an image.
        depth: Strided layers.
        width: Channels of the layer next to the image.
        in_dim: Size of z.
        norm: In every layer.
        act: Between the layers; ReLU if left out.
        ends_in_norm: Batch norm behind the last convolution.
        scale: What the output is multiplied by.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        depth: int,
        width: int,
        in_dim: int,
        norm: Norm,
        act: Callable[[], nn.Module] | None = None,
        ends_in_norm: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        require_pictures(shape)
        make_act, self.scale = act or partial(nn.ReLU, inplace=True), scale
        maps, counts = grids(shape, depth)[::-1], channels(width, depth)[::-1]
        self.start = (counts[0], *maps[0])
        self.linear = Linear(in_dim, math.prod(self.start), bias=norm == "none")
        layers: list[nn.Module] = [*norm2d(norm, counts[0]), make_act()]
        steps = zip(itertools.pairwise(counts), itertools.pairwise(maps), strict=True)
        for (before, after), (small, large) in steps:
            layers.append(climb(before, after, small, large, bias=norm == "none"))
            layers += [*norm2d(norm, after), make_act()]
        layers.append(nn.Conv2d(counts[-1], shape[0], 3, padding=1))
        layers += norm2d("batch" if ends_in_norm else "none", shape[0])
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, in_dim]`` to ``[N, C, H, W]``."""
        out: Tensor = self.layers(self.linear(z).unflatten(1, self.start))
        return out if self.scale == 1 else self.scale * out

    def reach(self, image: Tensor) -> Tensor:
        """What the last biases alone can show of ``image [C, H, W]``: each channel's mean."""
        return image.mean((1, 2), keepdim=True)


class MlpEncoder(nn.Module):
    """Images ``[N, C, H, W]`` to ``[N, out_dim]`` through fully connected layers."""

    def __init__(
        self, shape: Shape, *, hidden: list[int], out_dim: int, act: type[nn.Module]
    ) -> None:
        super().__init__()
        self.layers = mlp([math.prod(shape), *hidden, out_dim], act)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, H, W]`` to ``[N, out_dim]``."""
        out: Tensor = self.layers(images.flatten(1))
        return out


class MlpDecoder(_Decoder):
    """Latents ``[N, in_dim]`` to ``[N, C, H, W]``, unbounded, through fully connected layers."""

    def __init__(
        self, shape: Shape, *, hidden: list[int], in_dim: int, act: type[nn.Module]
    ) -> None:
        super().__init__()
        self.shape = shape
        self.layers = mlp([in_dim, *hidden, math.prod(shape)], act)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, in_dim]`` to ``[N, C, H, W]``."""
        out: Tensor = self.layers(z).unflatten(1, self.shape)
        return out

    def reach(self, image: Tensor) -> Tensor:
        """What the last biases alone can show of ``image [C, H, W]``: all of it."""
        return image


class Critic(nn.Module):
    """A feature stack and one score per image, ``[N, C, H, W]`` to ``[N]``; no sigmoid."""

    def __init__(self, features: nn.Module, dim: int) -> None:
        super().__init__()
        self.features = features
        self.score = Linear(dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, C, H, W]`` to raw scores ``[N]``."""
        hidden = nn.functional.leaky_relu(self.features(images), LEAK)
        score: Tensor = self.score(hidden).squeeze(1)
        return score


class SymmetricTanh(nn.Module):
    """A generator's last step: any real number to a pixel in [0, 1] by tanh."""

    def forward(self, values: Tensor) -> Tensor:
        """Unbounded to [0, 1], same shape."""
        return from_symmetric(torch.tanh(values))


def activation(name: Activation) -> type[nn.Module]:
    """The activation that a setting names."""
    return {"relu": nn.ReLU, "leaky_relu": LeakyReLU, "tanh": nn.Tanh}[name]


class LeakyReLU(nn.LeakyReLU):
    """Leaky ReLU with the slope that every network here uses."""

    def __init__(self) -> None:
        super().__init__(LEAK, inplace=True)


def mlp(dims: list[int], act: type[nn.Module]) -> nn.Sequential:
    """Linear layers of the given sizes with ``act`` between them, none behind the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(dims):
        layers += [Linear(before, after), act()]
    return nn.Sequential(*layers[:-1])


def layer_sizes(text: str) -> list[int]:
    """``512-256`` to [512, 256]; the text matches ``LAYER_SIZES``."""
    return [int(size) for size in text.split("-")]


def _stride(one: Grid, other: Grid) -> Grid:
    """What a layer between two grids strides, down and across."""
    return (1 if one[0] == other[0] else 2, 1 if one[1] == other[1] else 2)


def climb(before: int, after: int, small: Grid, large: Grid, *, bias: bool) -> nn.Module:
    """A layer of 3x3 kernels from one grid to another as large, or twice as large less one or none."""
    stride = _stride(small, large)
    if stride == (1, 1):
        # With stride 1 a transposed convolution is a convolution with its kernel turned round,
        # the same set of functions and the faster of the two.
        return nn.Conv2d(before, after, 3, padding=1, bias=bias)
    # A kernel of 3 with padding 1 gives (s - 1) * stride + 1; the output padding fills the rest.
    extra = (
        large[0] - (small[0] - 1) * stride[0] - 1,
        large[1] - (small[1] - 1) * stride[1] - 1,
    )
    return nn.ConvTranspose2d(
        before, after, 3, stride=stride, padding=1, output_padding=extra, bias=bias
    )


class LayerNorm2d(nn.GroupNorm):
    """Group norm of one group, with the bits of torch's, whose own call no ``vmap`` can enter."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch names it so
        """Images to normalised images, ``[N, C, H, W]``."""
        if torch.is_autocast_enabled(input.device.type):
            return super().forward(input)  # which autocast knows
        num, channels, *sides = input.shape
        size = math.prod(sides)
        shape = (num, channels, size, self.num_groups)
        return torch.native_group_norm(
            input.contiguous(), self.weight, self.bias, *shape, self.eps
        )[0]


def norm2d(norm: Norm, count: int) -> list[nn.Module]:
    """That normalisation of so many channels, or nothing."""
    if norm == "batch":
        return [nn.BatchNorm2d(count)]
    # One group is layer norm over channels and places, with a scale and shift for each channel.
    return [LayerNorm2d(1, count)] if norm == "layer" else []
