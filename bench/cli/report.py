"""``bench report``: finds a study's runs in MLflow and has them reported; no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Dataset, Say, Sets, StudyName, Uri, command, quiet
from bench.files import written_where_asked
from bench.plan.files import load_study


@command("report")
def make_report(
    study: StudyName,
    *,
    tier: Annotated[str | None, typer.Option("--tier", help="of the study that was run")] = None,
    dataset: Dataset = None,
    overrides: Sets = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder; default reports/STUDY")] = None,
    tracking_uri: Uri = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, max=10_000, help="the first so many; default all"),
    ] = None,
    say: Say = quiet,
) -> Path:
    """Writes the report of what was run under that identity; its README's path.

    With ``seeds``, of each cell the first so many seeds of those that were run.

    Raises:
        UsageError: Nothing was run under it; the sentence lists what was.
    """
    load_study(study)  # a name that no file has is told before a database is made
    from bench.report.writer import write_results  # draws, which takes seconds to import
    from bench.results.tracked import tracked_results
    from bench.tracking.mlflow import Store
    from bench.tracking.recorded import find_recorded

    store = Store(tracking_uri)
    identity, experiment_id = find_recorded(
        store, study, tier=tier, dataset=dataset, sets=overrides or []
    )
    results = tracked_results(store, identity, experiment_id, seeds=seeds)
    out = out or Path("reports") / study
    with written_where_asked(out):
        path = write_results(results, out)
    say(f"report in {path}")
    return path
