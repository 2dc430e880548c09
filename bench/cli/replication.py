"""``bench replication``: the page of published numbers beside ours; no torch."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Say, Uri, command, quiet
from bench.errors import UsageError
from bench.files import made_folder, written_where_asked, written_whole
from bench.plan.files import load_study, study_files
from bench.report.replication import page
from bench.results.results import Results
from bench.results.tracked import bundled_results, tracked_results
from bench.tracking.bundle import Bundle
from bench.tracking.mlflow import Store
from bench.tracking.recorded import open_recorded


@command("replication")
def make_replication(
    bundles: Annotated[
        list[Path] | None, typer.Argument(help="files of `bench bundle`, in this order")
    ] = None,
    *,
    tracking_uri: Uri = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder")] = Path("reports/replication"),
    say: Say = quiet,
) -> Path:
    """Writes the page of every study that holds published numbers or claims; its path.

    Of bundles, of a store, or of both; without any the store is MLflow's own default.

    Raises:
        UsageError: There is no such run.
    """
    found = [bundled_results(Bundle(path)) for path in bundles or ()]
    if tracking_uri or not found:
        found += _stored(open_recorded(tracking_uri))
    if not found:
        raise UsageError(
            "no runs of a study that says what others have published: run one first, such as "
            "`bench run iwae`"
        )
    path = out / "README.md"
    with written_where_asked(out):
        made_folder(out)
        with written_whole(path) as file:
            file.write(page(found, _command(bundles or [], tracking_uri)).encode())
    say(f"page of {len(found)} studies in {path}")
    return path


def _stored(store: Store) -> list[Results]:
    """What a store holds, published numbers before claims alone, then in the order of their names."""
    studies = {name: load_study(name) for name in study_files()}
    wanted = {name: s for name, s in studies.items() if s.published or s.claims}
    order = sorted(wanted, key=lambda name: (not wanted[name].published, name))
    there = [one for one in store.experiments() if one.identity and one.identity.study in wanted]
    return [
        tracked_results(store, one.identity, one.id)
        for name in order
        for one in there
        if one.identity and one.identity.study == name and store.records(one.id)
    ]


def _command(bundles: list[Path], tracking_uri: str | None) -> str:
    given = [path.as_posix() for path in bundles]
    return shlex.join(
        ["bench", "replication", *given, *(["--tracking-uri", "STORE"] if tracking_uri else [])]
    )
