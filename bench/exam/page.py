"""The page of an exam: plain numbers in, markdown, figures and a table of verdicts out."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from bench.distances.mass import CELLS, FEWEST_OF_A_CELL
from bench.distances.two_samples import FEWEST
from bench.exam.checks import Check, Kind
from bench.exam.criteria import NEAR, RISE, SLACK
from bench.exam.figures import FAIL, PASS, exam_figures
from bench.exam.measures import EXAMINED, PAIRED, SPREADS, Examined
from bench.exam.numbers import Exam
from bench.exam.published import PAIRS, PURPOSES, ROWS, SOURCE, Passed
from bench.exam.verdict import Verdict, verdicts
from bench.failed_checks import Sat
from bench.files import page_folder
from bench.results.format import MISSING, code, count, join, prose, table
from bench.text import one_line

NUMBERS, VERDICTS, README = "numbers.json", "verdicts.csv", "README.md"
STORED = TypeAdapter(Exam)
"""Reads what is stored there, to the same bits."""

GAUSSIAN = "gaussian"
"""The exam on points."""

Found = Mapping[str, Sequence[Verdict]]
"""Measure to its verdicts, in the checks' order."""

_PAPER = "Räisä, van Breugel and van der Schaar 2025, arXiv 2505.22450"

_KINDS: dict[Kind, str] = {
    "fidelity": "fidelity (whether samples are like real data)",
    "diversity": "diversity (whether they have all of the real data's variety)",
    "both": "both at once",
}


def read_numbers(folder: Path) -> Exam | None:
    """What ``write_page`` left in a folder; None where it is not there or cannot be read."""
    try:
        return STORED.validate_json((folder / NUMBERS).read_bytes())
    except (OSError, ValueError):
        return None


def write_page(checks: tuple[Check, ...], exam: Exam, out: Path) -> Path:
    """Writes ``README.md``, ``numbers.json``, ``verdicts.csv`` and ``figures/*.png`` into a folder.

    Returns:
        The path of ``README.md``.

    Raises:
        UsageError: ``out`` is a file.
    """
    figures = page_folder(out, "exam")
    text = json.dumps(asdict(exam), indent=1, allow_nan=False)
    # What is drawn is what was stored: a page made from the file alone is the same.
    stored = STORED.validate_json(text)
    drawn = exam_figures(checks, stored, figures)
    files = {
        NUMBERS: f"{text}\n",
        VERDICTS: verdicts_table(checks, stored),
        README: page_text(checks, stored, drawn),
    }
    for name, content in files.items():
        (out / name).write_text(content, encoding="utf-8", newline="\n")
    return out / README


def found(checks: Sequence[Check], exam: Exam) -> Found:
    """Every verdict."""
    return {
        m.name: [v for check in checks for v in verdicts(check, m, exam)] for m in sitters(exam)
    }


def sitters(exam: Exam) -> list[Examined]:
    """The measures that have a value somewhere."""
    there = {answer.measure for answer in exam.answers}
    return [measure for measure in EXAMINED if measure.name in there]


def record(checks: Sequence[Check], exam: Exam) -> Sat:
    """What ``bench list metrics`` and reports say of it."""
    every = found(checks, exam)
    return Sat(
        subject=exam.subject,
        detector=exam.detector,
        checks={name: len({v.check for v in each}) for name, each in every.items()},
        failed={
            name: list(dict.fromkeys(v.check for v in each if v.failures))
            for name, each in every.items()
        },
    )


