"""What the spread of a distance over seeds is made of: training, drawn samples, reference images."""

from __future__ import annotations

from bench.report.sections import section
from bench.results.format import MISSING, distance_interval, footnotes, significant, table
from bench.results.results import Results
from bench.results.spread import SpreadParts, spread_parts


@section("Spread over seeds", after="Floors", level=3)
def variance(results: Results) -> str:
    """A row for each family at its chosen cell; empty where no run has measured its noise."""
    parts = [spread_parts(results, arm) for arm in results.arms]
    if not any(part.spread for part in parts):
        return ""
    header = [
        *("family", f"`{results.test_metric_name}`", "sd over seeds [95 %]", "of it training seed"),
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


def _row(part: SpreadParts) -> list[str]:
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
