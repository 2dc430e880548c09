"""The report's table of every test measure, families at their chosen cell beside the baselines."""

from __future__ import annotations

from bench.measures import MeasureName, largest
from bench.report.sections import section
from bench.results.format import NOT_APPLICABLE, distance_interval, footnotes, significant, table
from bench.results.results import Results


@section("Every measure", after="Spread over seeds", level=3)
def every_measure(results: Results) -> str:
    """A row for each measure; where it was taken at several n, the largest."""
    places = [*results.chosen_cells, *results.baselines]
    texts = {text for place in places for run in place.valued for text in run.record.metrics}
    names = [m for m in map(MeasureName.parse, texts) if not m.is_floor and not m.belongs]
    shown = sorted(m.name for m in largest(names) if m.split == "test")
    if not shown:
        return ""
    rows = []
    for name in shown:
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
