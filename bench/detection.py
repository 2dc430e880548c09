"""Which detector a data set has, loading it, and making it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

import bench
from bench.classifier import (
    ClassifierDetector,
    Recipe,
    accuracy,
    facts,
    load,
    save,
    train,
)
from bench.config import dataset_slug, listed
from bench.contracts import Detector
from bench.data_install import data_home
from bench.datasets import Splits
from bench.detectors import DETECTORS, WEIGHTS, DetectorKind
from bench.errors import UsageError
from bench.records import DataSpec
from bench.registry import closest


def weights_path(name: str) -> Path:
    """Where the weights of a detector lie, or would lie: shipped, else under ``BENCH_DATA``."""
    shipped = WEIGHTS / f"{name}.safetensors"
    return shipped if name in DETECTORS.names() else data_home() / "detectors" / shipped.name


def available() -> dict[str, dict[str, str]]:
    """Detector name to the facts written beside its weights, for every detector that is there."""
    own = [path.stem for path in sorted((data_home() / "detectors").glob("*.safetensors"))]
    names = sorted({*DETECTORS.names(), *own})
    return {name: facts(weights_path(name)) for name in names if weights_path(name).exists()}


def find_detector(choice: str, spec: DataSpec) -> ClassifierDetector | None:
    """The detector that ``eval.detector`` names; ``auto`` is the data set's own.

    Returns:
        None where the choice is ``auto`` and the data set has no detector: then everything
        that needs one is not applicable, with that reason.

    Raises:
        UsageError: A detector asked for by name is not there, sees images of another shape,
            or is the data set's own and was trained on other images than it now has.
    """
    name = dataset_slug(spec.name) if choice == "auto" else choice
    path = weights_path(name)
    if not path.exists():
        if choice == "auto":
            return None
        raise UsageError(closest(choice, available(), kind="detector", what="there"))
    detector, known = load(name, path), facts(path)
    if json.loads(known["shape"]) != list(spec.shape):
        raise UsageError(
            f"detector '{name}' sees images of shape {known['shape']}, '{spec.name}' has "
            f"{list(spec.shape)}: leave eval.detector at auto"
        )
    if choice == "auto" and known["data_digest"] != spec.digest:
        raise UsageError(
            f"detector '{name}' was trained on other images than '{spec.name}' now has: make it "
            f"again with `bench detectors train {spec.name}`"
        )
    return detector


def find_others(names: str, spec: DataSpec) -> tuple[list[Detector], dict[str, str]]:
    """The further detectors that ``eval.also`` names, and why each of the rest cannot be had."""
    found: list[Detector] = []
    for name in listed(names):
        detector = find_detector(name, spec)
        found += [] if detector is None else [detector]
    return found, {}


def train_detector(dataset: str, splits: Splits) -> tuple[Path, dict[str, str]]:
    """Trains and stores the detector of a data set.

    Returns:
        Path of its weights and its facts, test accuracy among them.

    Raises:
        UsageError: The data set has no labels, or the accuracy is below what is required.
    """
    if splits.train.labels is None or splits.test.labels is None:
        raise UsageError(f"data set '{dataset}' has no labels: a detector needs classes to learn")
    name = dataset_slug(dataset)
    kind = DETECTORS.get(name) if name in DETECTORS.names() else None
    recipe = kind.recipe if kind else Recipe()
    images, labels = torch.from_numpy(splits.train.images), torch.from_numpy(splits.train.labels)
    net = train(splits.spec.shape, splits.spec.num_classes, images, labels, recipe)
    share = accuracy(
        net, torch.from_numpy(splits.test.images), torch.from_numpy(splits.test.labels)
    )
    _require(share, kind, name)
    known = {
        "dataset": dataset,
        "data_digest": splits.spec.digest,
        "shape": json.dumps(splits.spec.shape),
        "num_classes": str(splits.spec.num_classes),
        "test_accuracy": f"{share:.4f}",
        "command": f"bench detectors train {dataset}",
        "bench_version": bench.__version__,
    }
    save(net, weights_path(name), facts=known, recipe=recipe)
    return weights_path(name), known


def _require(share: float, kind: DetectorKind | None, name: str) -> None:
    if kind and share < kind.min_accuracy:
        raise UsageError(
            f"detector '{name}' reached a test accuracy of {share:.4f}, at least "
            f"{kind.min_accuracy} is required: nothing was stored, change its recipe"
        )
