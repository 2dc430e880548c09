"""Seeds of one configuration as one program: whatever differs from seed to seed has a first dimension of seeds.

Ten small networks keep a GPU no longer than one; what a step costs there is the number of its
kernels. Each seed's batch normalisation sees its own images alone, and its noise comes from its own
generator in the order in which it would draw it alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from bench.contracts import Loss, Nets, Phase, Rng, Scalars, Step, Trainable
from bench.runtime import DeviceRng, generator

Draw = tuple[str, tuple[int, ...]]
"""What was asked of a source of noise: ``("normal", (64, 16))``."""


class NotBatchable(Exception):  # noqa: N818 - the seeds are trained one by one instead
    """A loss cannot be computed for several seeds at once."""


@dataclass(frozen=True)
class SeedsRng:
    """The noise of several seeds, each from its own."""

    each: Sequence[Rng]

    def drawn(self, draws: Sequence[Draw]) -> list[Tensor]:
        """The same draws for each seed, in this order, each ``[S, ...]``."""
        return [torch.stack([_draw(rng, draw) for rng in self.each]) for draw in draws]

    def normal(self, *shape: int) -> Tensor:
        """``[S, *shape]``."""
        return self.drawn([("normal", shape)])[0]

    def uniform(self, *shape: int) -> Tensor:
        """``[S, *shape]``."""
        return self.drawn([("uniform", shape)])[0]

    def integers(self, high: int, *shape: int) -> Tensor:
        """``[S, *shape]``."""
        return self.drawn([("integers", (high, *shape))])[0]


class _Asking:
    """A source of noise that lets ``answer`` say what is drawn."""

    def __init__(self, answer: Callable[[Draw], Tensor]) -> None:
        self._answer = answer

    def normal(self, *shape: int) -> Tensor:
        return self._answer(("normal", shape))

    def uniform(self, *shape: int) -> Tensor:
        return self._answer(("uniform", shape))

    def integers(self, high: int, *shape: int) -> Tensor:
        return self._answer(("integers", (high, *shape)))


class _Program(nn.Module):
    """The modules as one, so that a function of them can be called with other weights."""

    def __init__(self, nets: Nets) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(dict(nets))

    def forward(self, function: Callable[[Any], Any]) -> Any:
        return function(self.nets)

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}


def stacked(trainables: Sequence[Trainable]) -> Trainable:
    """One trainable for the models of several seeds.

    Its modules are those of one seed with parameters and buffers ``[S, ...]``; its phases take
    images ``[S, N, C, H, W]``, labels ``[S, N]`` and a ``SeedsRng``, and give loss and scalars
    ``[S]``. The sum of those losses has the gradients of each.

    Raises:
        NotBatchable: By a phase, at its first step.
    """
    first, *_ = trainables
    modules = copy.deepcopy(first.modules)
    for name, module in modules.items():
        each = [trainable.modules[name] for trainable in trainables]
        for tensors in (nn.Module.parameters, nn.Module.buffers):
            for mine, *others in zip(tensors(module), *map(tensors, each), strict=True):
                mine.data = torch.stack([other.detach() for other in others])
    program = _Program(modules)
    phases = [_stacked_phase(phase, program, len(trainables)) for phase in first.phases]
    return replace(first, modules=modules, phases=phases, initialise=None)


def _stacked_phase(phase: Phase, program: _Program, num_seeds: int) -> Phase:
    after = phase.after_step
    return replace(
        phase,
        loss=_StackedLoss(phase.loss, program),
        after_step=None if after is None else lambda _: _after_each(after, program, num_seeds),
    )


class _StackedLoss:
    """A loss for all seeds at once; a first call for one seed alone tells which noise it draws."""

    def __init__(self, loss: Loss, program: _Program) -> None:
        self._loss, self._program = loss, program
        self._draws: list[Draw] | None = None

    def __call__(self, nets: Nets, step: Step) -> tuple[Tensor, Scalars]:  # noqa: ARG002 - the program holds them
        if not isinstance(step.noise, SeedsRng):
            raise TypeError("several seeds take a SeedsRng")
        if self._draws is None:
            self._draws = self._listened(step)
        draws = self._draws

        def of_one(
            weights: dict[str, Tensor], images: Tensor, labels: Tensor | None, drawn: list[Tensor]
        ) -> tuple[Tensor, Scalars]:
            one = Step(images, labels, step.progress, _Asking(_answers(draws, drawn)))
            return self._of(weights, one)

        labels_in = None if step.labels is None else 0
        batched = vmap(of_one, in_dims=(0, 0, labels_in, 0))
        try:
            loss, scalars = batched(
                self._program.tensors(), step.images, step.labels, step.noise.drawn(draws)
            )
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise NotBatchable(str(error).partition("\n")[0]) from error
        return loss, scalars

    def _of(self, weights: dict[str, Tensor], step: Step) -> tuple[Tensor, Scalars]:
        """The loss of one seed with these weights."""

        def loss(nets: Nets) -> tuple[Tensor, Scalars]:
            return self._loss(nets, step)

        found: tuple[Tensor, Scalars] = functional_call(self._program, weights, (loss,))
        return found

    def _listened(self, step: Step) -> list[Draw]:
        """What the loss draws, by a call that leaves weights, buffers and generators alone."""
        draws: list[Draw] = []
        rng = DeviceRng(generator("listening", device=step.images.device))

        def note(draw: Draw) -> Tensor:
            draws.append(draw)
            return _draw(rng, draw)

        labels = None if step.labels is None else step.labels[0]
        weights = {name: t.detach()[0].clone() for name, t in self._program.tensors().items()}
        self._of(weights, Step(step.images[0], labels, step.progress, _Asking(note)))
        return draws


def _answers(draws: Sequence[Draw], drawn: Sequence[Tensor]) -> Callable[[Draw], Tensor]:
    """Gives what was drawn, draw by draw."""
    left: Iterator[tuple[Draw, Tensor]] = iter(list(zip(draws, drawn, strict=True)))

    def answer(draw: Draw) -> Tensor:
        expected, tensor = next(left, (None, None))
        if expected != draw or tensor is None:
            raise NotBatchable(f"a loss drew {draw} where it drew {expected} before")
        return tensor

    return answer


def _draw(rng: Rng, draw: Draw) -> Tensor:
    kind, numbers = draw
    tensor: Tensor = getattr(rng, kind)(*numbers)
    return tensor


@torch.no_grad()
def _after_each(after: Callable[[Nets], Scalars], program: _Program, num_seeds: int) -> Scalars:
    """What a phase does after its step, seed by seed: it may change weights in place."""
    each: list[Scalars] = []
    for seed in range(num_seeds):
        weights = {name: tensor.detach()[seed] for name, tensor in program.tensors().items()}
        each.append(functional_call(program, weights, (after,)))
    return {name: torch.stack([one[name] for one in each]) for name in each[0]}


def merged(states: Sequence[Any]) -> Any:
    """The states of several seeds as that of one program: tensors ``[S, ...]``, all else the first's."""
    first, *_ = states
    if isinstance(first, Mapping):
        return {key: merged([state[key] for state in states]) for key in first}
    if isinstance(first, tuple | list):
        return type(first)(merged(values) for values in zip(*states, strict=True))
    return torch.stack(list(states)) if isinstance(first, Tensor) else first


def parted(state: Any, seed: int) -> Any:
    """The state of one seed, out of that of the program."""
    if isinstance(state, Mapping):
        return {key: parted(value, seed) for key, value in state.items()}
    if isinstance(state, tuple | list):
        return type(state)(parted(value, seed) for value in state)
    return state[seed].clone() if isinstance(state, Tensor) else state
