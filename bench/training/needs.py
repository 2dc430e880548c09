"""What a run needs of a machine, estimated before the first allocation and compared with what is there."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.config import RunConfig
from bench.contracts import Step, Trainable
from bench.dataset_names import own_pictures
from bench.datasets._splits import more_images
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import CHUNK, evaluation_mode, missing_detector
from bench.measures import is_enough
from bench.memory import memory_there, size_text
from bench.metrics._evaluate import num_samples
from bench.models import MODELS
from bench.records import DataSpec, Scalar
from bench.runtime import seeded_modules
from bench.text import shown
from bench.training.parts import stacked_of
from bench.training.precision import require_precision

STEP_SECONDS = 1e-4
"""What no step takes less than, whatever it runs on."""

YEAR = 365.25 * 24 * 3600
MOST_YEARS = 1.0

PROCESS = 400 * 2**20
"""Bytes of a worker process before its first run."""

FEW_VALUES, SMALL_SETTING = 10**6, 200
"""Up to here images are really shown to a model: that is done before torch has loaded what it needs
for tensors without memory."""

COPIES = {"adam": 4, "rmsprop": 3}
"""Of a parameter in training: itself, its gradient and what the optimizer remembers."""

BACKWARD = 1.5
"""What a step holds at most, over what its forward pass keeps: gradients of the layer at hand."""

NEUTRAL = {"train.seed", "train.num_images", "train.num_logs", "train.num_validations"}
"""What no memory depends on."""

NOT_HELD = {*NEUTRAL, "model.depth"}
"""Nor grows with: a deeper network may be the smaller one."""


class Facts(NamedTuple):
    """What the memory of a run depends on: numbers that it grows with, and all else."""

    kind: dict[str, Scalar]
    numbers: dict[str, int]

    def hold(self, small: Facts) -> bool:
        """Whether the other is the same with smaller numbers, so that it needs no more."""
        return (
            self.kind == small.kind
            and self.numbers.keys() == small.numbers.keys()
            and all(self.numbers[key] >= small.numbers[key] for key in small.numbers)
        )


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Bytes of memory that one run needs beside its data.

    Attributes:
        parameters: With gradients, optimizers and averages.
        batch: What a step's forward pass keeps for the way back.
        evaluation: Samples, their features and a chunk of them on its way through the model.
    """

    parameters: int
    batch: int
    evaluation: int

    @property
    def total(self) -> int:
        """Training and evaluation take turns."""
        return self.parameters + max(self.batch, self.evaluation)


class Blank:
    """Noise that is all zero and may have no memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def normal(self, *shape: int) -> Tensor:
        """Zeros."""
        return torch.zeros(shape, device=self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Zeros."""
        return self.normal(*shape)

    def integers(self, high: int, *shape: int) -> Tensor:  # noqa: ARG002
        """Zeros, int64."""
        return torch.zeros(shape, dtype=torch.int64, device=self._device)


def require_possible(configs: Iterable[RunConfig], reference: ReferenceData, jobs: int = 1) -> None:
    """No run lacks time, memory or its precision.

    Args:
        configs: Of all runs.
        reference: Their data, which lies in memory already.
        jobs: How many of them run at a time.

    Raises:
        UsageError: One of them cannot be held, or a part of its model is unknown or does not fit.
    """
    measured: list[Facts] = []
    for config in sorted(configs, key=_size, reverse=True):
        _require_time(config)
        stacked_of(config)
        require_precision(config.train.precision, reference.device)
        facts = Facts(_kind(config), _numbers(config))
        if not any(other.hold(facts) for other in measured):
            measured.append(facts)
            _require_memory(config, needs_of(config, reference), reference, jobs)


def distance_lacking(config: RunConfig, reference: ReferenceData) -> str:
    """Why validation has no distance to choose by, with the remedy; empty where it has one."""
    detector, name = reference.detector, config.data.dataset
    if detector is None:
        return missing_detector(reference.spec)
    sizes = [len(reference.images(split)) for split in ("train", "val", "test")]
    count = min(sizes[1], config.eval.max_val_samples, config.eval.max_samples)
    if is_enough(count, detector.dim):
        return ""
    remedy = "raise max_samples and max_val_samples"
    if not is_enough(sizes[1], detector.dim):
        remedy = more_images(own_pictures(name), sizes, detector.dim)
    return (
        f"'{name}' gives {count} validation images per distance, more than {detector.dim} are needed "
        f"for the detector's features: {remedy}"
    )


def needs_of(config: RunConfig, reference: ReferenceData) -> Needs:
    """What a run needs at most, as far as a few images of its own model tell."""
    trainable, device = _built(config, reference.spec)
    n = max(num_samples(config.eval, reference))
    return Needs(
        parameters=4 * sum(_copies(trainable, name) for name in trainable.modules),
        batch=int(
            BACKWARD * _at(config.train.batch_size, _kept, trainable, reference.spec, device)
        ),
        evaluation=_evaluation(n, reference)
        + _at(min(n, CHUNK), _passed, trainable, reference.spec, device),
    )


def _built(config: RunConfig, spec: DataSpec) -> tuple[Trainable, torch.device]:
    """The model, and the device that a few images of it are tried on: one without memory.

    A small model is tried on the CPU, where that is the quicker way; so is one of a plugin that
    cannot be built without memory.
    """
    build, memory, none = MODELS.get(config.name).build, torch.device("cpu"), torch.device("meta")
    try:
        with none:
            trainable = build(config.model, spec)
    except UsageError:
        raise
    except Exception:  # noqa: BLE001 - it may read a number of a tensor
        return build(config.model, spec), memory
    values = sum(_values(module) for module in trainable.modules.values())
    if values > FEW_VALUES or _largest_of_model(config) > SMALL_SETTING:
        return trainable, none
    with seeded_modules(0):
        return build(config.model, spec), memory