def verdicts_table(checks: Sequence[Check], exam: Exam) -> str:
    """``verdicts.csv``: a row for each check, desideratum and measure that was asked something."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["check", "desideratum", "measure", "passes", "read_as", "failures"])
    for each in found(checks, exam).values():
        for v in each:
            passes = "no" if v.failures else "yes"
            writer.writerow(
                [v.check, v.desideratum, v.measure, passes, v.reading, "; ".join(v.failures)]
            )
    return buffer.getvalue()


def page_text(checks: Sequence[Check], exam: Exam, drawn: Mapping[str, str]) -> str:
    """The markdown; ``drawn`` shows the figure of each check."""
    every = found(checks, exam)
    subject = "points of known distributions" if exam.subject == GAUSSIAN else exam.subject
    sections = [
        (
            f"# Sanity checks that the measures pass and fail on {prose(subject)}",
            answer(exam, every),
        ),
        ("## Passes and failures", _matrix(checks, every)),
        *([("## Beside the paper's pairs", _beside(every))] if exam.subject == GAUSSIAN else []),
        ("## What is asked", _asked_of(exam)),
        *(
            (f"## {_title(check.name)}", _check(check, every, drawn[check.name]))
            for check in checks
        ),
        ("## How this was measured", _protocol(exam)),
        ("## Provenance", _provenance(exam)),
    ]
    return "\n\n".join(f"{heading}\n\n{text}" for heading, text in sections) + "\n"


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def answer(exam: Exam, every: Found) -> str:
    """The first sentence in bold, then a bullet for each measure."""
    clean = [name for name, each in every.items() if not any(v.failures for v in each)]
    verb = "passes" if len(clean) == 1 else "pass"
    first = f"{join([code(name) for name in clean])} {verb}" if clean else "No measure passes"
    bullets = [f"- {_told(name, each)}" for name, each in every.items()]
    bullets += [f"- Not posed: {name}, {prose(why)}." for name, why in exam.not_applicable.items()]
    words = (
        "A row is one thing that a check asks of a measure; a purpose is the row that asks whether the "
        "measure's curve has the shape that it should (the others: bounds, number of samples, units)."
    )
    said = f"**{first} every check with n = {count(exam.n)}.** {words}"
    return f"{said}\n\n" + "\n".join(bullets)


def _told(name: str, each: Sequence[Verdict]) -> str:
    """How much of its purpose a measure passes, how much of all, and what it fails."""
    purposes, rows = _passed(each)
    asked = sum(v.desideratum == "purpose" for v in each)
    failed = [v.check for v in each if v.failures and v.desideratum == "purpose"]
    fails = f"; its purpose it fails in {join(failed)}" if failed else ""
    return f"{code(name)} passes {purposes} of {asked} purposes, {rows} of {len(each)} rows{fails}."


def _passed(each: Sequence[Verdict]) -> tuple[int, int]:
    """Purposes and rows."""
    passed = [v for v in each if not v.failures]
    return sum(v.desideratum == "purpose" for v in passed), len(passed)


def _matrix(checks: Sequence[Check], every: Found) -> str:
    """A row per check and desideratum, a column per measure."""
    cells: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for name, each in every.items():
        for v in each:
            mark = FAIL if v.failures else f"{PASS} {v.reading}".rstrip()
            cells[v.check, v.desideratum][name] = mark
    order = [check.name for check in checks]
    rows = [
        [check, wanted, *(cells[check, wanted].get(name, MISSING) for name in every)]
        for check, wanted in sorted(cells, key=lambda key: order.index(key[0]))
    ]
    header = ["check", "asked", *(code(name) for name in every)]
    return (
        f"{table(header, rows, left=2)}\n\n{PASS} passes, {FAIL} fails, {MISSING} asked nothing or "
        "has no value there; low and high: as what a measure of diversity was read. A row is passed "
        f"where every criterion holds in every setting. The same, with reasons: [{VERDICTS}]({VERDICTS})."
    )


def _beside(every: Found) -> str:
    """Our pairs of fidelity and diversity, and the paper's."""
    ours = {
        (f, d): (Passed(*_passed(every[f])), Passed(*_passed(every[d])))
        for f, d in PAIRED
        if f in every and d in every
    }
    rows = [[f"{code(f)}, {code(d)}", *_pair_cells(*passed)] for (f, d), passed in ours.items()]
    rows += [[f"{f}, {d} (paper)", *_pair_cells(*passed)] for (f, d), passed in PAIRS.items()]
    header = [
        "pair",
        f"purposes, of {PURPOSES} each",
        "together",
        f"rows, of {ROWS} each",
        "together",
    ]
    return (
        f"{table(header, rows)}\n\n{_most(ours, 'ours')} {_most(PAIRS, 'the paper')} The paper's are "
        f"counted from {SOURCE}. Its measures see data that "
        "were standardised by the real set's means and deviations, ours see them as they are, as they "
        "see a detector's features; precision and recall have 3 neighbours there and 5 here; ours "
        "have fewer levels and repetitions, and smaller largest sets. Counts are near, not equal, "
        "for these reasons."
    )


def _most(pairs: Mapping[tuple[str, str], tuple[Passed, Passed]], whose: str) -> str:
    """The pair that passes most purposes, and that of most rows."""
    if not pairs:
        return ""
    of = {
        what: max((sum(getattr(p, what) for p in passed), names) for names, passed in pairs.items())
        for what in Passed._fields
    }
    said = [f"{number} {what} ({join(names)})" for what, (number, names) in of.items()]
    return f"The most that a pair of {whose} passes: {join(said)}."


def _pair_cells(a: Sequence[int], b: Sequence[int]) -> list[str]:
    return [f"{a[0]} + {b[0]}", f"{a[0] + b[0]}", f"{a[1]} + {b[1]}", f"{a[1] + b[1]}"]


