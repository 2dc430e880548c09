"""Which detector a data set has, and loading it."""

from __future__ import annotations

import json
from dataclasses import replace

from bench.config import dataset_slug, listed
from bench.contracts import Detector
from bench.datasets import Mixture, channels_of, truth_of
from bench.detectors import DETECTORS, DetectorKind
from bench.detectors._channels import Channels
from bench.detectors._classifier import ClassifierDetector, load
from bench.detectors._coordinates import Coordinates
from bench.detectors._published import Published
from bench.detectors._status import available, kind_of, known_names, remedy, weights_path
from bench.errors import Unavailable, UsageError
from bench.measures import POINTS, feature_name
from bench.records import DataSpec
from bench.registry import closest

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
    if truth := truth_of(spec.name):
        return _coordinates(choice, spec.name, truth)
    if channels_of(spec.name) and choice in {AUTO, spec.name}:
        return _channels(spec)
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
            if detector := find_detector(name, spec):
                found[detector.name] = detector
        except Unavailable as reason:
            lacking[feature_name("fd", name)] = str(reason)
    return list(found.values()), lacking


def published_weights(name: str) -> Published:
    """How the weights of a detector that is not trained here are had.

    Raises:
        UsageError: A detector without published weights.
    """
    able = {
        each: kind.fixed.weights
        for each, kind in DETECTORS.items()
        if kind.fixed and kind.fixed.weights
    }
    if name not in able:
        raise UsageError(
            f"detector '{name}' has no published weights, expected one of {', '.join(able)}: "
            f"`bench detectors list` says what it needs"
        )
    return able[name]


def _coordinates(choice: str, dataset: str, truth: Mixture) -> Detector:
    """What points are looked at with.

    Raises:
        UsageError: Another detector, which is for pictures.
    """
    if choice not in {AUTO, POINTS}:
        raise UsageError(
            f"detector '{choice}' looks at pictures, and '{dataset}' has points of a plane: leave "
            "eval.detector at auto"
        )
    return Coordinates(truth)


def _channels(spec: DataSpec) -> Detector:
    """The classifier of what stacks are made of, on each channel.

    Raises:
        Unavailable: Its weights are not on this machine.
    """
    of, num_channels = channels_of(spec.name), spec.shape[0]
    single = replace(spec, name=of, shape=(1, *spec.shape[1:]))
    return Channels(spec.name, _classifier(of, kind_of(of), single), channels=num_channels)


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
