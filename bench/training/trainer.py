"""The only training loop: iterable, resumable, ignorant of trackers, studies and metrics."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.config import TrainSettings
from bench.contracts import Phase, Rng, Scalars, Step, Trainable
from bench.errors import Interrupted
from bench.evaluation.stored import Stored
from bench.modules import gradient_norm
from bench.records import StepLog
from bench.runtime import DeviceRng, generator
from bench.training.autocast import in_bf16, matrix_products
from bench.training.averages import Averages
from bench.training.batches import Batches
from bench.training.capture import Steps, steps_on
from bench.training.optimizers import Optimizer, build_optimizer
from bench.training.step_scalars import StepScalars

NEVER = 2**62

Told = tuple[Scalars, Scalars]
"""What a phase tells of a step: scalars for their means, and losses among them for their spread."""


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


Advance = Callable[["Trainer", int], None]


class Trainer:
    """Iterating gives a ``StepLog`` at each of ``num_logs`` evenly spaced points of the budget.

    One step draws one fresh batch of real images; then each phase that is due runs on it, in
    the order listed. While a phase runs, only the parameters of its optimizer require
    gradients and all modules are in training mode. ``state_dict`` is valid between two steps
    and continues to the same bits and the same logs.

    Args:
        trainable: The model; its modules are on the device already, initialised.
        images: The train split, uint8 ``[N, C, H, W]``, on the device or on its way there.
        labels: int64 ``[N]`` on the device, or None.
        settings: Budget, batch size, seed and cadence.
        channels: How many images a stack has that is drawn anew of them; 0 takes them as they are.
        should_stop: Asked before each step.
        advance: Trains it to so many steps, or until it is to stop; without one it does so alone.

    Attributes:
        trainable: The model.
        data: Images and labels.
        device: Where they are.
        batches: The same in their order.
        steps_done: Steps so far.
        since_log: What they have told since the last log.
        waited: Seconds that went to other runs while it was to train.
        facts: How it was trained, for the tags of a run; nothing of a run alone on a CPU.
        steps: How steps are done: as CUDA graphs where there is such a device.
    """

    def __init__(
        self,
        trainable: Trainable,
        images: Tensor | Stored,
        labels: Tensor | None,
        settings: TrainSettings,
        *,
        channels: int = 0,
        should_stop: Callable[[], bool] = lambda: False,
        advance: Advance | None = None,
    ) -> None:
        if settings.precision == "bf16":
            trainable = in_bf16(trainable)
        self.trainable, self.settings = trainable, settings
        self.data, self.device = (images, labels), images.device
        self.should_stop = should_stop
        self._advance = advance or Trainer.train_to
        self.steps_done, self.waited = 0, 0.0
        self.facts: dict[str, str] = {}
        self.updates = {phase.name: 0 for phase in trainable.phases}
        # A budget of fewer steps than logs has several logs at one step, given once.
        logs = range(1, settings.num_logs + 1)
        self._goals = [-(-settings.num_steps * i // settings.num_logs) for i in logs]
        self._nets = trainable.modules
        self._phases = trainable.phases
        self.batches = Batches(
            images, labels, size=settings.batch_size, seed=settings.seed, channels=channels
        )
        self._rng = generator("training", settings.seed, device=images.device)
        self._noise: Rng = DeviceRng(self._rng)
        self._specs = trainable.optimizers
        self._optimizers = {
            name: build_optimizer(
                spec, [p for module in spec.modules for p in self._nets[module].parameters()]
            )
            for name, spec in trainable.optimizers.items()
        }
        self._parameters = [p for net in self._nets.values() for p in net.parameters()]
        self._free = ""
        self._averages = Averages(self._nets, trainable.average)
        self._progress_made = torch.zeros((), device=images.device)
        self._now = torch.zeros((), dtype=torch.int64, device=images.device)
        self._never = torch.full_like(self._now, NEVER)
        self._first_bad = self._never.repeat(len(self._phases))
        self.since_log = StepScalars()
        self.steps: Steps[list[Told]] = steps_on(self.device, [self._rng])
        self._batch: tuple[Tensor, Tensor | None] | None = None

    @property
    def evaluated(self) -> dict[str, nn.Module]:
        """The modules to sample and measure: averages stand in for what they average."""
        return {**self._nets, **self._averages.modules}

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
            self._advance(self, goal)
            if self.steps_done < goal:
                raise Interrupted(f"stopped at {self.images_seen} images")
            self._raise_if_diverged()
            yield StepLog(self.images_seen, self.since_log.take())

    def train_to(self, goal: int) -> None:
        """Steps until so many are done, or it is to stop."""
        self._prepare()
        with matrix_products(self.settings.precision):
            while self.steps_done < goal and not self.should_stop():
                self._train_step()
                self.steps_done += 1
        self.facts |= self.steps.facts()

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes; tensors and plain values only."""
        return {
            **{key: {n: one.state_dict() for n, one in some.items()} for key, some in self._kept()},
            "rng": self._rng.get_state(),
            "steps_done": self.steps_done,
            "updates": dict(self.updates),
            **self.since_log.state_dict(),
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
        self.since_log.load_state_dict(state)
        self._first_bad = state.get("first_bad", self._first_bad)
        self.steps.forget()

    def _kept(self) -> list[tuple[str, Mapping[str, nn.Module | Optimizer]]]:
        """What keeps a state of its own, by its place in ``state_dict``."""
        return [
            ("modules", self._nets),
            ("averages", self._averages.modules),
            ("optimizers", self._optimizers),
        ]

    def _prepare(self) -> None:
        """What evaluation since the last step may have changed."""
        self._free = ""
        for module in self._nets.values():
            module.train()

    def _train_step(self) -> None:
        due = [(i, p) for i, p in enumerate(self._phases) if (self.steps_done + 1) % p.every == 0]
        # A graph holds as constants what is due and how fast it learns.
        key = tuple((i, self._count_update(phase)) for i, phase in due)
        step = self._draw()
        told = self.steps.do(key, lambda: [self._run_phase(i, p, step) for i, p in due])
        self.since_log.add(*_joined(told))

    def _count_update(self, phase: Phase) -> float:
        """Makes ready what a coming update takes from its number and its time; its learning rate."""
        self.updates[phase.name] += 1
        spec, optimizer = self._specs[phase.optimizer], self._optimizers[phase.optimizer]
        self._averages.aim(phase.name, spec.modules, self.updates[phase.name])
        if spec.num_stages > 1:
            optimizer.lr = spec.learning_rate(self._progress())
        return optimizer.lr

    def _run_phase(self, index: int, phase: Phase, step: Step) -> Told:
        """All that the device does for a phase, and what it tells; nothing here counts steps."""
        optimizer = self._optimizers[phase.optimizer]
        self._free_parameters_of(phase.optimizer)
        for parameter in optimizer.parameters:
            parameter.grad = None
        loss, scalars = phase.loss(self._nets, step)
        # Of several seeds: the gradient of their sum. Of one none is given, for which torch would
        # import sympy.
        loss.backward(torch.ones_like(loss) if loss.dim() else None)
        norm = self._norm(optimizer.parameters)
        self._watch(index, loss, norm)
        optimizer.step()
        after = phase.after_step(self._nets) if phase.after_step else {}
        self._averages.follow(phase.name)
        name = "loss" if len(self._phases) == 1 else f"{phase.name}_loss"
        told = {name: loss, f"{phase.name}_gradient_norm": norm, **scalars, **after}
        return told, {name: loss}

    def _norm(self, parameters: list[nn.Parameter]) -> Tensor:
        return gradient_norm(parameters)

    def _free_parameters_of(self, optimizer: str) -> None:
        """Only these take gradients from here on."""
        if self._free == optimizer:
            return
        own = set(map(id, self._optimizers[optimizer].parameters))
        for parameter in self._parameters:
            parameter.requires_grad = id(parameter) in own
        self._free = optimizer

    def _progress(self) -> float:
        return min(1.0, self.images_seen / self.settings.num_images)

    @torch.no_grad()
    def _watch(self, index: int, loss: Tensor, norm: Tensor) -> None:
        """Remembers the first step at which one of them is not finite, without waiting for it."""
        finite = (loss - loss) + (norm - norm) == 0
        first = self._first_bad[index]
        torch.minimum(first, torch.where(finite, self._never, self._now), out=first)

    def _raise_if_diverged(self) -> None:
        steps: list[int] = self._first_bad.tolist()
        if steps and min(steps) < NEVER:
            phase = self._phases[steps.index(min(steps))].name
            raise TrainingDiverged(phase, min(steps) * self.settings.batch_size)

    def _draw(self) -> Step:
        """The step's batch; its progress and number are told in place."""
        self._progress_made.fill_(self._progress())
        self._now.fill_(self.steps_done + 1)
        images, labels = self._in_place(*self.batches.at(self.images_seen))
        return Step(images, labels, self._progress_made, self._noise)

    def _in_place(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """A batch, where graphs read it if there are any."""
        if not self.steps.captures:
            return images, labels
        self._batch = self._batch or (images, labels)
        for kept, new in zip(self._batch, (images, labels), strict=True):
            if kept is not None and new is not None and kept is not new:
                kept.copy_(new)
        return self._batch


def _joined(told: list[Told]) -> Told:
    """What a step tells as a whole; of a scalar that two phases tell, the later one."""
    scalars: Scalars = {}
    losses: Scalars = {}
    for some, spread in told:
        scalars |= some
        losses |= spread
    return scalars, losses
