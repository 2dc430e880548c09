"""A report made again from the tracked runs, and what is not the same; imports no torch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.compare.differences import (
    ReportDifference,
    of_run,
    table_differences,
    text_differences,
    without_section,
)
from bench.compare.report_folder import (
    ReportFolder,
    as_table,
    other_pixels,
    page_beside,
    page_differs,
    read_report_folder,
)
from bench.errors import UsageError
from bench.files import FIGURES
from bench.plan.files import load_study
from bench.plots import PLOTS
from bench.records import SEEDS
from bench.report.html import HTML
from bench.report.manifest import MANIFEST, Manifest, text_digest
from bench.report.runs_csv import read_records
from bench.report.sections import in_order
from bench.report.writer import README, RUNS, compose, report_text
from bench.results.exams import EXAMS
from bench.results.present import PRESENT
from bench.results.results import Results, read_results
from bench.results.siblings import SIBLINGS
from bench.results.summary import RUN_PAGES
from bench.results.tracked import Source, bundled_results, tracked_results
from bench.tracking.address import database_path, store_uri
from bench.tracking.bundle import BUNDLE, Bundle
from bench.tracking.mlflow import Store
from bench.tracking.recorded import experiment_of


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What came of making a report again.

    Attributes:
        folder: The report's; a bundle beside which there is none.
        source: Where the runs came from: the store's address, or ``runs.csv``.
        runs: How many runs.
        differences: What is not the same.
        remarks: What to know beside it; no difference.
    """

    folder: Path
    source: str
    runs: int
    differences: Sequence[ReportDifference]
    remarks: Sequence[str] = ()

    @property
    def equal(self) -> bool:
        """Whether everything that was made again is the same."""
        return not self.differences

    @property
    def is_whole(self) -> bool:
        """Whether curves, figures and pictures were made again too, and not only words."""
        return self.source != RUNS

    @property
    def is_bundle(self) -> bool:
        """Whether a bundle alone was read, and nothing was made again."""
        return not self.folder.is_dir()

    @property
    def changed_runs(self) -> list[str]:
        """Ids of the runs that are gone or have another value somewhere."""
        return list(dict.fromkeys(d.run for d in self.differences if d.run))

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        found = [vars(difference) for difference in self.differences]
        return {
            **vars(self),
            "folder": str(self.folder),
            "differences": found,
            "equal": self.equal,
            "is_whole": self.is_whole,
        }


_OF_A_REPORT = {README, RUNS, HTML, MANIFEST}
"""Files that mean the folder that they lie in."""


def verify_report(path: Path, uri: str | None = None) -> Verification:
    """Makes the report in a folder again from the runs it names, and compares.

    The runs are those of the store that is named, else of the bundle that lies beside the report,
    else of the usual store; where that has no such study, the rows of the report's own ``runs.csv``,
    which hold no curves and no pictures.

    Args:
        path: The folder, its ``README.md``, or a bundle in it. A bundle beside which no report
            lies is only read.
        uri: The tracking store.

    Raises:
        UsageError: No report lies there, the store does not open, or the bundle is not as it was
            written.
    """
    if not path.is_dir() and path.suffix != ".zip" and path.name not in _OF_A_REPORT:
        raise UsageError(
            f"'{path}' is no report: give its folder, the README.md in it, or a file of `bench bundle`"
        )
    folder = path if path.is_dir() else path.parent
    if path.suffix == ".zip":
        bundle = Bundle(path)
        return (
            _from_bundle(folder, bundle) if (folder / MANIFEST).is_file() else _read_whole(bundle)
        )
    if uri is None and (folder / BUNDLE).is_file():
        return _from_bundle(folder, Bundle(folder / BUNDLE))
    report = read_report_folder(folder)
    store = _store(uri)
    experiment_id = experiment_of(store, report.manifest.identity) if store else None
    if store is None or experiment_id is None:
        return _from_rows(report)

    def read(runs: Collection[str]) -> Results:
        identity = report.manifest.identity
        return tracked_results(store, identity, experiment_id, runs, said=_said_then(report))

    return _from_runs(report, store, experiment_id, read)


def _store(uri: str | None) -> Store | None:
    """The store; None where none was named and there is none in this folder."""
    path = database_path(store_uri(uri))
    if path and not path.exists():
        if uri is not None:  # opening it would make it
            raise UsageError(f"tracking store '{uri}' is not there: give another --tracking-uri")
        return None
    return Store(uri)


def _read_whole(bundle: Bundle) -> Verification:
    """A bundle alone: its digest holds, and its runs and curves are those of a study."""
    results = bundled_results(bundle)
    remark = f"no report lies beside it: `bench report {bundle.uri}` makes one"
    return Verification(
        folder=Path(bundle.uri),
        source=f"{results.identity.key}, with {bundle.num_points:,} points of their curves",
        runs=bundle.study.runs,
        differences=[],
        remarks=[remark],
    )


