"""The page on Python: its code runs as it stands there, one block after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bench

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_page_has_a_row_for_every_name() -> None:
    rows = "\n".join(line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `"))
    assert set(bench.__all__) == set(re.findall(r"`(\w+)", rows))


@pytest.mark.slow
def test_code_of_the_page_runs(store_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), known)
    said, told = capsys.readouterr()
    assert "[1/" not in told  # nothing is told without say=print
    assert "(200, 1, 8, 8) uint8" in said
    assert "\nTrue\n" in said
    assert "reports/width/README.md" in said
    assert Path("reports/width/report.html").exists()
