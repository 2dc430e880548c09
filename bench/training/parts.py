"""What a run is made of: its data and detectors, its model, new or from a checkpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench import datasets
from bench.config import RunConfig
from bench.contracts import Trainable
from bench.detectors._find import find_detector, find_others
from bench.errors import Damaged, UsageError
from bench.evaluation.feature_cache import user_cache
from bench.evaluation.reference import ReferenceData
from bench.evaluation.stored import Stored, placed
from bench.models import MODELS
from bench.modules import place
from bench.runtime import seeded_modules
from bench.training.checkpoint import LAST, load_last
from bench.training.trainer import Advance, Trainer


@functools.lru_cache(maxsize=2)
def reference_data(
    dataset: str,
    detector: str,
    device: torch.device,
    also: str = "none",
    files: str = "",  # noqa: ARG001 - others are other data
) -> ReferenceData:
    """Data and detectors, loaded once per process while the files are the same."""
    splits = datasets.load(dataset)
    others, lacking = find_others(also, splits.spec)
    first = find_detector(detector, splits.spec)
    return ReferenceData(
        splits, device, first, other_detectors=others, unavailable=lacking, cache=user_cache()
    )


def reference_for(config: RunConfig, device: torch.device) -> ReferenceData:
    """The data and detector that a configuration names."""
    dataset, measured = config.data.dataset, config.eval
    files = datasets.files_of(dataset)
    return reference_data(dataset, measured.detector, device, measured.also, files)


def build(config: RunConfig, reference: ReferenceData) -> Trainable:
    """The model with seeded weights, initialised, on the device."""
    with seeded_modules(config.train.seed):
        trainable = MODELS.get(config.name).build(config.model, reference.spec)
    for module in trainable.modules.values():
        place(module, reference.device)
    if trainable.initialise is not None:
        trainable.initialise(trainable.modules, reference.images("train"))
    return trainable


def trainer_of(
    trainable: Trainable,
    config: RunConfig,
    reference: ReferenceData,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    advance: Advance | None = None,
) -> Trainer:
    """What trains the model on the images that its configuration names.

    Raises:
        UsageError: Stacks are to be drawn anew, and the data set has none.
    """
    images, labels, channels = reference.stored("train"), reference.labels("train"), 0
    if of := stacked_of(config):
        files, channels = datasets.files_of(of), reference.spec.shape[0]
        images, labels = _channels(of, reference.device, files)
    return Trainer(
        trainable,
        images,
        labels,
        config.train,
        channels=channels,
        should_stop=should_stop,
        advance=advance,
    )


def stacked_of(config: RunConfig) -> str:
    """The data set whose train images are drawn anew as channels; empty where none are.

    Raises:
        UsageError: They are to be, and the data set has no stacks.
    """
    if config.data.stacks == "fixed":
        return ""
    if of := datasets.channels_of(config.data.dataset):
        return of
    stacks = ", ".join(name for name in datasets.DATASETS.names() if datasets.channels_of(name))
    raise UsageError(
        f"data.stacks=anew draws stacks anew, and '{config.data.dataset}' has none: take one of "
        f"{stacks}, or leave data.stacks fixed"
    )


@functools.lru_cache(maxsize=1)
def _channels(
    of: str,
    device: torch.device,
    files: str,  # noqa: ARG001 - others are other data
) -> tuple[Stored, Tensor | None]:
    """The train images of a data set and their labels, loaded once per process."""
    splits = datasets.load(of)
    labels = splits.train.labels
    images = placed({"train": splits.train}, device, splits.packed)["train"]
    return images, None if labels is None else torch.from_numpy(labels).to(device)


def restore(config: RunConfig, reference: ReferenceData, folder: Path) -> Trainable:
    """The model of a run as its last checkpoint has it, averages in place of what they average.

    One without training is built anew.

    Raises:
        UsageError: There is no checkpoint of a model that was trained, or it is damaged.
    """
    trainable = build(config, reference)
    try:
        found = load_last(folder, trainable.modules, reference.device)
    except Damaged as damage:
        raise UsageError(
            f"'{folder / LAST}' {damage}: remove '{folder}' and give the run's command again"
        ) from damage
    if trainable.phases and not found:
        raise UsageError(f"there is no checkpoint in '{folder}': give the run's folder with --root")
    return trainable


def restore_run(
    config: RunConfig, reference: ReferenceData, folder: Path, run_id: str
) -> Trainable:
    """The model of a tracked run.

    Raises:
        UsageError: ``folder`` is not there, or has no whole checkpoint of a model that was trained.
    """
    if not folder.is_dir():
        raise UsageError(
            f"run '{run_id}' has no folder '{folder}' here, and weights are in no tracking store: "
            "give with --root where it lies, or a copy of it from the machine that trained it"
        )
    return restore(config, reference, folder)
