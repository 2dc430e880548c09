"""A name on a store: one process holds it, and one that died or stands still loses it."""

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from itertools import count

import pytest

from bench.errors import Undelivered, UsageError
from bench.tracking import claim
from bench.tracking.address import sqlite_uri
from bench.tracking.claim import Claim
from bench.tracking.claim_experiment import ExperimentPlace
from bench.tracking.claim_table import CLAIMS, TablePlace
from bench.tracking.holder import this_process
from bench.tracking.mlflow import Store

NAME = "study_a"
NUMBERS = count()


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture(
    params=["experiment", "table", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def place(request, tmp_path):
    """Where a store keeps the claim on a name."""
    if request.param == "experiment":
        return partial(ExperimentPlace, request.getfixturevalue("store")._client)
    if request.param == "table":
        return partial(TablePlace, sqlite_uri(tmp_path / "claims.db"))
    number = next(NUMBERS)
    return partial(TablePlace, request.getfixturevalue("postgres").database(f"claims{number}"))


@pytest.fixture
def me(tmp_path):
    return this_process(tmp_path / "mine")


@pytest.fixture(autouse=True)
def ticking(monkeypatch):
    for name, seconds in (("BEAT", 0.05), ("WATCH", 1.5), ("FRESH", 60.0)):
        monkeypatch.setattr(claim, f"{name}_SECONDS", seconds)


def claimed(place, holder, name=NAME, when_lost=lambda: None):
    return Claim(place(name), holder, what=f"study '{name}'", when_lost=when_lost)


def elsewhere(holder):
    """The same process as another machine sees it."""
    return replace(holder, kernel="another boot", host="far", user="ann", folder="/far/a")


def test_second_one_is_refused_with_who_where_and_since_when(place, me):
    with (
        claimed(place, elsewhere(me)),
        pytest.raises(
            UsageError,
            match=r"^study 'study_a' is being run by ann on far in '/far/a' since 20..-..-.. "
            r"..:..:..: wait for it, or stop it",
        ),
        claimed(place, me),
    ):
        pass
    with claimed(place, me):
        pass


def test_claim_of_a_store_is_in_no_list_of_its_experiments(store, me):
    with store.claim(NAME, me, what="a study", when_lost=lambda: None):
        assert [one.name for one in store.experiments()] == ["Default"]


def test_table_that_cannot_be_made_is_told_with_what_helps(tmp_path):
    path = tmp_path / "claims.db"
    sqlite3.connect(path).close()
    uri = f"sqlite:///file:{path}?mode=ro&uri=true"
    with pytest.raises(UsageError, match=f"takes no table '{CLAIMS.name}'.* make tables there"):
        TablePlace(uri, NAME)


UNANSWERED = r"^study 'study_a' was not begun, .* does not answer \(.*{}.*\): start it again, then"


def test_database_that_stays_locked_is_one_sentence(tmp_path, me):
    path = tmp_path / "claims.db"
    place = partial(TablePlace, f"{sqlite_uri(path)}?timeout=0.1")
    made = place(NAME)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused = pytest.raises(Undelivered, match=UNANSWERED.format("database is locked"))
        with refused, claimed(lambda _: made, me):
            pass
    with claimed(place, me):
        pass


@pytest.mark.postgres
def test_server_that_is_gone_when_a_name_is_claimed_is_one_sentence(me):
    from postgres_server import postgres_running

    with postgres_running() as server:
        made = TablePlace(server.database("claims"), NAME)
        server.stop()
        refused = pytest.raises(Undelivered, match=UNANSWERED.format("onnection refused"))
        try:
            with refused, claimed(lambda _: made, me):
                pass
        finally:
            server.start()


def test_names_are_held_apart_whatever_is_in_them(place, me):
    with (
        claimed(place, me, "study_a"),
        claimed(place, me, "studyXa"),
        claimed(place, me, "a'b%"),
        claimed(place, me, 'a"b%'),
        pytest.raises(UsageError, match="is being run"),
        claimed(place, me, "a'b%"),
    ):
        pass


def test_claim_of_a_process_that_died_here_is_taken_at_once(place, me):
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    claimed(place, replace(me, pid=died.pid)).__enter__()
    with claimed(place, me):
        pass


def test_number_of_a_dead_process_that_another_has_now_holds_nothing(place, me):
    claimed(place, replace(me, started="1")).__enter__()
    with claimed(place, me):
        pass


def test_claim_from_elsewhere_is_taken_once_its_heart_stands_still(place, me, monkeypatch, capsys):
    held = claimed(place, elsewhere(me))
    held.__enter__()
    monkeypatch.setattr(claim, "FRESH_SECONDS", 0.0)  # no clock is believed
    with pytest.raises(UsageError, match="is being run"), claimed(place, me):
        pass
    held._left.set()
    for thread in threading.enumerate():
        if thread.name == "claim":
            thread.join()
    with claimed(place, me):
        assert "for a sign of life of ann on far" in capsys.readouterr().err


def test_claim_that_was_left_is_taken_where_no_system_says_who_lives(tmp_path, me, monkeypatch):
    monkeypatch.setattr(claim, "kernel", lambda: "")  # as on macOS, which has no /proc
    monkeypatch.setattr(claim, "FRESH_SECONDS", 0.0)
    uri = sqlite_uri(tmp_path / "claims.db")
    left = replace(me, kernel="", started="")
    TablePlace(uri, NAME).take(json.dumps(asdict(left)), 0.0)
    with claimed(partial(TablePlace, uri), replace(left, since=me.since + 1)):
        pass


def test_process_whose_claim_was_taken_is_told_once(place, me):
    told = threading.Event()
    with claimed(place, me, when_lost=told.set) as held:
        place(NAME).clear(held._id)
        assert told.wait(5.0)
        assert "was taken over by another process" in held.lost


def test_store_that_is_gone_for_a_while_costs_no_claim(place, me, monkeypatch):
    def gone(*_):
        raise ConnectionError("gone")

    told = threading.Event()
    with claimed(place, me, when_lost=told.set) as held:
        with monkeypatch.context() as broken:
            broken.setattr(held._place, "beat", gone)
            broken.setattr(held._place, "is_gone", gone)
            assert not told.wait(0.3)
        assert not held.lost