def _asked_of(exam: Exam) -> str:
    """Kinds of measures, scores and tolerances."""
    kinds = [
        f"Of {said}: "
        + join([f"{code(m.name)} ({m.says})" for m in sitters(exam) if m.kind == kind])
        + "."
        for kind, said in _KINDS.items()
        if any(m.kind == kind for m in sitters(exam))
    ]
    rules = [
        (
            f"Checks and criteria are those of {_PAPER}, for fidelity and for diversity; that paper "
            "asks nothing of a measure of both at once, of which we ask that it falls whenever "
            "either does."
        ),
        (
            "Purpose (D1b): the curve has the shape that it should. Hyperparameters (D2): it does not "
            "move with the number of samples. Data (D3): nor with that of both sets. Bounds (D4): 1 "
            "for two sets of one distribution, and the bound that is known elsewhere. Invariance "
            "(D5): units do not matter."
        ),
        (
            f"A value is met to within {NEAR:g}, a level curve moves by {NEAR:g} at most; where a curve "
            f"rises or falls its ends differ by {RISE:g} or more, and lie within {SLACK:g} of its "
            "highest and lowest place. All hold for means over the repetitions."
        ),
        (
            "Judged and drawn are scores: 1 as good as real data, 0 the worst. A measure from 0 to 1 is "
            "its own score, and so is density, whose value is 1 for real data; that of a bound which is "
            "0 for real data is 1 less the bound. A distance v has no unit: "
            "its score is u / (u + v), where u is the curve's median, or the median spread times "
            f"{SPREADS} where that is more, so that noise is level; below 0 it counts as 0. It has no "
            "upper bound, and fails wherever one is asked for."
        ),
        (
            "What measures copying (`copied`, authenticity) is asked nothing: every sample here is new."
        ),
    ]
    return "\n".join(f"- {line}" for line in [*kinds, *rules])


def _check(check: Check, every: Found, figure: str) -> str:
    """What is varied and asked, the figure, and who fails how."""
    asked = [
        f"- {asked.desideratum}, {asked.name}{f' ({asked.only})' if asked.only else ''}: {texts}."
        for asked in check.asked
        if (texts := _texts(asked.fidelity, asked.diversity, asked.both))
    ]
    failed = [
        f"- {code(name)}, {v.desideratum}: {'; '.join(v.failures)}."
        for name, each in every.items()
        for v in each
        if v.check == check.name and v.failures
    ]
    told = "\n".join(failed) if failed else "Every measure passes."
    return f"{check.says} Asked of the score:\n\n" + "\n".join(asked) + f"\n\n{figure}\n\n{told}"


def _texts(*criteria: object) -> str:
    """``of fidelity: stays level; of diversity: falls ...``; once where all are asked the same."""
    texts = [getattr(criterion, "text", "") for criterion in criteria]
    if len(set(texts)) == 1:
        return texts[0]
    kinds = ("of fidelity:", "of diversity:", "of both:")
    return "; ".join(f"{kind} {text}" for kind, text in zip(kinds, texts, strict=True) if text)


def _protocol(exam: Exam) -> str:
    repeated = (
        f"Every mean is over {exam.repetitions} repetitions that draw both sets anew; within a "
        "repetition the real set is the same at every level where the level does not change it."
    )
    points = [
        (
            f"Sets have n = {count(exam.n)} points where a check says nothing else. The paper has 10 "
            "repetitions, up to 51 levels where ours are 6 to 10, and sets of up to 10,000 where ours have 4 n."
        ),
        "Data are not standardised before a measure sees them.",
        "`sw` compares two sets of one size in the plane, and sits those checks and settings alone.",
        "`fd` refuses as many dimensions as points or more, and is judged where it has a value.",
    ]
    halves = (
        "`fld` has half of the real set as held-out and half as training data, and a quarter as many "
        f"samples as that set has points; `js_bound` needs {FEWEST} of each set, `pqm_p` "
        f"{FEWEST_OF_A_CELL * CELLS} in all, and settings or levels with fewer are not judged."
    )
    images = [
        (
            f"Both sets are train images, from two halves that share none; n = {count(exam.n)}, where a "
            "check says nothing else. Test and validation are not read. The detector was trained on "
            "images of both halves alike."
        ),
        (
            "Shapes are asked as of points: a class stands for a mode, a damaged image for one outside "
            "of the data. Noisy images are drawn from 3 n, which repetitions share in part."
        ),
        (
            "Classes overlap a little in a detector's features, so that a share of exactly 0 or 1/5 is "
            "an ideal: it is asked to within the tolerance all the same."
        ),
    ]
    lines = [repeated, *(points if exam.subject == GAUSSIAN else images), halves]
    return "\n".join(f"- {line}" for line in lines)


def _provenance(exam: Exam) -> str:
    rows = [[name, code(fact)] for name, fact in exam.facts.items()]
    return (
        f"```\n{one_line(exam.command)}\n```\n\n{table(['what', 'value'], rows, left=2)}\n\n"
        f"All numbers are in [{NUMBERS}]({NUMBERS}). The command measures nothing again while data, "
        "detector, settings and version are the same; `--fresh` does."
    )
