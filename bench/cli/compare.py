"""``bench compare``: two or more tracked runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import Say, Uri, command, quiet
from bench.compare.runs import SideBySide, side_by_side
from bench.compare.text import markdown, to_json
from bench.errors import UsageError
from bench.files import written_where_asked
from bench.results.format import code, table
from bench.results.runs import RecordedRun
from bench.tracking.mlflow import Store
from bench.tracking.recorded import open_recorded

_PICTURES = ("samples", "reconstructions")


@command("compare")
def compare_runs(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="ids, or their beginnings")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for README.md with pictures")
    ] = None,
    tracking_uri: Uri = None,
    say: Say = quiet,
) -> dict[str, Any]:
    """The table as JSON values; with ``out`` also as ``README.md`` there, with pictures.

    Raises:
        UsageError: Fewer than two runs, one that is unknown, or ``out`` is a file.
    """
    if len(set(runs)) < 2:
        raise UsageError(
            f"bench compare takes two or more runs, got {len(set(runs))}: add ids of `bench list runs`"
        )
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"'{out}' is a file: give a folder with --out")
    store = open_recorded(tracking_uri)
    records = {record.run_id: record for record in map(store.record, runs)}
    found = side_by_side([RecordedRun(record) for record in records.values()])
    text = markdown(found)
    say(text)
    if out is not None:
        with written_where_asked(out):
            parts = [f"# {len(records)} runs side by side", text, *_pictures(found, store, out)]
            readme = "\n\n".join(parts) + "\n"
            (out / "README.md").write_text(readme, encoding="utf-8", newline="\n")
        say(f"\nwritten to {out / 'README.md'}")
    return to_json(found)


def _pictures(found: SideBySide, store: Store, out: Path) -> list[str]:
    """A table of pictures for each kind that a run has; of each column its first seed's."""
    out.mkdir(parents=True, exist_ok=True)
    parts = []
    for kind in _PICTURES:
        header, cells = [], []
        for column in found.columns:
            run = column.runs[0]
            png = store.artifact(run.record.run_id, f"pictures/{kind}.png")
            if png is None:
                continue
            name = f"{kind}_{run.record.run_id}.png"
            (out / name).write_bytes(png)
            header.append(f"{code(column.label)}, seed {run.seed}")
            cells.append(f"![{kind} of {column.label}, seed {run.seed}]({name})")
        if cells:
            said = "Each column's first seed, uncurated, from the same noise where models share its size."
            parts.append(
                f"## {kind.capitalize()}\n\n{said}\n\n{table(header, [cells], left=len(cells))}"
            )
    return parts
