"""The report's table of every test measure, families at their chosen cell beside the baselines."""

from __future__ import annotations

from bench.measures import MeasureName
from bench.report.sections import section
from bench.results.format import NOT_APPLICABLE, distance_interval, footnotes, significant, table
from bench.results.numbers import Results


@section("Every measure", after="Spread over seeds", level=3)
def every_measure(results: Results) -> str:
    """A row for each measure; where it was taken at several n, the largest."""
    places = [*results.chosen_cells, *results.baselines]
    names = _names(
        {name for place in places for run in place.valued for name in run.record.metrics}
    )
    if not names:
        return ""
    rows = []
    for name in names:
        metric = f"test/{name}"
        means = [distance_interval(values) if (values := p.values(metric)) else "" for p in places]
        real = next((v for p in places for v in p.values(f"{metric}_real")), None)
        rows.append(
            [
                f"`{name}`",
                *(mean or NOT_APPLICABLE for mean in means),
                "" if real is None else significant(real),
            ]
        )
    header = ["measure on test", *(f"`{place.arm}`" for place in places), "real images"]
    text = table(header, rows)
    notes = footnotes(text)
    said = "What each is: `bench list metrics`; standard errors and every run's values: runs.csv."
    return f"{text}\n\n{' '.join(filter(None, [notes, said]))}"


def _names(metrics: set[str]) -> list[str]:
    """Names of test values in order, of each the one with the largest n."""
    found: dict[str, tuple[int, str]] = {}
    for metric in metrics:
        name = MeasureName.parse(metric)
        if name.split == "test" and not name.is_floor and not name.belongs:
            key = name.series.name
            found[key] = max(found.get(key, (0, "")), (name.n or 0, name.name))
    return sorted(name for _, name in found.values())
