"""Which samples and which split each measure of a state sees, by the evaluation settings."""

from __future__ import annotations

from bench.config import EvalSettings
from bench.evaluation.reference import HeldData
from bench.evaluation.view import Evaluation, Generated
from bench.measures import feature_name


def num_samples(
    settings: EvalSettings, held: HeldData, available: int | None = None
) -> tuple[int, int]:
    """Generated images per distance on validation and on test (protocol rule 10).

    ``available`` is how many there are at all, where they were made elsewhere.
    """
    most = settings.max_samples if available is None else min(settings.max_samples, available)
    n_val = min(settings.max_val_samples, most, len(held.images("val")))
    return n_val, min(most, len(held.images("test")))


def view_of(
    generated: Generated,
    split: str,
    settings: EvalSettings,
    *,
    available: int | None = None,
) -> Evaluation:
    """A state seen on ``val`` or ``test``; their sample sets are nested in each other.

    The test split has the validation split's count as well, so that both stand in one figure.
    As many samples are drawn whichever is asked, so that both are of the same noise.
    """
    n_val, n_test = num_samples(settings, generated.held, available)
    counts = (n_val,) if split == "val" else tuple(sorted({min(n_val, n_test), n_test}))
    return Evaluation(
        generated=generated,
        split=split,
        counts=counts,
        most=max(n_val, n_test),
        with_floors=settings.floors,
        likelihood_images=settings.likelihood_images,
    )


def primary_name(view: Evaluation) -> str:
    """Name of the measure that selection reads: the Frechet distance in the data set's detector.

    Empty without that detector; those of ``eval.also`` never take its place.
    """
    detector = view.held.detector
    return "" if detector is None else feature_name("fd", detector.name, view.counts[-1])
