"""The report of the records kept here: python tests/golden/golden.py writes it anew.

Run it where the report's words or tables were meant to change, and read what git says of it.
"""

from __future__ import annotations

import json
import runpy
import tempfile
from pathlib import Path

from bench.plan.study import Identity
from bench.records import RunRecord
from bench.report.writer import compose
from bench.results.results import read_results

HERE = Path(__file__).parent
STUDY_FILE = HERE / "small.py"
STUDY = runpy.run_path(str(STUDY_FILE))["STUDY"]
IDENTITY = Identity(study="small", tier="classroom", dataset="digits")
EXPECTED = HERE / "expected"


def stored_records() -> list[RunRecord]:
    """The runs as the tracking gave them back."""
    stored = json.loads((HERE / "records.json").read_text(encoding="utf-8"))
    return [RunRecord(**{**one, "histories": _points(one["histories"])}) for one in stored]


def results_of(records):
    return read_results(STUDY, IDENTITY, records, lambda run_id, name: None)


def composed(records) -> dict[str, str]:
    """README.md and runs.csv of the records."""
    with tempfile.TemporaryDirectory() as folder:
        files = compose(results_of(records), Path(folder), HERE / "nowhere").files
    return {name: files[name] for name in ("README.md", "runs.csv")}


def expected() -> dict[str, str]:
    """The same as they are kept here."""
    return {path.name: path.read_bytes().decode() for path in sorted(EXPECTED.iterdir())}


def _points(histories):
    return {name: [tuple(point) for point in points] for name, points in histories.items()}


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    for name, text in composed(stored_records()).items():
        (EXPECTED / name).write_bytes(text.encode())
        print(EXPECTED / name)


if __name__ == "__main__":
    main()
