"""A database of another library: whole or not there, and never another program's."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.tracking import database
from bench.tracking.address import database_path
from bench.tracking.database import Schema, State, prepare, state_of

MADE = [
    "CREATE TABLE runs (id)",
    "CREATE TABLE tags (id)",
    "CREATE TABLE alembic_version (version_num)",
    "INSERT INTO alembic_version VALUES ('two')",
]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "a b?" / "x.db"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(database, "QUIET_SECONDS", 0.0)


def write(path, *statements):
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as opened, opened:
        for statement in statements:
            opened.execute(statement)


def schema(make=lambda uri: write(database_path(uri), *MADE)):
    return Schema(
        owner="Us",
        tables={"runs", "tags"},
        revision="two",
        kept={"runs": "1"},
        make=make,
        option="--here",
        upgrade="us upgrade",
    )


def test_missing_database_is_made_whole_and_nothing_else_is_left(place):
    prepare(place, schema())
    assert state_of(place, schema()) is State.WHOLE
    assert {path.name for path in place.parent.iterdir()} <= {"x.db", ".x.db.opening.lock"}


def test_git_ignores_what_making_a_database_leaves_in_a_clone(tmp_path):
    shutil.copy(Path(__file__).parents[2] / ".gitignore", tmp_path)
    prepare(tmp_path / "mlflow.db", schema())
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    status = subprocess.check_output([*git, "status", "--porcelain"], text=True)
    assert status.split() == ["??", ".gitignore"]


def test_whole_database_is_opened_without_a_lock_or_a_look_at_who_may_write(place):
    write(place, *MADE)
    before = place.read_bytes()
    prepare(place, schema(make=None))
    assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == ["x.db"]


@pytest.mark.parametrize("steps", range(len(MADE)))
def test_half_made_database_is_made_anew(place, steps):
    write(place, *MADE[:steps])
    assert state_of(place, schema()) is not State.WHOLE
    prepare(place, schema())
    assert state_of(place, schema()) is State.WHOLE


@pytest.mark.parametrize("steps", range(len(MADE)))
def test_process_that_dies_while_it_makes_one_leaves_nothing_in_its_place(place, steps):
    def dies(uri):
        write(database_path(uri), *MADE[:steps])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(place, schema(dies))
    assert not place.exists()
    prepare(place, schema())
    assert state_of(place, schema()) is State.WHOLE


def test_database_that_another_process_made_meanwhile_is_kept(place):
    def overtaken(uri):
        write(database_path(uri), *MADE)
        write(place, *MADE, "INSERT INTO runs VALUES (7)")

    prepare(place, schema(overtaken))
    with closing(sqlite3.connect(place)) as opened:
        assert opened.execute("SELECT id FROM runs").fetchall() == [(7,)]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["CREATE TABLE bills (id)"], r"tables of another program \(bills\) and is left alone"),
        (
            [*MADE[:2], "INSERT INTO runs VALUES (1)"],
            "made by another version of Us .* `us upgrade",
        ),
    ],
)
def test_database_with_something_in_it_is_never_touched(place, statements, said):
    write(place, *statements)
    before = place.read_bytes()
    with pytest.raises(UsageError, match=said):
        prepare(place, schema())
    assert place.read_bytes() == before


def test_file_that_is_no_database_is_never_touched(place):
    place.parent.mkdir()
    place.write_text("my diary")
    with pytest.raises(UsageError, match=r"no sqlite database and is left alone: .* --here"):
        prepare(place, schema())
    assert place.read_text() == "my diary"


def test_damaged_database_is_told(place):
    write(place, *MADE)
    place.write_bytes(place.read_bytes()[:100] + b"\xff" * 4_000)
    with pytest.raises(UsageError, match=r"is damaged .*: put back a copy"):
        prepare(place, schema())
