"""What the spread of a distance over seeds is made of: training, drawn samples, reference images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.results.format import MISSING, distance_interval, footnotes, significant, table
from bench.results.numbers import Results
from bench.results.runs import Place
from bench.stats.tests import SEEDS_FOR_INTERVAL
from bench.stats.variance import Spread, split_spread


@dataclass(frozen=True)
class _Parts:
    """A family's spread.

    Attributes:
        arm: The family.
        values: Distances at the chosen cell.
        spread: At the chosen cell; None below three seeds or without its sampling noise.
        reference: Standard deviation over other reference images; None where not measured.
        pooled: Sampling's share of the variance over seeds, over all cells; None as ``spread``.
    """

    arm: str
    values: list[float]
    spread: Spread | None
    reference: float | None
    pooled: float | None


def variance(results: Results) -> str:
    """A row for each family at its chosen cell; empty where no run has measured its noise."""
    parts = [_parts(results, arm) for arm in results.arms]
    if not any(part.spread for part in parts):
        return ""
    header = [
        *("family", f"`{results.headline_name}`", "sd over seeds [95 %]", "of it training seed"),
        *("of it drawn samples", "samples' share of the variance", "the same over all cells"),
        "sd over reference images",
    ]
    text = table(header, [_row(part) for part in parts])
    notes = (
        "Variances over seeds add up from training and from drawing samples once per run: the "
        "latter is the mean square of each run's own noise (from half-samples), the former the "
        "rest. All runs start from the same latent points, which networks trained apart are taken "
        "to turn into unrelated images. The spread of the reference images is shared by all "
        "runs of this report: it moves them together and, to first order, cancels where they are "
        f"compared. {footnotes(text)}"
    )
    return f"{text}\n\n{notes.strip()}"


def _parts(results: Results, arm: str) -> _Parts:
    place = results.chosen(arm)
    if place is None:
        return _Parts(arm, [], None, None, None)
    reference = place.values(f"test/reference_sd_{results.headline_name}")
    return _Parts(
        arm,
        place.values(results.headline),
        _spread(results, place),
        _root_mean_square(reference) if reference else None,
        _pooled([s for p in results.places_of(arm) if (s := _spread(results, p))]),
    )


def _spread(results: Results, place: Place) -> Spread | None:
    values = place.values(results.headline)
    noise = place.values(f"test/sampling_sd_{results.headline_name}")
    return split_spread(values, noise) if len(values) >= SEEDS_FOR_INTERVAL and noise else None


def _pooled(spreads: list[Spread]) -> float | None:
    """Sampling variance over variance, both weighted by degrees of freedom."""
    total = math.fsum((s.n - 1) * s.sd**2 for s in spreads)
    return math.fsum((s.n - 1) * s.sampling**2 for s in spreads) / total if total > 0 else None


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))


def _row(part: _Parts) -> list[str]:
    start = [f"`{part.arm}`", distance_interval(part.values)]
    reference = MISSING if part.reference is None else significant(part.reference)
    if part.spread is None:
        return [*start, *[MISSING] * 5, reference]
    s = part.spread
    training = "0 (the samples explain more)" if s.is_all_sampling else significant(s.training)
    share = _percent(s.sampling**2 / s.sd**2 if s.sd > 0 else None)
    return [
        *start,
        f"{significant(s.sd)} [{significant(s.low)}, {significant(s.high)}]",
        *(training, significant(s.sampling), share, _percent(part.pooled), reference),
    ]


def _percent(share: float | None) -> str:
    if share is None:
        return MISSING
    return "all" if share >= 1 else f"{100 * share:.{0 if share > 0.1 else 1}f} %"
