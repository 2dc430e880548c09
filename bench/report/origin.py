"""Of which commits the runs of a report are: a line among its first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.results.format import code, plural
from bench.results.results import Results
from bench.results.runs import UNFINISHED, RecordedRun

DIRTY = "-dirty"
"""Behind a commit whose code was changed before the run and not committed."""


_WHAT = ("trained", "measured")


def origin(results: Results) -> str:
    """One sentence where all runs are of one commit; empty where none is recorded, or several are."""
    counts, runs, unknown = _commits(results)
    if not counts or _warnings(counts, runs, unknown):
        return ""
    return f"Made of {plural(len(runs), 'run')} of commit {code(next(iter(counts)))}."


def warning(results: Results) -> str:
    """A quotation where runs are not all of one commit that has their code; else empty."""
    counts, runs, unknown = _commits(results)
    found = _warnings(counts, runs, unknown) if counts else ""
    return f"> {found}" if found else ""


def _commits(results: Results) -> tuple[Counter[str], list[RecordedRun], int]:
    """How many runs each recorded commit has, the runs, and how many recorded none.

    A run that is under way may not have recorded it yet: such a one is left out.
    """
    every = [run for group in results.groups for run in (*group.runs, *group.trials)]
    runs = [run for run in every if run.tags.git_commit or run.status != UNFINISHED]
    counts = Counter(run.tags.git_commit for run in runs)
    unknown = sum(counts.pop(text, 0) for text in ("", "unknown"))
    return counts, runs, unknown


def _warnings(counts: Counter[str], runs: Sequence[RecordedRun], unknown: int) -> str:
    warnings = [_not_clean(counts), _several(counts, runs), _unknown(unknown)]
    return " ".join(filter(None, warnings))


def _not_clean(counts: Counter[str]) -> str:
    changed = {commit: n for commit, n in counts.items() if commit.endswith(DIRTY)}
    if not changed:
        return ""
    named = ", ".join(code(commit) for commit in sorted(changed))
    return (
        f"{plural(sum(changed.values()), 'run')} of {counts.total():,} were made while the code was "
        f"changed and not committed ({named}): no commit has the code that made them."
    )


def _several(counts: Counter[str], runs: Sequence[RecordedRun]) -> str:
    if len(counts) == 1:
        return ""
    named = ", ".join(
        f"{code(commit)} ({plural(n, 'run')})" for commit, n in sorted(counts.items())
    )
    return f"The runs are of {len(counts)} states of the code: {named}. {_alike(runs)}".rstrip()


def _alike(runs: Sequence[RecordedRun]) -> str:
    """Whether the code says of itself that it trains and measures alike in all of them."""
    recorded = [run.tags.numbers for run in runs]
    if not all(recorded):
        return ""
    declared = {what: {one[what] for one in recorded if what in one} for what in _WHAT}
    if other := [what for what, versions in declared.items() if len(versions) > 1]:
        return (
            f"By the versions that it declares, runs are not {' and '.join(other)} alike in all of "
            "them: some of their differences may be the code's."
        )
    return "By the versions that it declares, it trains and measures alike in all of them."


def _unknown(number: int) -> str:
    return f"Of {plural(number, 'run')} the commit is not recorded." if number else ""
