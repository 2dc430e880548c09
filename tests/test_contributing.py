"""The map in CONTRIBUTING.md, and whatever else points at files, names what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
POINTING = [
    "CONTRIBUTING.md",
    "docs/faults.md",
    "README.md",
    "PROTOCOL.md",
    "pyproject.toml",
    "benchmarks/README.md",
    "docs/extending.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/families").glob("*.md")),
]


def paths_in(document):
    """Files and folders that a document names in backquotes, or pyproject behind a dependency."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"[`# ]((?:bench|tests|studies|reports|\.ci)/[\w/.]*\w/?)(?=[`,)\s])", text)


PATHS = sorted(set(paths_in("CONTRIBUTING.md")))
ROOMS = sorted(path.name for path in (ROOT / "bench").iterdir() if (path / "__init__.py").exists())


@pytest.mark.parametrize("document", POINTING)
def test_every_path_that_a_document_names_is_there(document):
    made_by_commands = {
        "reports/depth_sweep",
        "reports/depth_sweep/",
        "reports/depth_sweep/README.md",
        "reports/depth_sweep/report.html",
        "studies/wae_or_vae.py",
    }
    named = set(paths_in(document)) - made_by_commands
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_on_it_and_has_its_tests(room):
    assert f"`bench/{room}" in TEXT
    assert list((ROOT / "tests" / room).rglob("test_*.py"))


def test_it_names_many_files_and_fits_a_page():
    assert len(PATHS) > 50
    assert len(TEXT.splitlines()) < 90
