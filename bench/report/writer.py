"""The comparison report: records to markdown, figures and a table, byte-identical when repeated."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config import dataset_slug
from bench.dataset_names import short_name, to_publish
from bench.errors import UsageError
from bench.files import FIGURES, page_folder
from bench.plan.study import Identity, Study
from bench.plots import PLOTS, png, style
from bench.records import RunRecord
from bench.report.answer import answer
from bench.report.beside import contradicted
from bench.report.findings import findings
from bench.report.html import HTML, to_html
from bench.report.manifest import Manifest, table_digest, text_digest
from bench.report.origin import warning
from bench.report.runs_csv import runs_table
from bench.report.sections import in_order
from bench.report.sections.provenance import commands
from bench.results.format import code, count, join, plural, prose
from bench.results.results import Pictures, Results, read_results
from bench.results.runs import UNFINISHED
from bench.results.summary import completeness, overtaken, unconfirmed

README, RUNS = "README.md", "runs.csv"

_ANSWERS = ("factor_curve", "headline")
"""The figures that answer a study's question, the first that it has on the first screen."""

_MODES = ("modes_curve",)
"""What is asked besides of data whose modes are known."""

_SAMPLES = ("best_samples", "sample_grids")
"""Likewise what shows samples beside real images."""


@dataclass(frozen=True)
class Composed:
    """A report before it is written.

    Attributes:
        files: File name to text.
        figures: Figure to the digest of its numbers.
    """

    files: Mapping[str, str]
    figures: Mapping[str, str]


def write_report(
    study: Study,
    identity: Identity,
    records: Sequence[RunRecord],
    pictures: Pictures,
    out: Path,
) -> Path:
    """Writes ``README.md``, ``report.html``, ``figures/*.png``, ``runs.csv`` and ``report.json``.

    Args:
        study: The plan; its question, arms, factors and notes.
        identity: Tier, data set and ``--set`` values of the runs.
        records: The runs of that identity, in any order, finished or not.
        pictures: ``(run_id, name)`` to PNG bytes, or None.
        out: The folder; made if need be.

    Returns:
        The path of ``README.md``.

    Raises:
        UsageError: There are no records, or ``out`` is a file.
    """
    return write_results(read_results(study, identity, records, pictures), out)


def write_results(results: Results, out: Path) -> Path:
    """The same of records that are grouped already.

    Raises:
        UsageError: ``out`` is a file.
    """
    composed = compose(results, page_folder(out, "report"), out)
    for name, text in composed.files.items():
        (out / name).write_text(text, encoding="utf-8", newline="")
    page = to_html(composed.files[README], read_figures(out, composed.figures))
    (out / HTML).write_text(page, encoding="utf-8", newline="\n")
    manifest(results, composed).write(out)
    return out / README


