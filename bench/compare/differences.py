"""What differs between a report as it lies there and as it was made again: texts and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from bench.report.runs_csv import read_rows

_CONTEXT = 4
"""Words around what differs in a long line."""


@dataclass(frozen=True)
class ReportDifference:
    """One thing that is not the same.

    Attributes:
        where: Section, row and column, or run and column.
        reported: As the report has it; empty where it has nothing there.
        recomputed: As it came out again; empty where nothing did.
        run: Id of the run that it belongs to; empty where it is not one run's.
    """

    where: str
    reported: str
    recomputed: str
    run: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {_shown(self.reported)}, now {_shown(self.recomputed)}"


@dataclass(frozen=True)
class _Line:
    """A line of markdown with the section and, in a table, the header that it stands under."""

    text: str
    section: str
    header: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        return _cells(self.text)


def of_run(run_id: str, reported: str, recomputed: str, column: str = "") -> ReportDifference:
    """Of one run, or of one column of it."""
    where = f"run {run_id}, {column}" if column else f"run {run_id}"
    return ReportDifference(where, reported, recomputed, run_id)


def text_differences(reported: str, recomputed: str) -> list[ReportDifference]:
    """Line by line; of two rows of one table, cell by cell."""
    old, new = _lines(reported), _lines(recomputed)
    matcher = SequenceMatcher(None, [o.text for o in old], [n.text for n in new], autojunk=False)
    found: list[ReportDifference] = []
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind != "equal":
            for before, after in zip_longest(old[i:i_end], new[j:j_end]):
                found += _of_lines(before, after)
    return found


def table_differences(reported: str, recomputed: str) -> list[ReportDifference]:
    """Cell by cell of two ``runs.csv``; numbers are equal to the last digit or not at all.

    Rows that only one of them has are told by their run alone.
    """
    old, new = _rows(reported), _rows(recomputed)
    found: list[ReportDifference] = []
    for run_id in sorted(old.keys() | new.keys()):
        if run_id not in old or run_id not in new:
            was, now = ("a row" if run_id in rows else "" for rows in (old, new))
            found.append(of_run(run_id, was, now))
            continue
        before, after = old[run_id], new[run_id]
        found += [
            of_run(run_id, before.get(column, ""), after.get(column, ""), column)
            for column in dict.fromkeys([*before, *after])
            if before.get(column, "") != after.get(column, "")
        ]
    return found


def without_section(text: str, heading: str) -> str:
    """The text without one section, up to the next heading of its level or above."""
    kept, left_out, level = [], False, heading.count("#")
    for line in text.splitlines(keepends=True):
        marks = _level(line)
        if marks and marks <= level:
            left_out = line.strip() == heading
        if not left_out:
            kept.append(line)
    return "".join(kept)


def _lines(text: str) -> list[_Line]:
    found: list[_Line] = []
    section, header = "the first lines", _cells("")
    for line in text.splitlines():
        if _level(line):
            section = line.lstrip("#").strip()
        cells = _cells(line)
        header = () if not cells else header or cells
        found.append(_Line(line, section, header))
    return [line for line in found if line.text]


def _level(line: str) -> int:
    """1 for ``# ...``, 2 for ``## ...``; 0 for what is no heading."""
    marks = len(line) - len(line.lstrip("#"))
    return marks if line[marks : marks + 1] == " " else 0


def _cells(line: str) -> tuple[str, ...]:
    """The cells of a row of a table; nothing of any other line."""
    if not line.startswith("| "):
        return ()
    held = line.replace("\\|", "\0").strip().strip("|")
    return tuple(cell.strip().replace("\0", "|") for cell in held.split("|"))


def _of_lines(before: _Line | None, after: _Line | None) -> Iterator[ReportDifference]:
    if before is None or after is None:
        line = before or after
        where = line.section if line else ""
        yield ReportDifference(where, before.text if before else "", after.text if after else "")
        return
    old, new = before.cells, after.cells
    if not old or len(old) != len(new) or before.header != after.header or old[0] != new[0]:
        yield ReportDifference(before.section, *_around(before.text, after.text))
        return
    row = " ".join(cell for cell in old[:2] if cell and cell in new[:2])
    for column, was, now in zip(before.header, old, new, strict=False):
        if was != now:
            yield ReportDifference(f"{before.section}, {row}, {column}", was, now)


def _around(before: str, after: str) -> tuple[str, str]:
    """What differs of two lines, with a few words before and behind it."""
    old, new = before.split(" "), after.split(" ")
    shortest = min(len(old), len(new))
    start = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    same = (i for i in range(shortest - start) if old[-1 - i] != new[-1 - i])
    end = next(same, shortest - start)
    return _cut(old, start, end), _cut(new, start, end)


def _cut(words: Sequence[str], start: int, end: int) -> str:
    low, high = max(0, start - _CONTEXT), min(len(words), len(words) - end + _CONTEXT)
    text = " ".join(words[low:high])
    return f"{'... ' * (low > 0)}{text}{' ...' * (high < len(words))}"


def _rows(text: str) -> dict[str, dict[str, str]]:
    return {row["run_id"]: row for row in read_rows(text)}


def _shown(value: str) -> str:
    return f"'{value}'" if value else "nothing"
