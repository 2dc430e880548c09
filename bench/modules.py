"""Tools on modules: where they lie, whether they take gradients, how many parameters they have."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def count_parameters(modules: dict[str, nn.Module]) -> int:
    """Trained parameters of all modules together."""
    return sum(p.numel() for module in modules.values() for p in module.parameters())


def place(module: nn.Module, device: torch.device) -> None:
    """Moves a module; channels last makes convolutions 1.1 to 1.5 times faster."""
    module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    """L2 norm over all gradients, a 0-d tensor; 0 where there are none."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm(gradients, 2)  # noqa: SLF001 - as torch's own total norm
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return norm
