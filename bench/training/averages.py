"""Moving averages of weights, which are evaluated in place of what they average."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from bench.contracts import Nets


class Averages:
    """Averages of some modules; buffers are copied (rule 7).

    The decay rises to its value as (1 + t) / (10 + t) over the first updates t, so that
    the first weights are forgotten, as in TensorFlow's ExponentialMovingAverage.

    Attributes:
        modules: The averages by name of what they average.
    """

    def __init__(self, nets: Nets, decays: Mapping[str, float]) -> None:
        self.modules = {name: copy.deepcopy(nets[name]) for name in decays}
        self._decays = decays
        self._weights = {
            name: (_weights(average), _weights(nets[name]))
            for name, average in self.modules.items()
        }
        self._buffers = {name: _pairs(m, nets[name]) for name, m in self.modules.items()}
        self._steps: dict[str, dict[str, Tensor]] = {}

    def aim(self, phase: str, moved: Collection[str], updates: int) -> None:
        """Says how far the coming update, a phase's so-manieth, is to move averages."""
        for name in self._decays.keys() & moved:
            decay = min(self._decays[name], (1 + updates) / (10 + updates))
            steps = self._steps.setdefault(phase, {})
            if name not in steps:
                steps[name] = torch.zeros((), device=self._weights[name][0][0].device)
            steps[name].fill_(1 - decay)

    @torch.no_grad()
    def follow(self, phase: str) -> None:
        """Moves the averages of the modules that a phase has just moved."""
        for name, step in self._steps.get(phase, {}).items():
            averages, lives = self._weights[name]
            torch._foreach_lerp_(averages, lives, [step] * len(lives))
            for old, new in self._buffers[name]:
                old.copy_(new)


def _weights(module: nn.Module) -> list[Tensor]:
    return list(module.parameters())


def _pairs(average: nn.Module, live: nn.Module) -> list[tuple[Tensor, Tensor]]:
    return list(zip(average.buffers(), live.buffers(), strict=True))
