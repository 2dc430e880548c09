"""``bench report``: finds a study's runs in MLflow or a bundle and has them reported; no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import names
from bench.cli.options import (
    Dataset,
    Say,
    Sets,
    StudyOption,
    Uri,
    command,
    one_study,
    quiet,
    say_notes,
)
from bench.errors import UsageError
from bench.files import written_where_asked
from bench.plan.files import load_study, study_files
from bench.tracking.bundle import Bundle
from bench.tracking.recorded import find_recorded, open_recorded

if TYPE_CHECKING:
    from bench.results.results import Results
    from bench.tracking.mlflow import Store


@command("report")
def make_report(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY|FILE",
            help="a study, or a file of `bench bundle`",
            autocompletion=names.studies,
        ),
    ] = None,
    *,
    named: StudyOption = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="the same as FILE")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="of the study that was run")] = None,
    dataset: Dataset = None,
    overrides: Sets = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder; default reports/STUDY")
    ] = None,
    tracking_uri: Uri = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, max=10_000, help="the first so many; default all"),
    ] = None,
    attach: Annotated[
        bool, typer.Option("--attach", help="also to MLflow, beside the study's runs")
    ] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="also tables.tex with booktabs, and cite.bib")
    ] = False,
    say: Say = quiet,
) -> Path:
    """Writes the report of what was run under that identity; its README's path.

    With ``seeds``, of each cell the first so many seeds of those that were run.

    Raises:
        UsageError: Nothing was run under it; the sentence lists what was.
    """
    study, bundle = _source(study, named, bundle, say)
    if bundle is not None and (tier or dataset or overrides or tracking_uri or attach):
        raise UsageError(
            f"'{bundle}' holds one study, and is no store: leave out --tier, --dataset, --set, "
            "--tracking-uri and --attach"
        )
    from bench.report.html import HTML
    from bench.report.latex import write_latex
    from bench.report.writer import write_results  # draws, which takes seconds to import
    from bench.results.exams import with_exams
    from bench.results.present import former_said
    from bench.results.tracked import bundled_results, tracked_results, with_siblings

    if bundle is not None:
        results = with_siblings(opened := Bundle(bundle), bundled_results(opened, seeds=seeds))
        if not opened.has_pictures:
            say("without the figures of runs' pictures, which the bundle leaves out")
    else:
        store = open_recorded(tracking_uri)
        identity, experiment_id = find_recorded(
            store, str(study), tier=tier, dataset=dataset, sets=overrides or []
        )
        results = with_siblings(store, tracked_results(store, identity, experiment_id, seeds=seeds))
    say_notes(filter(None, [former_said(results.former, results.arm_runs)]), say)
    out = out or Path("reports") / results.study.name
    with written_where_asked(out):
        path = write_results(results := with_exams(results), out)
        if latex:
            write_latex(results, out)
    say(f"report in {path}")
    say(f"to open in a browser: {path.with_name(HTML)}")
    if attach:
        _attach(results, store, experiment_id, out)
        say("report attached to the study in MLflow")
    return path


def _source(
    study: str | None, named: str | None, bundle: Path | None, say: Say
) -> tuple[str, None] | tuple[None, Path]:
    """The study or the bundle that is meant.

    Raises:
        UsageError: Both, neither, or a study that is not there.
    """
    if study is not None and named is None and bundle is None and _is_file(study):
        return None, Path(study)
    if bundle is None:
        name = one_study(study, named, say)
        load_study(name)  # a name that no file has is told before a database is made
        return name, None
    if study or named:
        raise UsageError("bench report takes a STUDY or a file of `bench bundle`: give one")
    return None, bundle


def _attach(results: Results, store: Store, experiment_id: str, folder: Path) -> None:
    """Puts a report beside its study's runs, and its answer above them."""
    from bench.report.answer import answer, headline
    from bench.tracking.attached import attach_report

    question, said = answer(results).split("\n\n", 1)
    above = "\n\n".join(filter(None, [headline(results), said, question]))
    attach_report(store, experiment_id, folder, answer=above)


def _is_file(word: str) -> bool:
    """Whether a word means a bundle: no study is called so, and a file is, or could be."""
    return word not in study_files() and (Path(word).exists() or "." in word or "/" in word)
