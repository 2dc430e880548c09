"""``bench sample``: a grid of samples of a tracked run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.evaluator import draw
from bench.images import display_scale, grid, to_png
from bench.models import recorded
from bench.registry import load_plugins
from bench.runner import LAST, held_for, restore
from bench.runtime import DeviceNoise, generator, resolve_device
from bench.tracking import Store


def sample_run(
    run_id: str,
    count: int,
    out: Path,
    *,
    seed: int,
    device: str,
    uri: str | None,
    root: Path,
    plugins: Sequence[Path],
) -> None:
    """Writes a grid of samples of a tracked run.

    Raises:
        UsageError: No such run, or its checkpoint is not under ``root``.
    """
    load_plugins(plugins)
    record = Store(uri).record(run_id)
    config = recorded(record.params)
    held = held_for(config, resolve_device(device))
    folder = root / record.tags.get("folder", "?")
    trainable = restore(config, held, folder)
    if trainable.phases and not (folder / LAST).exists():
        raise UsageError(
            f"run '{run_id}' has no checkpoint in {folder}: give its folder with --root"
        )
    noise = DeviceNoise(generator("sample", seed), held.device)
    images = draw(trainable.modules, trainable.eval_fns, count, noise)
    side = max(1, round(count**0.5))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(to_png(grid(images, columns=side, scale=display_scale(images.shape[2]))))
