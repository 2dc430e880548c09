"""What a distance cannot tell apart: real images, and the parts of its spread over seeds."""

from __future__ import annotations

from bench.report.sections import section
from bench.report.sections._columns import (
    noted,
)
from bench.results.format import (
    MISSING,
    code,
    footnotes,
    measured,
    shown,
    significant,
    span,
    table,
)
from bench.results.results import Results
from bench.results.summary import floor_of_test_metric, floors, real_value
from bench.results.variance import SpreadParts, spread_parts


@section("Floors", after="Runs and cost", level=3)
def floor_table(results: Results) -> str:
    """Real images against real images; empty where no baseline run measured it."""
    says = {
        "train": "training images against the test split (a perfect memoriser)",
        "heldout": "halves of the test split against each other",
    }
    rows = [
        [says[f.split], code(f.measure), significant(f.mean), _spread(f.spread)]
        for f in floors(results)
    ]
    if not rows:
        return ""
    real = real_value(results, "classes")
    said = f"Real test images cover {shown('classes', real)} classes." if real is not None else ""
    header = ["real against real", "measure", "mean", "sd of ten subsets"]
    return noted(
        table(header, rows, left=2),
        " ".join(filter(None, [said, _noise(results)])),
    )


def _noise(results: Results) -> str:
    """What the floor's spread is and what it is not: the noise of a family's value."""
    floor = floor_of_test_metric(results)
    if floor is None or floor.spread is None:
        return ""
    drawn = [s.sampling for arm in results.arms if (s := spread_parts(results, arm).spread)]
    own = (
        f"values of the families vary by {span(drawn)} (sd) from drawing samples alone"
        if drawn
        else "values of the families have noise of their own"
    )
    return (
        f"The sd is that of real images against real images, and no measure of what a family's value "
        f"may be off by: {own}. A difference below {significant(floor.spread)} is called none "
        "whatever the seeds say; a larger one is one only by the test over seeds."
    )


def _spread(value: float | None) -> str:
    return MISSING if value is None else significant(value)


@section("Spread over seeds", after="Floors", level=3)
def variance(results: Results) -> str:
    """A row for each family at its chosen cell; empty where no run has measured its noise."""
    parts = [spread_parts(results, arm) for arm in results.arms]
    if not any(part.spread for part in parts):
        return ""
    header = [
        *("family", code(results.test_metric_name), "sd over seeds [95 %]", "of it training seed"),
        *("of it drawn samples", "samples' share of the variance", "the same over all cells"),
        "sd over reference images",
    ]
    text = table(header, [_parts_row(results, part) for part in parts])
    notes = (
        "Variances over seeds add up from training and from drawing samples once per run: the "
        "latter is the mean square of each run's own noise (from half-samples), the former the "
        "rest. All runs start from the same latent points, which networks trained apart are taken "
        "to turn into unrelated images. The spread of the reference images is shared by all "
        "runs of this report: it moves them together and, to first order, cancels where they are "
        f"compared. {footnotes(text)}"
    )
    return f"{text}\n\n{notes.strip()}"


def _parts_row(results: Results, part: SpreadParts) -> list[str]:
    start = [code(part.arm), measured(results.test_metric, part.values)]
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
