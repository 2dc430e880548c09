"""A report as it lies there: its manifest, its texts, its page and its figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import bench
from bench.compare.differences import ReportDifference
from bench.errors import UsageError
from bench.files import FIGURES
from bench.plan.files import load_study
from bench.plan.study import Study
from bench.registry import in_a_line
from bench.report.html import HTML, to_html
from bench.report.manifest import MANIFEST, Manifest, text_digest
from bench.report.runs_csv import read_rows
from bench.report.writer import README, RUNS

Rows = TypeVar("Rows")


@dataclass(frozen=True)
class ReportFolder:
    """A report.

    Attributes:
        folder: Where it lies.
        manifest: What it says it was made of.
        files: Name to text, of the files that the manifest names.
        remarks: What to know of it; more may be added.
    """

    folder: Path
    manifest: Manifest
    files: Mapping[str, str]
    remarks: list[str] = field(default_factory=list)


def read_report_folder(folder: Path, plan: Study | None = None) -> ReportFolder:
    """The report in a folder, with remarks on what is not as when it was written.

    Args:
        folder: Where it lies.
        plan: What its runs were planned by; None takes the study file.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    manifest = Manifest.read(folder)
    if lacking := {README, RUNS} - manifest.files.keys():
        raise UsageError(
            f"'{folder / MANIFEST}' names no {min(lacking)}: write the report again with "
            "`bench report`"
        )
    files = {name: _text(folder / name) for name in manifest.files}
    as_table(folder, files[RUNS], read_rows)
    study = plan or load_study(manifest.identity.study)
    remarks = []
    if manifest.bench_version != bench.__version__:
        remarks.append(
            f"made by bench {manifest.bench_version}, verified by {bench.__version__}: its words "
            "and tables may differ where its numbers do not"
        )
    if manifest.plan != text_digest(study.model_dump_json()):
        remarks.append(f"the study file {study.name} has changed since")
    edited = [name for name, text in files.items() if text_digest(text) != manifest.files[name]]
    remarks += [f"{name} was edited after it was written" for name in edited]
    return ReportFolder(folder, manifest, files, remarks)


def as_table(folder: Path, text: str, read: Callable[[str], Rows]) -> Rows:
    """What ``read`` makes of a folder's ``runs.csv``.

    Raises:
        UsageError: It is no such table.
    """
    try:
        return read(text)
    except UsageError:
        raise
    except Exception as error:  # whatever a cell leads to that somebody has written
        raise UsageError(
            f"'{folder / RUNS}' is no table of runs ({in_a_line(error)}): write the report again "
            "with `bench report`"
        ) from error


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise OSError("no file")
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"'{path}' cannot be read ({type(error).__name__}): give the folder of a whole report, "
            "or write it again with `bench report`"
        ) from error


def page_beside(report: ReportFolder) -> list[ReportDifference]:
    """Whether the page has the words of the ``README.md`` beside it."""
    figures = [report.folder / FIGURES / f"{name}.png" for name in report.manifest.figures]
    if not all(figure.is_file() for figure in figures):
        return []
    return page_differs(report, report.files[README], report.manifest.figures)


def page_differs(
    report: ReportFolder, readme: str, figures: Iterable[str]
) -> list[ReportDifference]:
    """Whether the page, where there is one, has these words and places for these figures."""
    page = report.folder / HTML
    pictures = {f"{FIGURES}/{name}.png": b"" for name in figures}
    if not page.is_file() or _words(_text(page)) == _words(to_html(readme, pictures)):
        return []
    return [ReportDifference(HTML, "other words", f"those of {README} made again")]


def _words(page: str) -> str:
    """What stands in a page, without its pictures and without its head, which versions differ in."""
    return re.sub(r'src="data:[^"]*"', "", page.partition("<body>")[2])


def other_pixels(reported: Path, drawn: Path) -> list[str]:
    """Which figures have other bytes: a remark, since other platforms draw other pixels."""
    both = [path for path in sorted(drawn.glob("*.png")) if (reported / path.name).is_file()]
    other = [p.stem for p in both if p.read_bytes() != (reported / p.name).read_bytes()]
    if not other:
        return []
    return [f"{len(other)} of {len(both)} figures have other pixels: {', '.join(other)}"]
