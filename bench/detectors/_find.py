"""Which detector a data set has, and loading it."""

from __future__ import annotations

import json
from pathlib import Path

from bench.config import dataset_slug, listed
from bench.contracts import Detector
from bench.detectors import DETECTORS, WEIGHTS, DetectorKind, Fixed
from bench.detectors._classifier import ClassifierDetector, load
from bench.errors import Unavailable, UsageError
from bench.files import data_home
from bench.measures import feature_name
from bench.records import DataSpec
from bench.registry import closest
from bench.tensor_file import read_facts

AUTO = "auto"


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
    return {name: facts_of(path) for name, path in paths.items() if path.exists()}


def remedy(name: str, kind: DetectorKind) -> str:
    """Why a registered classifier without weights cannot be had, and what to do."""
    return (
        f"detector '{name}' has no weights on this machine: make them with "
        f"`bench detectors train {kind.dataset}`"
    )


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


def facts_of(path: Path) -> dict[str, str]:
    """What is written beside the weights of a classifier; nothing where it cannot be read."""
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
