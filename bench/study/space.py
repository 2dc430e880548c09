"""How much of a disk runs will take, and whether it is there, before the first of them begins.

Measured on digits (8 x 8), MNIST and CIFAR-10 with MLflow 3.17 and sqlite: a validation's pictures
are 90 to 350 kB as PNG and up to 100 kB more as the small copies MLflow keeps beside each; one
value of one curve takes 360 bytes in the database, 120 in a run's own folder; a run's parameters
and tags 20 kB; an empty tracking database 0.9 MB, Optuna's 0.15 MB.
"""

from __future__ import annotations

import functools
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import RunConfig
from bench.errors import UsageError
from bench.memory import size_text
from bench.models import MODELS
from bench.records import DataSpec
from bench.tracking.address import database_path

if TYPE_CHECKING:
    from torch import nn

    from bench.training.run import StageName

PICTURES, PICTURES_PER_VALUE, COPIES = 110_000, 80, 100_000
"""Bytes of one validation's pictures, more for each value of an image, and of their small copies."""
VALUES_PER_LOG, VALUES_PER_VALIDATION = 10, 20
ROW, LINE = 360, 120
"""Bytes of one value of one curve in the database, and in the run's folder."""
RUN, DATABASES = 20_000, 1_200_000
CLOSE = 0.8
"""A warning is given where more than this share of what is free will be taken."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Bytes.

    Attributes:
        root: In the folder of checkpoints and results.
        beside: While a checkpoint is written beside the one before.
        store: In the tracking store.
    """

    root: int
    beside: int
    store: int


def require_space(
    runs: Sequence[tuple[RunConfig, StageName, Path]],
    spec: DataSpec,
    *,
    root: Path,
    store: str,
    jobs: int,
    say: Callable[[str], object],
) -> None:
    """Compares what runs will take with what is free where they and their tracking lie.

    What a run that has begun holds already is replaced or added to, and not taken once more.

    Args:
        runs: What is left to do, and the folder of each.
        spec: Of their data.
        root: Holds the folders.
        store: Address of the tracking store; one that is no local file takes space elsewhere.
        jobs: Runs at a time.
        say: Is told where it will be close.

    Raises:
        UsageError: It cannot fit.
    """
    if not runs:
        return
    each = [space_of(config, stage, spec) for config, stage, _ in runs]
    kept = [_bytes_in(folder) for _, _, folder in runs]
    left = sum(max(0, one.root - there) for one, there in zip(each, kept, strict=True))
    needed = {root: left + jobs * max(one.beside for one in each)}
    if database := database_path(store):
        needed[database.parent] = sum(one.store for one in each)
    for place, wanted in _by_disk(needed).items():
        free = shutil.disk_usage(_there(place)).free
        found = f"about {size_text(wanted)} of disk space in '{place}', where {size_text(free)} are"
        if wanted > free:
            raise UsageError(
                f"what is left to run needs {found} free: free some, or choose another folder with "
                "--root or --tracking-uri"
            )
        if wanted > CLOSE * free:
            say(f"disk: what is left to run needs {found} free, which is close")


def space_line(runs: Sequence[tuple[RunConfig, StageName]], spec: DataSpec) -> str:
    """What runs will take, for people."""
    each = [space_of(config, stage, spec) for config, stage in runs]
    kept = size_text(sum(one.root for one in each))
    told = size_text(DATABASES + sum(one.store for one in each))
    return f"disk: about {kept} of checkpoints and pictures, {told} of tracking"


def space_of(config: RunConfig, stage: StageName, spec: DataSpec) -> Space:
    """What one run will take: checkpoints, pictures and curves."""
    trained, last = _states(config, spec)
    train, shown = config.train, stage == "run"
    validations = train.num_validations + 1
    channels, height, width = spec.shape
    pictures = (PICTURES + PICTURES_PER_VALUE * channels * height * width) * validations * shown
    values = train.num_logs * VALUES_PER_LOG + validations * VALUES_PER_VALIDATION
    return Space(
        root=last + trained * shown + pictures + values * LINE,
        beside=last,
        store=RUN + values * ROW + pictures + (pictures and COPIES * validations),
    )


def _states(config: RunConfig, spec: DataSpec) -> tuple[int, int]:
    """Bytes of the modules, and of all that the last state of their training holds."""
    return _state_bytes(config.model_copy(update={"train": type(config.train)()}), spec)


@functools.cache
def _state_bytes(config: RunConfig, spec: DataSpec) -> tuple[int, int]:
    import torch

    with torch.device("meta"):  # without memory for them
        made = MODELS.get(config.name).build(config.model, spec)
    sizes = {name: _bytes(module) for name, module in made.modules.items()}
    moved = sum(
        (2 if recipe.kind == "adam" else 1) * sizes[name]
        for recipe in made.optimizers.values()
        for name in recipe.modules
    )
    trained = sum(sizes.values())
    averages = sum(sizes[name] for name in made.average)
    return trained, (trained + moved + averages) * bool(made.phases)


def _bytes(module: nn.Module) -> int:
    return sum(each.numel() * each.element_size() for each in module.state_dict().values())


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _by_disk(needed: dict[Path, int]) -> dict[Path, int]:
    """The sums of what lies on one disk, by the first place on it."""
    disks: defaultdict[int, dict[Path, int]] = defaultdict(dict)
    for place, size in needed.items():
        disks[_there(place).stat().st_dev][place] = size
    return {next(iter(places)): sum(places.values()) for places in disks.values()}


def _there(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
