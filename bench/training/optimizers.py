"""Adam and RMSprop as torch steps them, without what its own optimizers wrap around a step.

Those walk through groups, hooks and states at each step, 100 us or more, and import torch's compiler
at the first one, over a second in each process. The numbers are theirs to the last bit, and so
is the form of ``state_dict``: either continues what the other has saved.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench.contracts import OptimSpec


class Optimizer(ABC):
    """Moves parameters by their gradients; one without a gradient stays, and so does its state.

    Attributes:
        parameters: What it moves.
        lr: Learning rate; may be set between two steps.
        kept: Names of the tensors that it keeps for each parameter, ``step`` first.
    """

    kept: ClassVar[tuple[str, ...]]

    def __init__(self, parameters: list[nn.Parameter], lr: float, **others: Any) -> None:
        self.parameters, self.lr = parameters, lr
        self._others = others
        self._states: dict[int, dict[str, Tensor]] = {}
        self._moving: list[int] = []
        self._columns: list[list[Tensor]] = []
        # To count steps by: a plain number would be made a tensor for each parameter.
        self._one = torch.ones((), device=parameters[0].device if parameters else None)

    @torch.no_grad()
    def step(self) -> None:
        """Moves every parameter that has a gradient."""
        moving = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        if not moving:
            return
        if moving != self._moving:
            self._moving, self._columns = moving, self._columns_of(moving)
        parameters, *kept = self._columns
        grads = [grad for p in self.parameters if (grad := p.grad) is not None]
        torch._foreach_add_(kept[0], self._one, alpha=1)
        self._move(parameters, grads, kept)

    @abstractmethod
    def _move(
        self, parameters: list[Tensor], grads: list[Tensor], kept: list[list[Tensor]]
    ) -> None:
        """One step of parameters that all have a gradient; the kept ``step`` counts it in."""

    def state_dict(self) -> dict[str, Any]:
        """As torch's optimizer of the same name gives it."""
        group = {"lr": self.lr, **self._others, "params": list(range(len(self.parameters)))}
        return {"state": {i: dict(s) for i, s in self._states.items()}, "param_groups": [group]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from what this or torch's optimizer gave.

        Raises:
            ValueError: It is of other parameters.
        """
        (group,) = state["param_groups"]
        if len(group["params"]) != len(self.parameters):
            raise ValueError("the state is of another number of parameters")
        self.lr = group["lr"]
        self._states = {i: dict(kept) for i, kept in state["state"].items()}
        self._moving, self._columns = [], []

    def _columns_of(self, moving: list[int]) -> list[list[Tensor]]:
        """Parameters, steps and what is kept of those at the given places."""
        for i in moving:
            if i not in self._states:
                self._states[i] = self._fresh(self.parameters[i])
        kept = [[self._states[i][name] for i in moving] for name in self.kept]
        return [[self.parameters[i] for i in moving], *kept]

    def _fresh(self, parameter: Tensor) -> dict[str, Tensor]:
        zeros = {name: torch.zeros_like(parameter) for name in self.kept}
        return {**zeros, "step": torch.zeros((), device=parameter.device)}


class Adam(Optimizer):
    """Kingma and Ba 2015 (arXiv 1412.6980); torch's ``Adam(fused=True)``."""

    kept = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        parameters: list[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=0,
            amsgrad=False,
            maximize=False,
            foreach=None,
            capturable=False,
            differentiable=False,
            fused=True,
            decoupled_weight_decay=False,
        )
        self._betas, self._eps = betas, eps

    def _move(
        self, parameters: list[Tensor], grads: list[Tensor], kept: list[list[Tensor]]
    ) -> None:
        steps, means, squares = kept
        torch._fused_adam_(
            parameters,
            grads,
            means,
            squares,
            [],
            steps,
            lr=self.lr,
            beta1=self._betas[0],
            beta2=self._betas[1],
            eps=self._eps,
            weight_decay=0,
            amsgrad=False,
            maximize=False,
        )


class RMSprop(Optimizer):
    """Tieleman and Hinton 2012, lecture 6.5; torch's ``RMSprop(foreach=True)``."""

    kept = ("step", "square_avg")
    alpha, eps = 0.99, 1e-8

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        super().__init__(
            parameters,
            lr,
            momentum=0,
            alpha=self.alpha,
            eps=self.eps,
            centered=False,
            weight_decay=0,
            capturable=False,
            foreach=True,
            maximize=False,
            differentiable=False,
        )

    def _move(
        self, parameters: list[Tensor], grads: list[Tensor], kept: list[list[Tensor]]
    ) -> None:
        _, squares = kept
        torch._foreach_mul_(squares, self.alpha)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - self.alpha)
        roots = torch._foreach_sqrt(squares)  # noqa: SLF001 - as its own optimizers
        torch._foreach_add_(roots, self.eps)
        torch._foreach_addcdiv_(parameters, grads, roots, value=-self.lr)


def build_optimizer(spec: OptimSpec, parameters: list[nn.Parameter]) -> Optimizer:
    """The optimizer that a recipe describes.

    Raises:
        ValueError: An unknown kind.
    """
    if spec.kind == "adam":
        return Adam(parameters, spec.lr, spec.betas, spec.eps)
    if spec.kind == "rmsprop":
        return RMSprop(parameters, spec.lr)
    raise ValueError(f"unknown optimizer '{spec.kind}': expected adam or rmsprop")
