"""Which sanity checks a measure failed, as ``bench exam ... --record`` has written it down.

The record lies beside this file and is read without torch, by ``bench list metrics`` and reports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, kw_only=True)
class Sat:
    """One exam.

    Attributes:
        subject: ``gaussian``, or the data set's name.
        detector: Whose features were measured; empty for points.
        checks: Measure, as the names of its values begin, to how many checks it sat.
        failed: To those of them that it failed in one way or another.
    """

    subject: str
    detector: str
    checks: Mapping[str, int]
    failed: Mapping[str, Sequence[str]]

    def says(self, measure: str) -> str:
        """``fails 2 of 11 (noise, outlier)``; empty where it passed all, or did not sit."""
        failed = self.failed.get(measure)
        if not failed:
            return ""
        return f"fails {len(failed)} of {self.checks[measure]} ({', '.join(failed)})"


def read_record(path: Path = RECORD) -> list[Sat]:
    """Every exam on record, by subject; none where nothing was recorded."""
    if not path.exists():
        return []
    return [Sat(**sat) for sat in json.loads(path.read_text(encoding="utf-8"))]


def write_record(sat: Sat, path: Path = RECORD) -> None:
    """Puts an exam in the place of an earlier one on the same subject."""
    others = [each for each in read_record(path) if each.subject != sat.subject]
    ordered = sorted([*others, sat], key=lambda each: each.subject)
    text = json.dumps([asdict(each) for each in ordered], indent=1)
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
