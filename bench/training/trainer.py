"""The only training loop: iterable, resumable, ignorant of trackers, studies and metrics."""

from __future__ import annotations

import copy
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.config import TrainSettings
from bench.contracts import OptimSpec, Phase, Scalars, Step, Trainable
from bench.errors import Interrupted
from bench.images import to_unit
from bench.modules import gradient_norm, requires_grad
from bench.records import StepLog
from bench.runtime import DeviceRng, generator

NEVER = 2**62


class TrainingDiverged(Exception):  # noqa: N818 - a result of training, not a programming error
    """A loss or a gradient norm was not finite.

    Attributes:
        phase: Name of the phase.
        images_seen: Images seen when it first happened.
    """

    def __init__(self, phase: str, images_seen: int) -> None:
        super().__init__(
            f"the {phase} phase met a value that is not finite at {images_seen} images"
        )
        self.phase = phase
        self.images_seen = images_seen


class Trainer:
    """Iterating gives a ``StepLog`` at each of ``num_logs`` evenly spaced points of the budget.

    One step draws one fresh batch of real images; then each phase that is due runs on it, in
    the order listed. While a phase runs, only the parameters of its optimizer require
    gradients and all modules are in training mode. ``state_dict`` is valid between two steps
    and continues to the same bits and the same logs.

    Args:
        trainable: The model; its modules are on the device already, initialised.
        images: The resident train split, uint8 ``[N, C, H, W]``, on the device.
        labels: int64 ``[N]`` on the device, or None.
        settings: Budget, batch size, seed and cadence.
        should_stop: Asked before each step.
    """

    def __init__(
        self,
        trainable: Trainable,
        images: Tensor,
        labels: Tensor | None,
        settings: TrainSettings,
        *,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self._should_stop = should_stop
        self.steps_done = 0
        self.updates = {phase.name: 0 for phase in trainable.phases}
        # A budget of fewer steps than logs has several logs at one step, given once.
        logs = range(1, settings.num_logs + 1)
        self._goals = [-(-settings.num_steps * i // settings.num_logs) for i in logs]
        self._nets = trainable.modules
        self._phases = trainable.phases
        self._images, self._labels = images, labels
        self._rng = generator("training", settings.seed, device=images.device)
        self._noise = DeviceRng(self._rng)
        self._parameters = {
            name: [p for module in spec.modules for p in self._nets[module].parameters()]
            for name, spec in trainable.optimizers.items()
        }
        self._specs = trainable.optimizers
        self._moves = {name: set(spec.modules) for name, spec in trainable.optimizers.items()}
        self._optimizers = {
            name: build_optimizer(spec, self._parameters[name])
            for name, spec in trainable.optimizers.items()
        }
        self._averages = {name: copy.deepcopy(self._nets[name]) for name in trainable.average}
        self._decays = trainable.average
        self._order: tuple[int, Tensor] | None = None
        self._first_bad = torch.full((len(self._phases),), NEVER, device=images.device)
        self._totals: dict[str, tuple[Tensor, int]] = {}
        self._deviations: dict[str, RunningStd] = {}

    @property
    def evaluated(self) -> dict[str, nn.Module]:
        """The modules to sample and measure: averages stand in for what they average."""
        return {**self._nets, **self._averages}

    @property
    def images_seen(self) -> int:
        """Real images drawn so far; the last batch may pass the budget by less than its size."""
        return self.steps_done * self.settings.batch_size

    @property
    def logs_done(self) -> int:
        """Logs given so far, those before a resume counted in."""
        return bisect_right(self._goals, self.steps_done)

    def __iter__(self) -> Iterator[StepLog]:
        """Trains on from where it stands.

        Raises:
            TrainingDiverged: At the log after the first value that is not finite.
            Interrupted: ``should_stop`` said so.
        """
        for goal in self._goals if self._phases else ():
            if goal <= self.steps_done:
                continue
            for module in self._nets.values():
                module.train()
            while self.steps_done < goal:
                if self._should_stop():
                    raise Interrupted(f"stopped at {self.images_seen} images")
                _accumulate(self._totals, self._train_step())
                self.steps_done += 1
            self._raise_if_diverged()
            yield StepLog(self.images_seen, self._since_last_log())

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes; tensors and plain values only."""
        return {
            **{key: {n: one.state_dict() for n, one in some.items()} for key, some in self._kept()},
            "rng": self._rng.get_state(),
            "steps_done": self.steps_done,
            "updates": dict(self.updates),
            "totals": dict(self._totals),
            "deviations": {name: vars(std) for name, std in self._deviations.items()},
            "first_bad": self._first_bad,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from what ``state_dict`` gave; older versions gave it at a log alone."""
        for key, some in self._kept():
            for name, one in some.items():
                one.load_state_dict(state[key][name])
        self._rng.set_state(state["rng"].cpu())
        self.steps_done = state["steps_done"]
        self.updates = dict(state["updates"])
        self._totals = {
            name: (total, count) for name, (total, count) in state.get("totals", {}).items()
        }
        stds = state.get("deviations", {})
        self._deviations = {name: RunningStd(**std) for name, std in stds.items()}
        self._first_bad = state.get("first_bad", self._first_bad)

    def _since_last_log(self) -> dict[str, float]:
        """Means and deviations of the steps since then, which begin anew."""
        means = {name: float(total) / count for name, (total, count) in self._totals.items()}
        stds = {f"{name}_sd": s.value() for name, s in self._deviations.items() if s.count > 1}
        self._totals, self._deviations = {}, {}
        return means | stds

    def _kept(self) -> list[tuple[str, Mapping[str, nn.Module | torch.optim.Optimizer]]]:
        """What keeps a state of its own, by its place in ``state_dict``."""
        return [
            ("modules", self._nets),
            ("averages", self._averages),
            ("optimizers", self._optimizers),
        ]

    def _train_step(self) -> Scalars:
        step = self._draw()
        scalars: Scalars = {}
        for index, phase in enumerate(self._phases):
            if (self.steps_done + 1) % phase.every == 0:
                scalars |= self._run_phase(index, phase, step)
        return scalars

    def _run_phase(self, index: int, phase: Phase, step: Step) -> Scalars:
        optimizer = self._optimizers[phase.optimizer]
        parameters = self._parameters[phase.optimizer]
        requires_grad(list(self._nets.values()), on=False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        optimizer.zero_grad(set_to_none=True)
        loss, scalars = phase.loss(self._nets, step)
        loss.backward()
        norm = gradient_norm(parameters)
        self._watch(index, loss.detach(), norm)
        self._set_rate(phase.optimizer)
        optimizer.step()
        self.updates[phase.name] += 1
        after = phase.after_step(self._nets) if phase.after_step else {}
        self._average(phase)
        name = "loss" if len(self._phases) == 1 else f"{phase.name}_loss"
        if name not in self._deviations:
            self._deviations[name] = RunningStd.around(loss)
        self._deviations[name].add(loss)
        return {name: loss.detach(), f"{phase.name}_gradient_norm": norm, **scalars, **after}

    def _set_rate(self, name: str) -> None:
        spec = self._specs[name]
        if spec.num_stages > 1:
            for group in self._optimizers[name].param_groups:
                group["lr"] = spec.learning_rate(self._progress())

    def _progress(self) -> float:
        return min(1.0, self.images_seen / self.settings.num_images)

    @torch.no_grad()
    def _average(self, phase: Phase) -> None:
        """Moves the averages of what the phase has moved; buffers are copied (rule 7).

        The decay rises to its value as (1 + t) / (10 + t) over the first updates t, so that
        the first weights are forgotten, as in TensorFlow's ExponentialMovingAverage.
        """
        for name in self._moves[phase.optimizer] & self._averages.keys():
            updates = self.updates[phase.name]
            decay = min(self._decays[name], (1 + updates) / (10 + updates))
            average, live = self._averages[name], self._nets[name]
            torch._foreach_lerp_(list(average.parameters()), list(live.parameters()), 1 - decay)
            for old, new in zip(average.buffers(), live.buffers(), strict=True):
                old.copy_(new)

    def _watch(self, index: int, loss: Tensor, norm: Tensor) -> None:
        bad = ~(torch.isfinite(loss) & torch.isfinite(norm))
        first = self._first_bad[index]
        self._first_bad[index] = torch.where(bad, first.clamp(max=self.steps_done + 1), first)

    def _raise_if_diverged(self) -> None:
        steps: list[int] = self._first_bad.tolist()
        if steps and min(steps) < NEVER:
            phase = self._phases[steps.index(min(steps))].name
            raise TrainingDiverged(phase, min(steps) * self.settings.batch_size)

    def _draw(self) -> Step:
        index = self._batch_index()
        return Step(
            images=to_unit(self._images[index]),
            labels=None if self._labels is None else self._labels[index],
            progress=torch.full((), self._progress(), device=self._images.device),
            noise=self._noise,
        )

    def _batch_index(self) -> Tensor:
        """Positions of the endless stream of epochs; a batch may end one and begin the next."""
        size, wanted = len(self._images), self.settings.batch_size
        parts: list[Tensor] = []
        epoch, start = divmod(self.images_seen, size)
        while wanted > 0:
            part = self._permutation(epoch)[start : start + wanted]
            parts.append(part)
            wanted -= len(part)
            epoch, start = epoch + 1, 0
        return torch.cat(parts)

    def _permutation(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            rng = generator("order", self.settings.seed, epoch)
            order = torch.randperm(len(self._images), generator=rng)
            self._order = (epoch, order.to(self._images.device))
        return self._order[1]


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


def build_optimizer(spec: OptimSpec, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that a recipe describes.

    Raises:
        ValueError: An unknown kind.
    """
    if spec.kind == "adam":
        return torch.optim.Adam(parameters, lr=spec.lr, betas=spec.betas, eps=spec.eps, fused=True)
    if spec.kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=spec.lr, foreach=True)
    raise ValueError(f"unknown optimizer '{spec.kind}': expected adam or rmsprop")


def _accumulate(totals: dict[str, tuple[Tensor, int]], scalars: Scalars) -> None:
    for name, value in scalars.items():
        total, count = totals.get(name, (None, 0))
        new = value.detach().clone() if total is None else total.add_(value.detach())
        totals[name] = (new, count + 1)
