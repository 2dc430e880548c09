"""Runs of one configuration on several seeds that train as one program; all else stays each one's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bench.runtime import DeviceRng
from bench.training.batched_seeds import SeedsRng, merged, parted, stacked
from bench.training.batches import Batches
from bench.training.capture import steps_on
from bench.training.trainer import Trainer


class Together:
    """Runs, each in a thread of its own, of which one at a time is awake.

    Whoever has come to where it would train waits there for the others, and the last one trains for
    all: those first that are behind, as after a stop. What cannot be trained as one program is
    trained one by one, from where it stood.

    Args:
        num_runs: How many of them join.

    Attributes:
        failure: Why they train one by one, where it was tried in vain.
    """

    def __init__(self, num_runs: int) -> None:
        self._turn = threading.Condition()
        self._left = num_runs
        self._waiting: dict[Trainer, int] = {}
        self._program: SeedsTrainer | None = None
        self.failure = ""

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Inside, a run is awake but for where it waits for others."""
        with self._turn:
            try:
                yield
            finally:
                self._left -= 1
                self._turn.notify_all()

    def advance(self, trainer: Trainer, goal: int) -> None:
        """Trains a run to so many steps, or until it is to stop."""
        while trainer.steps_done < goal and not trainer.should_stop():
            before, started = trainer.steps_done, time.perf_counter()
            self._meet(trainer, goal)
            trainer.waited += time.perf_counter() - started
            if trainer.steps_done == before:
                trainer.train_to(goal)

    def _meet(self, trainer: Trainer, goal: int) -> None:
        """Waits until all are there and this one's turn has come."""
        self._waiting[trainer] = goal
        while trainer in self._waiting:
            if len(self._waiting) == self._left:
                self._train_those_behind()
            else:
                self._turn.wait()

    def _train_those_behind(self) -> None:
        done = min(trainer.steps_done for trainer in self._waiting)
        behind = [trainer for trainer in self._waiting if trainer.steps_done == done]
        group = sorted(behind, key=lambda trainer: trainer.settings.seed)
        goal = self._waiting[group[0]]
        if len(group) > 1 and not self.failure:
            self._train_as_one(group, goal)
        for trainer in group:
            del self._waiting[trainer]
        self._turn.notify_all()

    def _train_as_one(self, group: list[Trainer], goal: int) -> None:
        try:
            if self._program is None or self._program.members != group:
                self._program = SeedsTrainer(group)
            self._program.train_members_to(goal)
        except Exception as error:  # noqa: BLE001 - whatever it is, each can train alone
            said = str(error).partition("\n")[0]
            self.failure, self._program = f"{type(error).__name__}: {said}", None
            for trainer in group:
                trainer.facts["batched_seeds"] = f"none: {self.failure}"


class SeedsTrainer(Trainer):
    """Trains several runs at once; between two calls each of them is as if it had trained alone.

    Args:
        members: Trainers of one configuration, all at the same step.
    """

    def __init__(self, members: Sequence[Trainer]) -> None:
        first, *_ = members
        super().__init__(
            stacked([member.trainable for member in members]),
            *first.data,
            first.settings,
            should_stop=lambda: any(member.should_stop() for member in members),
        )
        self.members = members
        self.batches = SeedsBatches([member.batches for member in members])
        self._rngs = [torch.Generator(self.device) for _ in members]
        self._noise = SeedsRng([DeviceRng(rng) for rng in self._rngs])
        self.steps = steps_on(self.device, self._rngs)
        self._gather()

    def train_members_to(self, goal: int) -> None:
        """Steps until each has done so many, or one is to stop; each has its share of the seconds."""
        started = time.perf_counter()
        # Each has taken what was told up to the last log.
        told = [member.since_log.state_dict() for member in self.members]
        self.since_log.load_state_dict(merged(told))
        self.train_to(goal)
        self._scatter()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        share = (time.perf_counter() - started) / len(self.members)
        for member in self.members:
            member.waited -= share
            member.facts |= {"batched_seeds": str(len(self.members)), **self.facts}

    def _norm(self, parameters: list[nn.Parameter]) -> Tensor:
        """L2 norm over all gradients of each seed, ``[S]``."""
        found = [p.grad.reshape(len(p.grad), -1) for p in parameters if p.grad is not None]
        norms = [torch.linalg.vector_norm(gradient, dim=1) for gradient in found]
        total: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        return total

    def _gather(self) -> None:
        states = [member.state_dict() for member in self.members]
        state = merged(states)
        for moments in _moments(state):
            moments["step"] = moments["step"][0]
        state |= {"first_bad": state["first_bad"].T, "rng": self._rng.get_state()}
        self.load_state_dict(state)
        for rng, member in zip(self._rngs, states, strict=True):
            rng.set_state(member["rng"])

    def _scatter(self) -> None:
        state = self.state_dict()
        for moments in _moments(state):
            moments["step"] = moments["step"].expand(len(self.members))
        state["first_bad"] = state["first_bad"].T
        for seed, (member, rng) in enumerate(zip(self.members, self._rngs, strict=True)):
            member.load_state_dict({**parted(state, seed), "rng": rng.get_state()})


class SeedsBatches(Batches):
    """The batches of several runs, each in its own order."""

    def __init__(self, each: Sequence[Batches]) -> None:
        self._each = each

    def at(self, images_seen: int) -> tuple[Tensor, Tensor | None]:
        """Float ``[S, N, C, H, W]`` in [0, 1], and labels ``[S, N]``."""
        images, labels = zip(*(batches.at(images_seen) for batches in self._each), strict=True)
        return torch.stack(images), None if labels[0] is None else torch.stack(labels)


def _moments(state: dict[str, Any]) -> Iterator[dict[str, Tensor]]:
    """What optimizers remember of each parameter; they count their steps for all seeds at once."""
    for optimizer in state["optimizers"].values():
        yield from optimizer["state"].values()
