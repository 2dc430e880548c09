"""How distances answer to real and to damaged images: all numbers of a data set's card.

The reference is the test split, as for every distance that is reported: its n cannot be had
from validation. Nothing here comes from a model, and nothing that selects reads the result, so
the split stays sealed for selection (protocol rule 2); the same images are read for the floors
of every report (rule 12). What is damaged, repeated or left out are train images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from bench.calibration.corruptions import (
    CORRUPTIONS,
    corrupt,
    missing_doses,
    pixel_gaussian,
    repeat_doses,
    repeated,
    uniform_noise,
    without_classes,
)
from bench.calibration.numbers import ProbeResults
from bench.calibration.probe import DistanceProbe, distances, every
from bench.contracts import Detector, Features
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.measures import feature_name
from bench.metrics.floors import NUM_SUBSETS, subset
from bench.runtime import generator

RECIPE = 1
"""Part of what numbers depend on: raised when this file or the corruptions give others."""

FEWEST = 20

DAMAGED = CORRUPTIONS[0], CORRUPTIONS[0].doses[2]
"""The damage of the curve against n: early in the doses, where models are compared."""


def largest_count(reference: ReferenceData, most: int) -> int:
    """Images per distance: all of test up to ``most``, and at most half of train.

    From less than twice n train images, ten subsets of n would hardly differ.

    Raises:
        UsageError: Those are fewer than 20.
    """
    train, test = len(reference.images("train")), len(reference.images("test"))
    n = min(most, test, train // 2)
    if n < FEWEST:
        raise UsageError(
            f"a calibration on {n} images says nothing ('{reference.spec.name}' has {train} train and "
            f"{test} test images, -n is {most}), expected at least {FEWEST}: give it more images"
        )
    return n


def calibrate(
    reference: ReferenceData, detector: Detector, most: int
) -> tuple[list[ProbeResults], dict[str, str]]:
    """Every distance through one detector, and the reasons of those that have no value."""
    n = largest_count(reference, most)
    probes, reasons = [], {}
    for distance in distances(detector.dim, n):
        if distance.most >= distance.fewest:
            probes.append(DistanceProbe(reference, detector, distance))
            continue
        reasons[feature_name(distance.base, detector.name, distance.most)] = (
            f"{distance.most} images are too few for {detector.dim} features, it needs at least "
            f"{distance.fewest}: use a smaller detector or the kernel distance"
        )
    _show(reference, detector, probes, n)
    if reference.spec.num_classes < 2:
        lacks = "one class only" if reference.spec.num_classes else "no labels"
        reasons["missing classes"] = f"'{reference.spec.name}' has {lacks}"
    return [probe.results() for probe in probes], reasons


def _show(
    reference: ReferenceData, detector: Detector, probes: Sequence[DistanceProbe], n: int
) -> None:
    """Shows the probes every set; features of a damaged set are computed once, for all."""
    pool = reference.subset("train", 2 * n)[0]
    for corruption in CORRUPTIONS:
        for dose in corruption.doses:
            features = detector(corrupt(pool, corruption, dose))[0]
            for probe in probes:
                sets = (subset(features, probe.n, "dose", i) for i in range(NUM_SUBSETS))
                probe.points[corruption.name, corruption.unit, 0].append(probe.point(dose, sets))
                if (corruption, dose) == DAMAGED:
                    probe.curves[f"{corruption.name} {dose:g}"] = probe.curve(features)
    train = every(reference, "train", detector)
    for probe in probes:
        probe.curves["real"] = probe.curve(train.features)
        _show_chosen(probe, train)
    for name, make in {"pixel Gaussian": pixel_gaussian, "uniform noise": uniform_noise}.items():
        features = detector(make(reference.images("train"), n).to(reference.device))[0]
        for probe in probes:
            probe.ceilings[name] = probe.to[probe.n](features[: probe.n])


def _show_chosen(probe: DistanceProbe, train: Features) -> None:
    """Sets of undamaged train images: some classes missing, or each image several times."""
    features, labels, n = train.features, train.labels, probe.n

    def sets(choose: Callable[[torch.Generator], Tensor]) -> Iterator[Tensor]:
        for i in range(NUM_SUBSETS):
            yield features[choose(generator("dose", i)).to(features.device)]

    if labels is not None:
        for missing in missing_doses(len(labels.unique())):
            point = probe.point(missing, sets(partial(without_classes, labels, missing, n)))
            probe.points["missing classes", "classes left out", 0].append(point)
    probe.points["repetition", "times each image is shown", 1] = [
        probe.point(times, sets(partial(repeated, len(features), times, n)))
        for times in repeat_doses(n)
    ]
