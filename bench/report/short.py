"""The shortest report: a row for each arm; nothing is drawn, so nothing that draws is imported."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plan.study import Identity, Study
from bench.records import RunRecord
from bench.report.sections._columns import statuses
from bench.results.format import measured
from bench.results.results import read_results


def summary_rows(
    study: Study, identity: Identity, records: Sequence[RunRecord]
) -> list[dict[str, str]]:
    """Each arm's best cell by mean validation, as text: what ``bench run`` prints at its end.

    Keys: ``family``, ``cell``, ``runs``, ``validation`` and ``test`` (named by their measures).
    """
    results = read_results(study, identity, records, lambda _run_id, _name: None)
    rows = []
    for place in results.chosen_cells:
        values = {m: place.values(m) for m in (results.selection_metric, results.test_metric)}
        shown = {m: measured(m, v, num_lost=place.num_lost) for m, v in values.items()}
        cell = results.label(place)
        rows.append({"family": place.arm, "cell": cell, "runs": statuses(place), **shown})
    return rows
