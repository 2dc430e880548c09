"""A step on a CUDA device as one graph: captured after a few steps, then replayed by a single call.

A small network's step is a thousand short kernels, and starting them takes longer than they run. What
differs from step to step is read from tensors that stay where they are (batch, progress, number,
weight of an average); what a graph holds as a constant (which phases are due, their learning
rates) is its key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

WARM_UP = 3
"""Steps of a key before it is captured: libraries choose their algorithms, optimizers make their states."""


SWITCH = "BENCH_CUDA_GRAPHS"

UNENDED: list[torch.cuda.CUDAGraph] = []
"""Graphs whose capture failed."""


class CaptureFailed(Exception):  # noqa: N818 - the run goes on without graphs
    """A step cannot be captured; nothing of it was done."""


class Recorder(Protocol):
    """How steps are captured."""

    def warm(self, compute: Callable[[], T]) -> T:
        """Does a step as it will be captured later."""

    def record(self, compute: Callable[[], T]) -> Callable[[], T]:
        """What does the step again and gives the same tensors with new values; does nothing yet.

        Raises:
            CaptureFailed: It cannot be captured.
        """


class Steps(Generic[T]):
    """Does the steps of one trainer, those of a key by its graph as soon as it is warm.

    Args:
        recorder: None where nothing is captured, such as on a CPU.

    Attributes:
        failure: Why there are no graphs, where capturing was tried in vain.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._warm: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, Callable[[], T]] = {}
        self.failure = ""

    @property
    def num_graphs(self) -> int:
        """How many were captured."""
        return len(self._graphs)

    @property
    def captures(self) -> bool:
        """Whether steps are captured, now or later."""
        return self._recorder is not None

    def facts(self) -> dict[str, str]:
        """For the tags of a run: how many graphs, or why there are none; nothing on a CPU."""
        if self.failure:
            return {"cuda_graphs": f"none: {self.failure}"}
        return {"cuda_graphs": str(self.num_graphs)} if self._recorder else {}

    def do(self, key: Hashable, compute: Callable[[], T]) -> T:
        """One step."""
        if self._recorder is None:
            return compute()
        if key in self._graphs:
            return self._graphs[key]()
        self._warm[key] = self._warm.get(key, 0) + 1
        if self._warm[key] <= WARM_UP:
            return self._recorder.warm(compute)
        return self._captured(self._recorder, key, compute)

    def forget(self) -> None:
        """What a graph reads or writes may lie elsewhere now."""
        self._warm, self._graphs = {}, {}

    def _captured(self, recorder: Recorder, key: Hashable, compute: Callable[[], T]) -> T:
        try:
            self._graphs[key] = recorder.record(compute)
        except CaptureFailed as failed:
            self.failure, self._recorder, self._graphs = str(failed), None, {}
            return compute()
        return self._graphs[key]()


def steps_on(device: torch.device, rngs: Sequence[torch.Generator]) -> Steps[Any]:
    """As graphs on a GPU, unless the environment says ``BENCH_CUDA_GRAPHS=off``."""
    on_gpu, is_off = device.type == "cuda", os.environ.get(SWITCH) == "off"
    steps: Steps[Any] = Steps(CudaGraphs(rngs) if on_gpu and not is_off else None)
    steps.failure = f"{SWITCH}=off" if on_gpu and is_off else ""
    return steps


class CudaGraphs:
    """Captures on a stream of its own.

    Args:
        rngs: Every generator that a step draws from; a replay draws on from where they are.
    """

    def __init__(self, rngs: Sequence[torch.Generator]) -> None:
        self._rngs = rngs
        self._stream = torch.cuda.Stream()

    def warm(self, compute: Callable[[], T]) -> T:
        """On the same stream, as what libraries and autograd remember belongs to one."""
        with self._beside():
            return compute()

    def record(self, compute: Callable[[], T]) -> Callable[[], T]:
        """A step as a CUDA graph.

        Raises:
            CaptureFailed: Something in it waits for the device or asks a tensor for its value.
        """
        graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        rngs = [*self._rngs, torch.cuda.default_generators[torch.cuda.current_device()]]
        before = [rng.get_state() for rng in rngs]
        for rng in self._rngs:
            graph.register_generator_state(rng)
        capture = torch.cuda.graph(graph, pool, self._stream, capture_error_mode="thread_local")
        try:
            # The outer context leads back to the stream of before, also when capturing fails.
            with torch.cuda.stream(self._stream), capture:
                told = compute()
        except Exception as error:
            _end_allocation(graph, pool)
            for rng, state in zip(rngs, before, strict=True):
                _renew(rng, state)
            raise CaptureFailed(_cause(error)) from error

        def replay() -> T:
            graph.replay()
            return told

        return replay

    @contextmanager
    def _beside(self) -> Iterator[None]:
        """On the stream of its own, behind what was asked for before and ahead of what follows."""
        outside = torch.cuda.current_stream()
        self._stream.wait_stream(outside)
        with torch.cuda.stream(self._stream):
            yield
        outside.wait_stream(self._stream)


def _end_allocation(graph: torch.cuda.CUDAGraph, pool: tuple[int, int]) -> None:
    """Tells the allocator of a capture's end; ``capture_end`` leaves that out where it fails.

    The graph is kept: what decides on the pool's behalf points to it.
    """
    UNENDED.append(graph)
    device = torch.cuda.current_device()
    with suppress(RuntimeError):  # it was told: the capture ended, and something else failed
        torch._C._cuda_endAllocateToPool(device, pool)  # noqa: SLF001 - as torch's own graph trees do
        torch._C._cuda_releasePool(device, pool)  # noqa: SLF001


def _renew(rng: torch.Generator, state: Tensor) -> None:
    """Puts a generator where it was; one that a capture has left half-way draws no more."""
    fresh = torch.Generator(rng.device)
    fresh.set_state(state)
    rng.graphsafe_set_state(fresh)


def _cause(error: BaseException) -> str:
    """What went wrong first, in a line: ending a capture that failed fails as well."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