def read_figures(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """What was drawn into a report's folder, by its address in the markdown."""
    return {
        f"{FIGURES}/{name}.png": (folder / FIGURES / f"{name}.png").read_bytes() for name in names
    }


def compose(results: Results, figures_folder: Path, out: Path) -> Composed:
    """Draws the figures into a folder; everything else as text, to lie in ``out``.

    A figure of runs' pictures that are not there (a bundle may leave them out) stays as it lies in
    the folder with its words, if the report there is of the same runs.
    """
    shown, numbers = figures(results, figures_folder, _drawn_before(results, figures_folder.parent))
    files = {README: report_text(results, shown, out), RUNS: runs_table(results)}
    return Composed(files, numbers)


def _drawn_before(results: Results, folder: Path) -> dict[str, tuple[str, str]]:
    """Of the report of these runs in a folder, what shows pictures: its markdown and its digest."""
    try:
        before, text = Manifest.read(folder), (folder / README).read_text(encoding="utf-8")
    except (UsageError, OSError, UnicodeError):
        return {}
    if before.runs != _run_ids(results):
        return {}
    found = {name: _markdown(text, name) for name, plot in PLOTS.items() if plot.reads_pictures}
    return {
        name: (words, before.figures[name])
        for name, words in found.items()
        if words and name in before.figures and (folder / FIGURES / f"{name}.png").is_file()
    }


def _markdown(text: str, name: str) -> str:
    """A figure with its caption, as a report has it; empty where it does not."""
    address = re.escape(f"({FIGURES}/{name}.png)")
    found = re.search(rf"^!\[[^\]\n]*\]{address}\n\n[^\n]+", text, re.MULTILINE)
    return found[0] if found else ""


def _run_ids(results: Results) -> tuple[str, ...]:
    """Of every run that is reported, used or not, sorted."""
    runs = [
        run
        for group in results.groups
        for run in (*group.runs, *group.unplaced_runs, *group.trials)
    ]
    return tuple(sorted(run.record.run_id for run in runs))


def manifest(results: Results, composed: Composed) -> Manifest:
    """What ``bench verify`` needs to make the report again."""
    return Manifest(
        identity=results.identity,
        seeds=completeness(results).seeds,
        runs=_run_ids(results),
        facts=results.facts,
        plan=text_digest(results.study.model_dump_json()),
        files={name: text_digest(text) for name, text in composed.files.items()},
        figures=composed.figures,
    )


def figures(
    results: Results, folder: Path, before: Mapping[str, tuple[str, str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Draws every plot that has something to show: each one's markdown, and its numbers' digest.

    Args:
        results: Whose.
        folder: For the figures.
        before: Markdown and digest of what lies there and stays if it cannot be drawn.
    """
    shown, numbers = {}, {}
    for name, plot in sorted(PLOTS.items(), key=lambda item: (item[1].order, item[0])):
        path = folder / f"{name}.png"
        rows = plot.numbers(results)
        with style():
            drawing = plot.draw(rows, results) if len(rows) else None
            if drawing is not None:
                path.write_bytes(png(drawing.figure))
        if drawing is not None:
            alt = prose(drawing.alt.replace("[", "(").replace("]", ")"))
            shown[name] = f"![{alt}]({FIGURES}/{name}.png)\n\n{prose(drawing.caption)}"
            numbers[name] = table_digest(rows)
        elif name in before:
            shown[name], numbers[name] = before[name]
        else:
            path.unlink(missing_ok=True)
    return shown, numbers


def report_text(
    results: Results, shown: Mapping[str, str] | None = None, out: Path | None = None
) -> str:
    """The markdown, with the figures of ``figures`` under their headings, to lie in ``out``."""
    shown = shown or {}
    # Of a factor the larger board has a row for each value, which is more than a first screen.
    samples = _SAMPLES[:1] if results.study.x else _SAMPLES
    first = [name for names in (_ANSWERS, _MODES, samples) if (name := _first(names, shown))]
    glance, others = (
        "\n\n".join(f"### {PLOTS.get(name).title}\n\n{shown[name]}" for name in names)
        for names in (first, [name for name in shown if name not in first])
    )
    beside = {
        "Answer at a glance": glance,
        "Findings": findings(results),
        "Figures": others,
        "Floors": calibration_link(results, out),
    }
    identity = results.identity
    dataset = short_name(identity.dataset)
    title = f"# {prose(f'{identity.study} on {dataset} ({identity.tier} tier)')}"
    parts = [title, warning(results), _state(results), answer(results), contradicted(results)]
    for section in in_order():
        words = "\n\n".join(filter(None, [section.words(results), beside.get(section.title)]))
        parts.append(f"{section.heading}\n\n{words}" if words else "")
    return "\n\n".join(filter(None, parts)) + "\n"


def _first(names: Sequence[str], shown: Mapping[str, str]) -> str:
    return next((name for name in names if name in shown), "")


def _state(results: Results) -> str:
    """A warning above the answer while runs are missing."""
    there, trials = completeness(results), results.trials
    if trials and not there.seeds:
        over = sum(run.status != UNFINISHED for run in trials)
        if over == len(trials) and not any(run.has_values for run in trials):
            return f"> None of {plural(len(trials), 'trial')} of the search has a value."
        return (
            f"> The search is under way: {count(over)} of {plural(len(trials), 'trial')} begun have "
            "ended, and no best configuration has been run on fresh seeds yet."
        )
    if there.complete:
        return _unconfirmed(results)
    fresh, begun, over = there.fresh or (0, 0, 0)
    ended = f"{count(there.ended + over)} of {count(there.expected + fresh)} runs have ended"
    left = there.expected + fresh - there.found - begun if there.fresh else 0
    said = f", not begun: {count(left)}" if left else ""
    return f"> Partly finished: {ended}{said}. The numbers below will change."


def _unconfirmed(results: Results) -> str:
    """That cells were chosen by the seeds that are shown; empty where fresh ones are there."""
    missing = unconfirmed(results)
    if not missing:
        return ""
    former = join([f"{code(p.arm)} at {prose(results.label(p))}" for p in overtaken(results)])
    others = f" Those of {former} do not count: the seeds reported here choose another cell."
    return (
        f"> {plural(missing, 'run')} of chosen cells on fresh seeds {'is' if missing == 1 else 'are'} "
        "missing: a family without them is at the value of the seeds that chose its cell, which "
        f"flatter it.{others if former else ''} {code(commands(results)[0])} runs what is missing."
    )


def card_folder(dataset: str) -> str:
    """Name of the folder of a data set's card, beside the reports."""
    return f"calibration_{dataset_slug(dataset)}"


def calibration_link(results: Results, out: Path | None) -> str:
    """A link to the card beside the report in ``out``, or the command that makes one."""
    dataset = results.identity.dataset
    card = Path("..") / card_folder(dataset) / README
    said = (
        f"How far these distances can be trusted on {prose(short_name(dataset))}, how they answer to damage and "
        "to n"
    )
    if out is not None and (out.absolute() / card).is_file():
        return f"{said}: [the calibration card]({card.as_posix()})."
    command = shlex.join(["bench", "calibrate", to_publish(dataset)])
    return f"{said}: no calibration card lies beside this report, {code(command)} makes it."
