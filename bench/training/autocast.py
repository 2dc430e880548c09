"""What a precision changes of training: the forward of each module, never a loss or an optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.config import Precision
from bench.contracts import Loss, Trainable


class InBf16:
    """A module to call: it computes in bf16 and gives fp32; all else of it is as it is.

    Matrix products and convolutions round what they are given, and sum in fp32; so do norms, whose
    statistics stay in fp32, and so do weights.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The module's forward."""
        device = next(x.device.type for x in (*inputs, *named.values()) if isinstance(x, Tensor))
        with torch.autocast(device, torch.bfloat16):
            return _in_fp32(self._module(*map(_channels_last, inputs), **named))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def in_bf16(trainable: Trainable) -> Trainable:
    """The same model, whose losses call their modules in bf16."""

    def rounded(loss: Loss) -> Loss:
        return lambda nets, step: loss(
            {k: cast("nn.Module", InBf16(net)) for k, net in nets.items()}, step
        )

    phases = [replace(phase, loss=rounded(phase.loss)) for phase in trainable.phases]
    return replace(trainable, phases=phases)


@contextmanager
def matrix_products(precision: Precision) -> Iterator[None]:
    """Inside, those of fp32 tensors on CUDA round to tf32 if that is the precision."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def _in_fp32(out: Any) -> Any:
    if isinstance(out, tuple):
        return tuple(map(_in_fp32, out))
    return out.float() if isinstance(out, Tensor) and out.dtype == torch.bfloat16 else out


def _channels_last(x: Any) -> Any:
    """Images as convolutions in bf16 take them best; with one channel torch cannot tell by itself."""
    if not isinstance(x, Tensor) or x.ndim != 4:
        return x
    if x.shape[1] == 1:
        return x.squeeze(1).unsqueeze(-1).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last)
