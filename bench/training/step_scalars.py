"""What training steps tell until the next log: means of scalars and how far losses spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.contracts import Scalars


class StepScalars:
    """Sums over the steps since the last log, on their device until they are asked for."""

    def __init__(self) -> None:
        self._totals: dict[str, tuple[Tensor, int]] = {}
        self._deviations: dict[str, RunningStd] = {}

    @torch.no_grad()
    def add(self, scalars: Scalars, losses: Mapping[str, Tensor]) -> None:
        """Takes one step in: scalars for their means, losses for means and deviations."""
        for name, loss in losses.items():
            if name not in self._deviations:
                self._deviations[name] = RunningStd.around(loss)
            self._deviations[name].add(loss)
        known = [name for name in scalars if name in self._totals]
        if known:
            totals = [self._totals[name][0] for name in known]
            torch._foreach_add_(totals, [scalars[name] for name in known])
        for name, value in scalars.items():
            total, count = self._totals.get(name) or (value.detach().clone(), 0)
            self._totals[name] = (total, count + 1)

    def take(self) -> dict[str, float]:
        """Means and deviations of the steps since then, which begin anew."""
        means = {name: float(total) / count for name, (total, count) in self._totals.items()}
        stds = {f"{name}_sd": s.value() for name, s in self._deviations.items() if s.count > 1}
        self._totals, self._deviations = {}, {}
        return means | stds

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values only."""
        stds = {name: vars(std) for name, std in self._deviations.items()}
        return {"totals": dict(self._totals), "deviations": stds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from what ``state_dict`` gave; older versions kept nothing between logs."""
        self._totals = {n: (total, count) for n, (total, count) in state.get("totals", {}).items()}
        stds = state.get("deviations", {})
        self._deviations = {name: RunningStd(**std) for name, std in stds.items()}


@dataclass
class RunningStd:
    """Standard deviation of a 0-d tensor over steps, kept on its device until it is asked for.

    Attributes:
        first: The first value. Sums are of differences to it: a loss of many nats that hardly moves
            keeps its digits.
        total: Sum of the differences.
        squares: Sum of their squares.
        count: How many values.
    """

    first: Tensor
    total: Tensor
    squares: Tensor
    count: int = 0

    @classmethod
    def around(cls, value: Tensor) -> RunningStd:
        """Of no value yet, near this one."""
        first = value.detach().clone()
        return cls(first, torch.zeros_like(first), torch.zeros_like(first))

    def add(self, value: Tensor) -> None:
        """Takes one more value in, without waiting for the device."""
        difference = value.detach() - self.first
        self.total += difference
        self.squares += difference * difference
        self.count += 1

    def value(self) -> float:
        """The deviation over all values so far (N - 1); at least two."""
        total, squares = float(self.total), float(self.squares)
        return math.sqrt(max(0.0, squares - total * total / self.count) / (self.count - 1))