def _require_time(config: RunConfig) -> None:
    train = config.train
    years = train.num_steps * STEP_SECONDS / YEAR
    if years > MOST_YEARS:
        raise UsageError(
            f"train.num_images={train.num_images:,} in batches of {train.batch_size:,} would take more "
            f"than {years:.1f} years: lower num_images or raise batch_size"
        )


def _require_memory(config: RunConfig, needs: Needs, reference: ReferenceData, jobs: int) -> None:
    there = memory_there(reference.device)
    asked = jobs * (needs.total + (PROCESS + reference.own_bytes if jobs > 1 else 0))
    if asked <= there:
        return
    remedy = _remedy(config, needs) if needs.total > there else f"lower --jobs ({jobs})"
    several = f"{jobs} runs at a time of " if jobs > 1 and needs.total <= there else ""
    raise UsageError(
        f"{several}{config.name} on '{config.data.dataset}' would need "
        f"{size_text(asked if several else needs.total)} of memory, {size_text(there)} are "
        f"there: {remedy}"
    )


def _remedy(config: RunConfig, needs: Needs) -> str:
    """The settings that the largest part grows with."""
    flat = config.flat()
    if needs.parameters > max(needs.batch, needs.evaluation):
        keys = [
            f"model.{key}" for key in ("width", "hidden", "h_dim", "prior_hidden", "latent_dim")
        ]
    elif needs.batch >= needs.evaluation:
        keys = ["train.batch_size", "model.num_importance", "model.width", "model.hidden"]
    else:
        keys = ["eval.max_samples", "model.width", "model.hidden"]
    known = [
        f"{key.partition('.')[2]} ({shown(flat[key])})" for key in keys if flat.get(key, 1) != 1
    ]
    return f"lower {' or '.join(known)}" if known else "take a smaller model"


def _copies(trainable: Trainable, name: str) -> int:
    """Numbers that are held for a module: its own, and those that training adds."""
    kinds = [COPIES.get(o.kind, 4) for o in trainable.optimizers.values() if name in o.modules]
    return _values(trainable.modules[name]) * (max(kinds, default=1) + (name in trainable.average))


def _values(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in (*module.parameters(), *module.buffers()))


def _evaluation(n: int, reference: ReferenceData) -> int:
    """Samples and what the detectors say of them and of as many real images."""
    detectors = [d for d in (reference.detector, *reference.other_detectors) if d is not None]
    pixels = math.prod(reference.spec.shape)
    return n * (5 * pixels + 2 * 8 * sum(each.dim for each in detectors))


def _at(n: int, count: Any, trainable: Trainable, spec: DataSpec, device: torch.device) -> int:
    """What ``count`` gives at n images, from what it gives at two and at four."""
    try:
        two, four = (count(trainable, _step(size, spec, device)) for size in (2, 4))
    except Exception:  # noqa: BLE001 - a plugin that asks a number of a tensor without memory
        return 0
    return int(two + (four - two) / 2 * (n - 2))


def _kept(trainable: Trainable, step: Step) -> int:
    """Bytes that the forward pass of the largest phase keeps."""
    return max((_kept_by(trainable, phase.loss, step) for phase in trainable.phases), default=0)


def _kept_by(trainable: Trainable, loss: Any, step: Step) -> int:
    kept: dict[int, tuple[int, Tensor]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes(), tensor  # noqa: SLF001 - one on meta has no address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss(trainable.modules, step)
    return sum(size for size, _ in kept.values())


@torch.no_grad()
def _passed(trainable: Trainable, step: Step) -> int:
    """Bytes of the layer with the largest input and output, as samples are drawn."""
    fns, n = trainable.eval_fns, len(step.images)
    evaluation_mode(trainable.modules)
    with _sizes(trainable.modules.values()) as sizes:
        z = fns.latent(trainable.modules, n, step.noise)
        fns.decode(trainable.modules, z, step.labels if fns.conditional else None)
    return max(sizes, default=0)


@contextlib.contextmanager
def _sizes(modules: Iterable[nn.Module]) -> Iterator[list[int]]:
    """Bytes of input and output of every layer that is used inside."""
    sizes: list[int] = []

    def note(_: nn.Module, given: Any, out: Any) -> None:
        sizes.append(sum(x.nbytes for x in (*given, out) if isinstance(x, Tensor)))

    hooks = [part.register_forward_hook(note) for m in modules for part in m.modules()]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()


def _step(n: int, spec: DataSpec, device: torch.device) -> Step:
    noise = Blank(device)
    return Step(
        images=noise.normal(n, *spec.shape),
        labels=noise.integers(1, n) if spec.num_classes else None,
        progress=noise.normal(),
        noise=noise,
    )


def _numbers(config: RunConfig) -> dict[str, int]:
    """The whole numbers among the settings that memory grows with."""
    return {
        key: value
        for key, value in config.flat().items()
        if isinstance(value, int) and not isinstance(value, bool) and key not in NOT_HELD
    }


def _largest_of_model(config: RunConfig) -> int:
    return max((v for k, v in _numbers(config).items() if k.startswith("model.")), default=0)


def _size(config: RunConfig) -> int:
    return sum(_numbers(config).values())


def _kind(config: RunConfig) -> dict[str, Scalar]:
    """All that memory depends on otherwise; of a number with a point, whether it is 0."""
    rest = config.flat().items() - _numbers(config).items()
    return {k: v != 0 if isinstance(v, float) else v for k, v in rest if k not in NEUTRAL}
