"""Where the runs of a merged study are from; nothing of one that was run in one place."""

from __future__ import annotations

from bench.report.sections import section
from bench.results.format import MISSING, code, measured, p_value, plural, prose, table
from bench.results.machines import HERE, Contest, Place, agreement, contests, place_of, places
from bench.results.results import Results
from bench.results.summary import run_link

ALPHA = 0.05


@section("Machines", after="Provenance", level=3)
def machines(results: Results) -> str:
    """The places with their runs, whether they agree, and the runs that contradict each other."""
    found = places(results)
    if all(place.bundle == HERE for place in found):
        return ""
    rows = [
        [_place(place), prose(place.processor) or MISSING, _seeds(place, results), f"{len(runs):,}"]
        for place, runs in found.items()
    ]
    return "\n\n".join(
        [
            table(["came in", "processor", "seeds", "runs"], rows, left=3),
            _agreement(results),
            *_contests(results),
        ]
    )


def _place(place: Place) -> str:
    return HERE if place.bundle == HERE else f"bundle {code(place.bundle)}"


def _seeds(place: Place, results: Results) -> str:
    """Those of the arms, which are a machine's own or not."""
    cells = results.arm_cells
    seeds = {r.seed for cell in cells for r in cell.runs if place_of(r) == place}
    return ", ".join(map(str, sorted(seeds))) or MISSING


def _agreement(results: Results) -> str:
    found = agreement(results)
    if found is None:
        return "No two places hold several seeds of one cell: here a machine cannot be told from its seeds."
    verb = "differ" if found.p < ALPHA else "are not told apart"
    return (
        f"Within cells the places {verb} in {code(results.test_metric_name)}: F = {found.f:.2f} with "
        f"{found.df} and {found.df_rest} degrees of freedom, {p_value(found.p)}, over "
        f"{plural(found.cells, 'cell')} of which several places hold several seeds."
    )


def _contests(results: Results) -> list[str]:
    """A table of runs with one configuration and seed and two values."""
    if not (found := contests(results)):
        return []
    rows = [_contest(results, one) for one in found]
    header = ["configuration", "counts", "value", "kept beside it", "value", "made on"]
    return [
        f"{plural(len(found), 'run')} came with other values than the one of the same configuration "
        "and seed that was there first, which counts:",
        table(header, rows, left=2),
    ]


def _contest(results: Results, one: Contest) -> list[str]:
    first, other, metric = one.counts, one.other, results.test_metric
    values = [
        MISSING
        if run is None or (value := run.value(metric)) is None
        else measured(metric, [value])
        for run in (first, other)
    ]
    return [
        f"{code(other.arm)} seed {other.seed}",
        MISSING if first is None else run_link(results, first),
        values[0].removesuffix(" §"),
        run_link(results, other),
        values[1].removesuffix(" §"),
        prose(
            " beside ".join(
                p.processor for p in map(place_of, filter(None, (first, other))) if p.processor
            )
        )
        or MISSING,
    ]
