"""A state measured: which samples each split's metrics see, every metric that applies, the reasons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch

from bench.config import EvalSettings
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.measures import feature_name
from bench.metrics import METRICS, MetricKind, NotApplicable
from bench.pieces import pause, within_memory

When = Literal["validation", "end"]
"""During training, or at the end of a run, where dearer metrics and further detectors join in."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of one state.

    Attributes:
        values: By split and name, ``val/fd_digits_n297``.
        lacking: Metric name to the reason why this state has no such value; at the end alone.
        selection: Name of the measure that selection reads, such as ``fd_digits_n297``; empty
            without a detector.
    """

    values: dict[str, float]
    lacking: dict[str, str]
    selection: str

    def of(self, split: str) -> dict[str, float]:
        """Values of one split by name."""
        start = f"{split}/"
        return {k.removeprefix(start): v for k, v in self.values.items() if k.startswith(start)}

    @property
    def value(self) -> float | None:
        """What selection reads; None where validation was not measured, or has no such value."""
        return self.values.get(f"val/{self.selection}")

    @property
    def primary(self) -> str:
        """Name of what selection reads; empty without a value."""
        return "" if self.value is None else self.selection

    def __or__(self, other: Measured) -> Measured:
        """The values of both; lacking is what both lack."""
        lacking = {name: why for name, why in self.lacking.items() if name in other.lacking}
        return replace(self, values=self.values | other.values, lacking=lacking)


def measure(
    generated: Generated,
    settings: EvalSettings,
    split: str,
    when: When,
    also: Collection[str] = (),
) -> Measured:
    """A state on ``val`` or ``test``; ``also`` names metrics that are not due by themselves."""
    values, reasons = evaluate(view_of(generated, split, settings), when, also)
    return Measured(
        values={f"{split}/{name}": value for name, value in values.items()},
        lacking={} if when == "validation" else reasons,
        selection=selection_metric(settings, generated.reference, generated.available),
    )


def num_samples(
    settings: EvalSettings, reference: ReferenceData, available: int | None = None
) -> tuple[int, int]:
    """Generated images per distance on validation and on test (protocol rule 10).

    ``available`` is how many there are at all, where they were made elsewhere.
    """
    most = settings.max_samples if available is None else min(settings.max_samples, available)
    n_val = min(settings.max_val_samples, most, len(reference.images("val")))
    return n_val, min(most, len(reference.images("test")))


def selection_metric(
    settings: EvalSettings, reference: ReferenceData, available: int | None = None
) -> str:
    """Name of the measure that selection reads: the Frechet distance in the data set's detector.

    Of points of a plane the sliced Wasserstein distance, which sees more than two moments. Empty
    without that detector; those of ``eval.also`` never take its place.
    """
    if reference.detector is None:
        return ""
    distance = "sw" if reference.spec.extent else "fd"
    return feature_name(
        distance, reference.detector.name, num_samples(settings, reference, available)[0]
    )


def view_of(generated: Generated, split: str, settings: EvalSettings) -> View:
    """A state seen on ``val`` or ``test``; their sample sets are nested in each other.

    The test split has the validation split's count as well, so that both stand in one figure.
    As many samples are drawn whichever is asked, so that both are of the same noise.
    """
    n_val, n_test = num_samples(settings, generated.reference, generated.available)
    counts = (n_val,) if split == "val" else tuple(sorted({min(n_val, n_test), n_test}))
    return View(
        generated=generated,
        split=split,
        counts=counts,
        max_samples=max(n_val, n_test),
        with_floors=settings.floors,
        likelihood_images=settings.likelihood_images,
        ais_sigma=settings.ais_sigma,
    )


@torch.no_grad()
def evaluate(
    view: View, when: When, also: Collection[str] = ()
) -> tuple[dict[str, float], dict[str, str]]:
    """Runs every metric that applies, those of features through each further detector as well.

    Args:
        view: What to look at.
        when: Only the metrics that are measured during training, or all but those on request.
        also: Names of metrics that are measured all the same.

    Returns:
        Values by name, and for the metrics that do not apply the reason.
    """
    evaluation_mode(view.nets)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name, kind in METRICS.items():
        if name in also or _is_due(kind, when):
            for label, seen in _views(view, name, kind, when).items():
                pause()
                try:
                    values |= within_memory(partial(kind.measure, seen))
                except NotApplicable as reason:
                    reasons[label] = str(reason)
    return values, reasons | (view.reference.unavailable if when == "end" else {})


def _is_due(kind: MetricKind, when: When) -> bool:
    return kind.when == "validation" if when == "validation" else kind.when != "request"


def _views(view: View, name: str, kind: MetricKind, when: When) -> dict[str, View]:
    """What a metric looks at, through each further detector as well, by the name of its reason."""
    others = view.reference.other_detectors if when == "end" and kind.per_detector else ()
    return {name: view} | {f"{name}_{other.name}": replace(view, other=other) for other in others}
