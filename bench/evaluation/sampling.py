"""Samples of a model by the seed of their noise: what ``bench sample`` and a logged model give."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.contracts import EvalFns, Rng, Trainable
from bench.errors import UsageError
from bench.evaluation.view import draw
from bench.labels import draw_labels
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator


def sampled(
    trainable: Trainable,
    spec: DataSpec,
    device: torch.device,
    count: int,
    *,
    seed: int = 0,
    label: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Samples, uint8 ``[N, C, H, W]`` (points of a plane uint16), and the classes they are made for.

    Raises:
        UsageError: ``label`` is no class of the model.
    """
    noise = DeviceRng(generator("sample", seed), device)
    labels = _labels(trainable.eval_fns, spec, count, label, noise)
    labels = None if labels is None else labels.to(device)
    images = draw(trainable.modules, trainable.eval_fns, count, noise, labels, top=spec.top)
    return images, labels


def _labels(
    fns: EvalFns, spec: DataSpec, count: int, label: int | None, noise: Rng
) -> Tensor | None:
    if not fns.conditional:
        if label is not None:
            raise UsageError(f"--class {label} is for a conditional model, and this run has none")
        return None
    if label is None:
        return draw_labels(spec, count, noise)
    if not 0 <= label < spec.num_classes:
        raise UsageError(f"--class must be in 0..{spec.num_classes - 1}, got {label}")
    return torch.full((count,), label)
