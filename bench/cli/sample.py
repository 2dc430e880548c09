"""``bench sample``: a grid of samples of a tracked run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.contracts import EvalFns, Noise
from bench.errors import UsageError
from bench.evaluation.reference import HeldData
from bench.evaluation.view import draw
from bench.images import display_scale, grid, to_png
from bench.labels import draw_labels
from bench.models import recorded
from bench.registry import load_plugins
from bench.runtime import DeviceNoise, generator, resolve_device
from bench.tracking.mlflow import Store
from bench.training.run import held_for, restore_run


def sample_run(
    run_id: str,
    count: int,
    out: Path,
    *,
    seed: int,
    label: int | None,
    device: str,
    uri: str | None,
    root: Path,
    plugins: Sequence[Path],
) -> None:
    """Writes a grid of samples of a tracked run, of one class if ``label`` is given.

    Raises:
        UsageError: No such run, its checkpoint is not under ``root``, or it has no such class.
    """
    load_plugins(plugins)
    record = Store(uri).record(run_id)
    config = recorded(record.params)
    held = held_for(config, resolve_device(device))
    folder = root / (record.about.folder or "?")
    trainable = restore_run(config, held, folder, run_id)
    noise = DeviceNoise(generator("sample", seed), held.device)
    labels = _labels(trainable.eval_fns, held, count, label, noise)
    images = draw(trainable.modules, trainable.eval_fns, count, noise, labels)
    side = max(1, round(count**0.5))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(to_png(grid(images, columns=side, scale=display_scale(images.shape[2]))))


def _labels(
    fns: EvalFns, held: HeldData, count: int, label: int | None, noise: Noise
) -> Tensor | None:
    if not fns.conditional:
        if label is not None:
            raise UsageError(f"--class {label} is for a conditional model, and this run has none")
        return None
    if label is None:
        return draw_labels(held.spec, count, noise)
    if not 0 <= label < held.spec.num_classes:
        raise UsageError(f"--class must be in 0..{held.spec.num_classes - 1}, got {label}")
    return torch.full((count,), label, device=held.device)
