"""Which detector a data set has, loading it, and making it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch

import bench
from bench.classifier import ClassifierDetector, Recipe, accuracy, load, save, train
from bench.config import dataset_slug, listed
from bench.contracts import Detector
from bench.data_install import data_home
from bench.datasets import Splits
from bench.detectors import DETECTORS, WEIGHTS, DetectorKind, Fixed
from bench.errors import Unavailable, UsageError
from bench.metrics import feature_name
from bench.records import DataSpec
from bench.registry import closest
from bench.tensor_file import read_facts

AUTO = "auto"
_NAME = r"[A-Za-z0-9_]+"


def find_detector(choice: str, spec: DataSpec) -> Detector | None:
    """The detector that ``eval.detector`` names; ``auto`` is the data set's own.

    That is the classifier of its name, else any that was trained on the same images, else the
    one that was trained on a part of its train images and says so.

    Returns:
        None where the choice is ``auto`` and the data set has no detector: then everything
        that needs one is not applicable, with that reason.

    Raises:
        Unavailable: A known detector whose weights are not on this machine.
        UsageError: A detector asked for by name that nobody knows, that sees images of another
            shape, or the data set's own and trained on other images than it now has.
    """
    name = _own(spec) if choice == AUTO else choice
    if name is None:
        return None
    kind = kind_of(name)
    return kind.fixed.load() if kind and kind.fixed else _classifier(name, kind, spec)


def find_others(names: str, spec: DataSpec) -> tuple[list[Detector], dict[str, str]]:
    """The further detectors that ``eval.also`` names, and what cannot be had of them.

    Returns:
        The detectors; and for each that is known but not here the name of its distance
        (``fid``) with the reason: the run goes on without it.

    Raises:
        UsageError: As ``find_detector``, for a mistake.
    """
    found: dict[str, Detector] = {}
    lacking: dict[str, str] = {}
    for name in listed(names):
        try:
            detector = find_detector(name, spec)
        except Unavailable as reason:
            lacking[feature_name("fd", name)] = str(reason)
            continue
        found |= {} if detector is None else {detector.name: detector}
    return list(found.values()), lacking


def known_names() -> list[str]:
    """Every detector that has a name, whether or not its weights are here."""
    return sorted({*DETECTORS.names(), *available()})


def kind_of(name: str) -> DetectorKind | None:
    """What is registered as ``name``; None for a classifier of the user's own."""
    return DETECTORS.get(name) if name in DETECTORS.names() else None


def weights_path(name: str) -> Path:
    """Where the weights of a classifier lie, or would lie: the package, else ``BENCH_DATA``."""
    kind = kind_of(name)
    folder = WEIGHTS if kind and kind.shipped else data_home() / "detectors"
    return folder / f"{name}.safetensors"


def available() -> dict[str, dict[str, str]]:
    """Classifier name to the facts written beside its weights, registered ones first.

    A file that cannot be read has no facts.
    """
    own = [path.stem for path in sorted((data_home() / "detectors").glob("*.safetensors"))]
    paths = {name: weights_path(name) for name in [*DETECTORS.names(), *own]}
    return {name: _facts(path) for name, path in paths.items() if path.exists()}


def remedy(name: str, kind: DetectorKind) -> str:
    """Why a registered classifier without weights cannot be had, and what to do."""
    return (
        f"detector '{name}' has no weights on this machine: make them with "
        f"`bench detectors train {kind.dataset}`"
    )


def train_detector(
    dataset: str, splits: Splits, name: str | None = None
) -> tuple[Path, dict[str, str]]:
    """Trains and stores the detector of a data set.

    Args:
        dataset: As ``--dataset`` names it.
        splits: Its images.
        name: Of the detector; the data set's where it is not given.

    Returns:
        Path of its weights and its facts, test accuracy among them.

    Raises:
        UsageError: The data set has no labels, the name belongs to another detector, the
            accuracy is below what is required, or the weights cannot be written.
    """
    if splits.train.labels is None or splits.test.labels is None:
        raise UsageError(f"data set '{dataset}' has no labels: a detector needs classes to learn")
    command = f"bench detectors train {dataset}" + (f" --name {name}" if name else "")
    name = name or dataset_slug(dataset)
    _require_free(name, dataset, splits.spec)
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
    path = weights_path(name)
    try:
        save(net, path, facts=known, recipe=recipe)
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be written ({error.strerror or error}): free space there, or give "
            f"another --name, which is kept under BENCH_DATA"
        ) from error
    return path, known


def fetch_detector(name: str) -> Path:
    """Downloads the weights of a detector that is not trained here; the path of their file.

    Raises:
        UsageError: A detector without a download, or the download failed.
    """
    fetch = _published(name).fetch
    assert fetch is not None
    return fetch()


def import_detector(name: str, file: Path) -> Path:
    """Installs the same weights from a file.

    Raises:
        UsageError: A detector without published weights, or not those weights.
    """
    install = _published(name).install
    assert install is not None
    return install(file)


def _published(name: str) -> Fixed:
    kinds = {each: kind.fixed for each, kind in DETECTORS.items() if kind.fixed}
    able = {each: fixed for each, fixed in kinds.items() if fixed.fetch and fixed.install}
    if name not in able:
        raise UsageError(
            f"detector '{name}' has no published weights, expected one of {', '.join(able)}: "
            f"`bench detectors list` says what it needs"
        )
    return able[name]


def _facts(path: Path) -> dict[str, str]:
    try:
        return read_facts(path)
    except OSError:
        return {}


def _own(spec: DataSpec) -> str | None:
    """Name of the data set's own classifier; None without one.

    Raises:
        UsageError: The one of its name was trained on other images.
    """
    slug, known = dataset_slug(spec.name), available()
    same = [name for name, facts in known.items() if facts.get("data_digest") == spec.digest]
    if same:
        return slug if slug in same else same[0]
    if slug not in known or not known[slug] or _knows_part_of(kind_of(slug), spec):
        return slug if slug in known else None  # a damaged file is told when it is loaded
    raise UsageError(
        f"detector '{slug}' was trained on other images than '{spec.name}' now has: make it "
        f"again with `bench detectors train {spec.name}`"
    )


def _knows_part_of(kind: DetectorKind | None, spec: DataSpec) -> bool:
    return kind is not None and bool(kind.trained_on) and kind.dataset == spec.name


def _classifier(name: str, kind: DetectorKind | None, spec: DataSpec) -> ClassifierDetector:
    path = weights_path(name)
    if not path.exists():
        if kind is None:
            raise UsageError(closest(name, known_names(), kind="detector", what="known"))
        raise Unavailable(remedy(name, kind))
    detector, known = load(name, path)
    if json.loads(known["shape"]) != list(spec.shape):
        raise UsageError(
            f"detector '{name}' sees images of shape {known['shape']}, '{spec.name}' has "
            f"{list(spec.shape)}: leave eval.detector at auto"
        )
    detector.own_classes = known["data_digest"] == spec.digest or _knows_part_of(kind, spec)
    return detector


def _require_free(name: str, dataset: str, spec: DataSpec) -> None:
    """The name is fit for files and metrics, and is no other detector's."""
    if name != dataset_slug(dataset) and (name == AUTO or not re.fullmatch(_NAME, name)):
        raise UsageError(
            f"detector name '{name}' cannot be used, expected letters, digits and _ and not "
            f"{AUTO}: choose another --name"
        )
    kind = kind_of(name)
    if kind is None:
        return
    made_of = _facts(weights_path(name)).get("data_digest") if kind.shipped else None
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
