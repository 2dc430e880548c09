"""Whether two factors act on the distance apart from each other, in words."""

from __future__ import annotations

from bench.report.sections import section
from bench.results.decisions import ALPHA
from bench.results.format import MISSING, bare_p, count, plural, share, table
from bench.results.interactions import Crossing, crossings
from bench.results.results import Results
from bench.stats.variance import Interaction


@section("Interaction", after="Trends", level=3)
def interactions(results: Results) -> str:
    """A row for each pair of factors; empty where a study has no two that are crossed."""
    found = crossings(results)
    if not any(crossing.found for crossing in found):
        return ""
    header = ["factors", "runs", "F (df)", "p", "partial eta squared", "of"]
    rows = [_row(crossing) for crossing in found]
    lost = sum(crossing.lost for crossing in found)
    left_out = f" Left out for want of a value: {plural(lost, 'run')}." if lost else ""
    notes = (
        "Least squares over all runs, main effects against all cell means; on logarithms, so that "
        "families whose distances keep one ratio do not interact, and because the spread over "
        "seeds grows with the mean. Partial eta squared is the interaction's share of what main "
        f"effects leave over.{left_out}"
    )
    said = " ".join(_sentence(crossing) for crossing in found if crossing.found)
    return f"{said}\n\n{table(header, rows)}\n\n{notes}"


def _row(crossing: Crossing) -> list[str]:
    of = "logarithm of the distance" if crossing.is_log else "distance (not positive throughout)"
    start = [f"{crossing.first} x {crossing.second} {crossing.where}".strip(), count(crossing.runs)]
    if crossing.found is None:
        return [*start, *[MISSING] * 3, of]
    return [
        *start,
        _ratio(crossing.found),
        bare_p(crossing.found.p),
        share(crossing.found.share),
        of,
    ]


def _ratio(found: Interaction) -> str:
    return f"{found.f:,.2f} ({found.df}, {found.df_rest})"


def _sentence(crossing: Crossing) -> str:
    if crossing.found is None:
        return ""
    pair = f"{crossing.first} and {crossing.second}"
    where = f" {crossing.where}" if crossing.where else ""
    if crossing.found.p < ALPHA:
        return f"{pair[0].upper()}{pair[1:]} interact{where}: what one does depends on the other."
    return f"No interaction of {pair}{where} is seen at this number of seeds."
