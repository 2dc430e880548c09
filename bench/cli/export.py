"""``bench export``: results and curves of runs as tables for other programs; imports no torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.options import Dataset, Say, Sets, Uri, command, quiet
from bench.errors import UsageError
from bench.files import written_where_asked, written_whole
from bench.plan.files import load_study
from bench.report.runs_csv import spreadsheet_cell
from bench.tracking.bundle import Bundle
from bench.tracking.recorded import find_recorded, open_recorded

if TYPE_CHECKING:
    import pandas as pd

    from bench.records import RunRecord
    from bench.results.frames import Histories

FORMATS = "csv", "parquet"


@dataclass(frozen=True, eq=False)
class Found:
    """Runs, and where their curves are read from."""

    records: list[RunRecord]
    histories: Histories


@command("export")
def export_runs(
    source: Annotated[
        str | None,
        typer.Argument(metavar="STUDY", help="or a file of `bench bundle`; default: every run"),
    ] = None,
    *,
    tier: Annotated[str | None, typer.Option("--tier", help="of the study that was run")] = None,
    dataset: Dataset = None,
    overrides: Sets = None,
    file_format: Annotated[str, typer.Option("--format", help="csv or parquet")] = "csv",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder; default exports/STUDY")
    ] = None,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """Writes two tables: the runs with their settings and results, and their curves in long form.

    Raises:
        UsageError: Nothing was run under that name, another format, or parquet without pyarrow.
    """
    _require_format(file_format)
    found = find_runs(
        source, tier=tier, dataset=dataset, overrides=overrides, tracking_uri=tracking_uri
    )
    from bench.results.frames import curves_frame, results_frame

    frames = {
        "results": results_frame(found.records),
        "curves": curves_frame(found.records, found.histories),
    }
    out = out or Path("exports") / (Path(source).stem if source else "all")
    paths = {name: str(out / f"{name}.{file_format}") for name in frames}
    with written_where_asked(out):
        if out.exists() and not out.is_dir():
            raise UsageError(f"export folder '{out}' is a file: give a folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            _write(frame, Path(paths[name]))
            say(f"{len(frame):,} rows of {name} in {paths[name]}")
    return {name: {"rows": len(frame), "path": paths[name]} for name, frame in frames.items()}


def find_runs(
    source: str | None,
    *,
    tier: str | None = None,
    dataset: str | None = None,
    overrides: Sequence[str] | None = None,
    tracking_uri: str | None = None,
) -> Found:
    """The runs of a study, of a bundle, or of a whole store.

    Raises:
        UsageError: There are none, or options that do not belong together.
    """
    is_bundle = source is not None and source.endswith(".zip")
    if (source is None or is_bundle) and (tier or dataset or overrides):
        what = f"'{source}' holds one study" if is_bundle else "every run is read without a STUDY"
        raise UsageError(f"{what}: leave out --tier, --dataset and --set, or name a study")
    if source is not None and is_bundle:
        if tracking_uri:
            raise UsageError(f"'{source}' is read without a store: leave out --tracking-uri")
        bundle = Bundle(Path(source))
        return Found(bundle.records(bundle.study.identity.key), bundle.histories)
    if source is not None:
        load_study(source)  # a name that no file has is told before a database is made
    store = open_recorded(tracking_uri)
    if source is None:
        records = [r for one in store.experiments() for r in store.records(one.id)]
    else:
        _, experiment_id = find_recorded(
            store, source, tier=tier, dataset=dataset, sets=list(overrides or ())
        )
        records = store.records(experiment_id)
    if not records:
        raise UsageError(f"no runs in '{store.uri}': run `bench train` or `bench run` first")
    return Found(records, store.histories)


def _require_format(name: str) -> None:
    if name not in FORMATS:
        raise UsageError(f"--format must be one of {', '.join(FORMATS)}, got '{name}'")
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            "--format parquet needs the package pyarrow, which is not installed: install it, or take "
            "--format csv"
        )


def _write(frame: pd.DataFrame, path: Path) -> None:
    with written_whole(path) as file:
        if path.suffix == ".parquet":
            frame.to_parquet(file, engine="pyarrow", index=False)
        else:
            from pandas.api.types import is_numeric_dtype

            texts = {str(c): frame[c].map(_cell) for c in frame if not is_numeric_dtype(frame[c])}
            frame.assign(**texts).to_csv(file, index=False, lineterminator="\n")


def _cell(text: object) -> object:
    return spreadsheet_cell(text) if isinstance(text, str) else text
