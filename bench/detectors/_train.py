"""Making the classifier of a data set by its fixed recipe."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

import bench
from bench.config import dataset_slug
from bench.datasets import Splits, channels_of, require_pictures
from bench.detectors import DetectorKind
from bench.detectors._classifier import Recipe, accuracy, train
from bench.detectors._status import facts_of, kind_of, weights_path
from bench.errors import UsageError
from bench.records import DataSpec
from bench.runtime import instructions, prepare
from bench.tensor_file import read_tensors, write_tensors

_NAME = r"(?!(auto|none)$)[A-Za-z0-9_]+"


def train_detector(
    dataset: str, splits: Splits, name: str | None = None
) -> tuple[Path, dict[str, str]]:
    """Trains and stores the detector of a data set, by one thread.

    More threads, and a processor with other instructions, sum in another order and give other
    weights. Equal ones leave the file that is there, and with it the digest; what is shipped is
    never exchanged for others of the same recipe.

    Args:
        dataset: As ``--dataset`` names it.
        splits: Its images.
        name: Of the detector; the data set's where it is not given.

    Returns:
        Path of its weights and its facts, test accuracy among them.

    Raises:
        UsageError: The data set has no pictures or no labels, the name belongs to another detector, the
            accuracy is below what is required, the weights are not those shipped, or they cannot be
            written.
    """
    require_pictures(splits.spec, "detectors train")
    if splits.train.labels is None or splits.test.labels is None:
        raise UsageError(f"data set '{dataset}' has no labels: a detector needs classes to learn")
    command = f"bench detectors train {dataset}" + (f" --name {name}" if name else "")
    name = name or dataset_slug(dataset)
    _require_free(name, dataset, splits.spec)
    prepare()
    kind = kind_of(name) or kind_of(dataset_slug(dataset))
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
        "num_train": str(len(splits.train)),
        "test_accuracy": f"{share:.4f}",
        "command": command,
        "bench_version": bench.__version__,
    }
    path, state = weights_path(name), net.state_dict()
    if stored := _stored(path):
        before, facts = stored
        if before.keys() == state.keys() and all(torch.equal(before[k], state[k]) for k in state):
            return path, facts
        _require_another_recipe(name, facts, known, recipe, kind)
    try:
        write_tensors(path, state, {**known, "recipe": json.dumps(asdict(recipe))})
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be written ({error.strerror or error}): free space there, or give "
            f"another --name, which is kept under BENCH_DATA"
        ) from error
    return path, known


def _stored(path: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """The weights that are there and what is known of them; None where none can be read."""
    try:
        return read_tensors(path)
    except OSError:
        return None


def _require_another_recipe(
    name: str,
    facts: dict[str, str],
    known: dict[str, str],
    recipe: Recipe,
    kind: DetectorKind | None,
) -> None:
    """Published numbers rest on the shipped weights: rounding alone does not replace them."""
    same = Recipe(**json.loads(facts["recipe"])) == recipe
    if kind and kind.shipped and same and facts["data_digest"] == known["data_digest"]:
        raise UsageError(
            f"this processor ({instructions()}) gives other weights of detector '{name}' than those "
            f"shipped, with test accuracies of {known['test_accuracy']} and "
            f"{facts['test_accuracy']}: the shipped ones stay, keep yours under another --name"
        )


def _require_free(name: str, dataset: str, spec: DataSpec) -> None:
    """The name is fit for files and metrics, and is no other detector's."""
    if name != dataset_slug(dataset) and not re.fullmatch(_NAME, name):
        raise UsageError(
            f"detector name '{name}' cannot be used, expected letters, digits and _, and neither "
            f"auto nor none: choose another --name"
        )
    if of := channels_of(name):
        raise UsageError(
            f"detector name '{name}' is taken by '{of}' on each channel: choose another --name"
        )
    kind = kind_of(name)
    if kind is None:
        return
    made_of = facts_of(weights_path(name)).get("data_digest") if kind.shipped else None
    others_data = kind.dataset != dataset and not kind.trained_on
    if kind.fixed or others_data or made_of not in {None, spec.digest}:
        raise UsageError(
            f"detector name '{name}' is taken by another one ({kind.summary}): choose another --name"
        )


def _require(share: float, kind: DetectorKind | None, name: str) -> None:
    if kind and share < kind.min_accuracy:
        raise UsageError(
            f"detector '{name}' reached a test accuracy of {share:.4f}, at least "
            f"{kind.min_accuracy} is required: nothing was stored, change its recipe"
        )
