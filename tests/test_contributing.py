"""The map in CONTRIBUTING.md names what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:bench|tests|studies|\.ci)/[\w/.]*)`", TEXT)))
ROOMS = sorted(path.name for path in (ROOT / "bench").iterdir() if (path / "__init__.py").exists())


@pytest.mark.parametrize("path", PATHS)
def test_every_path_that_it_names_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_on_it_and_has_its_tests(room):
    assert f"`bench/{room}" in TEXT
    assert list((ROOT / "tests" / room).rglob("test_*.py"))


def test_it_names_many_files_and_fits_a_page():
    assert len(PATHS) > 50
    assert len(TEXT.splitlines()) < 90
