"""``bench bundle``: the runs of a study as one file, from which its report is made anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import names
from bench.cli.options import Dataset, Say, Sets, Uri, command, quiet
from bench.files import made_folder, written_where_asked
from bench.plan.files import load_study
from bench.tracking.bundle import BUNDLE, write_bundle
from bench.tracking.recorded import find_recorded, open_recorded


@command("bundle")
def make_bundle(
    study: Annotated[
        str, typer.Argument(help="name of a file in studies/", autocompletion=names.studies)
    ],
    *,
    tier: Annotated[str | None, typer.Option("--tier", help="of the study that was run")] = None,
    dataset: Dataset = None,
    overrides: Sets = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=f"default reports/STUDY/{BUNDLE}")
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="with the last picture of each kind")
    ] = False,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> Path:
    """Writes what was run under that identity; the file's path.

    Raises:
        UsageError: Nothing was run under it, or the file cannot lie there.
    """
    load_study(study)  # a name that no file has is told before a database is made
    store = open_recorded(tracking_uri)
    identity, experiment_id = find_recorded(
        store, study, tier=tier, dataset=dataset, sets=overrides or []
    )
    out = out or Path("reports") / study / BUNDLE
    with written_where_asked(out):
        made_folder(out.parent)
        runs = write_bundle(out, store, identity, experiment_id, pictures=pictures)
    size = out.stat().st_size
    say(f"{runs:,} runs with their curves in {out} ({size:,} bytes): bench verify {out}")
    return out