def _from_bundle(folder: Path, bundle: Bundle) -> Verification:
    report, held = read_report_folder(folder, bundle.study.plan), bundle.study.identity
    if held != report.manifest.identity:
        raise UsageError(
            f"'{bundle.uri}' holds `{held.flags()}`, the report beside it is of "
            f"`{report.manifest.identity.flags()}`: put the bundle of that study there"
        )
    read = partial(bundled_results, bundle, said=_said_then(report))
    return _from_runs(report, bundle, held.key, read)


def _said_then(report: ReportFolder) -> dict[str, str]:
    """Settings and seeds that the study was to have as the report was written, which may be others now."""
    return {key: report.manifest.facts.get(key, "") for key in (PRESENT, SEEDS)}


def _from_runs(
    report: ReportFolder,
    source: Source,
    experiment_id: str,
    read: Callable[[Collection[str]], Results],
) -> Verification:
    manifest = report.manifest
    there = {record.run_id for record in source.records(experiment_id)}
    gone = [of_run(run_id, "used", "") for run_id in manifest.runs if run_id not in there]
    later = len(there - set(manifest.runs))
    if later:
        said = "run came later and is" if later == 1 else "runs came later and are"
        report.remarks.append(f"{later:,} {said} left out")
    found = gone
    if len(gone) < len(manifest.runs):
        results = _linked(read(set(manifest.runs)), manifest)
        again = _made_again(report, results, with_pictures=source.has_pictures)
        lost = {difference.run for difference in gone}
        found = [*gone, *(difference for difference in again if difference.run not in lost)]
    return Verification(
        folder=report.folder,
        source=source.uri,
        runs=len(manifest.runs),
        differences=found,
        remarks=report.remarks,
    )


def _linked(results: Results, manifest: Manifest) -> Results:
    """With what lay around the runs then: the server's address, other studies, failed checks."""
    around = {EXAMS, RUN_PAGES, SIBLINGS}
    facts = {key: value for key, value in results.facts.items() if key not in around}
    then = {key: value for key, value in manifest.facts.items() if key in around}
    return replace(results, facts=facts | then)


def _made_again(
    report: ReportFolder, results: Results, *, with_pictures: bool
) -> list[ReportDifference]:
    """Texts, tables and the numbers of figures; pixels are a remark."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / FIGURES
        figures.mkdir()
        composed = compose(results, figures, report.folder)
        report.remarks.extend(other_pixels(report.folder / FIGURES, figures))
    told, drawn = report.files[README], dict(report.manifest.figures)
    page = page_differs(report, composed.files[README], composed.figures)
    missing = drawn.keys() - composed.figures.keys()
    if undrawn := [] if with_pictures else _of_pictures(missing):
        report.remarks.append(
            f"figures of runs' pictures, which the bundle leaves out, were not drawn again: "
            f"{', '.join(undrawn)}"
        )
        for name in undrawn:
            told = without_section(told, f"### {PLOTS.get(name).title}")
            drawn.pop(name)
        page = page_beside(report)
    return [
        *text_differences(told, composed.files[README]),
        *(
            ReportDifference(
                f"numbers of figure {name}", drawn.get(name, ""), composed.figures.get(name, "")
            )
            for name in sorted(drawn.keys() | composed.figures.keys())
            if drawn.get(name) != composed.figures.get(name)
        ),
        *(
            ReportDifference(f"figure {name}", "drawn", "no such file")
            for name in sorted(drawn)
            if not (report.folder / FIGURES / f"{name}.png").is_file()
        ),
        *page,
        *table_differences(report.files[RUNS], composed.files[RUNS]),
    ]


def _of_pictures(names: Collection[str]) -> list[str]:
    """Those of the figures that show what runs have drawn."""
    return [name for name, plot in PLOTS.items() if name in names and plot.reads_pictures]


def _from_rows(report: ReportFolder) -> Verification:
    """Every table and sentence made again from the rows of ``runs.csv``."""
    manifest, rows = report.manifest, report.files[RUNS]
    records = as_table(report.folder, rows, read_records)
    study = load_study(manifest.identity.study)

    def made_again(_: str) -> str:
        results = read_results(
            study, manifest.identity, records, lambda _run_id, _name: None, facts=manifest.facts
        )
        return report_text(results, out=report.folder)

    told, text = report.files[README], as_table(report.folder, rows, made_again)
    for heading in (section.heading for section in in_order() if section.reads_curves):
        told, text = without_section(told, heading), without_section(text, heading)
    was, now = manifest.files[RUNS], text_digest(rows)
    edited = [] if was == now else [ReportDifference(f"digest of {RUNS}", was, now)]
    remark = (
        "the store has no runs of this study, so that its tables and sentences were made again "
        f"from its own {RUNS}: curves, figures and pictures could not be checked, nor what stands "
        "beside the results of others"
    )
    return Verification(
        folder=report.folder,
        source=RUNS,
        runs=len(records),
        differences=[*edited, *(text_differences(told, text) or page_beside(report))],
        remarks=[*report.remarks, remark],
    )
