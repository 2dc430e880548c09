"""A name on a store: one process holds it, and one that died or stands still loses it."""

import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from bench.errors import UsageError
from bench.tracking import claim
from bench.tracking.claim import this_process
from bench.tracking.mlflow import Store

NAME = "study_a"


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture
def me(tmp_path):
    return this_process(tmp_path / "mine")


@pytest.fixture(autouse=True)
def ticking(monkeypatch):
    for name, seconds in (("BEAT", 0.05), ("WATCH", 1.5), ("FRESH", 60.0)):
        monkeypatch.setattr(claim, f"{name}_SECONDS", seconds)


def claimed(store, holder, name=NAME, when_lost=lambda: None):
    return store.claim(name, holder, what=f"study '{name}'", when_lost=when_lost)


def elsewhere(holder):
    """The same process as another machine sees it."""
    return replace(holder, kernel="another boot", host="far", user="ann", folder="/far/a")


def test_second_one_is_refused_with_who_where_and_since_when(store, me):
    with (
        claimed(store, elsewhere(me)),
        pytest.raises(
            UsageError,
            match=r"^study 'study_a' is being run by ann on far in '/far/a' since 20..-..-.. "
            r"..:..:..: wait for it, or stop it",
        ),
        claimed(store, me),
    ):
        pass
    with claimed(store, me):
        assert [one.name for one in store.experiments()] == ["Default"]


def test_names_are_held_apart_whatever_is_in_them(store, me):
    with (
        claimed(store, me, "study_a"),
        claimed(store, me, "studyXa"),
        claimed(store, me, "a'b%"),
        claimed(store, me, 'a"b%'),
        pytest.raises(UsageError, match="is being run"),
        claimed(store, me, "a'b%"),
    ):
        pass


def test_claim_of_a_process_that_died_here_is_taken_at_once(store, me):
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    claimed(store, replace(me, pid=died.pid)).__enter__()
    with claimed(store, me):
        pass


def test_number_of_a_dead_process_that_another_has_now_holds_nothing(store, me):
    claimed(store, replace(me, started="1")).__enter__()
    with claimed(store, me):
        pass


def test_claim_from_elsewhere_is_taken_once_its_heart_stands_still(store, me, monkeypatch, capsys):
    held = claimed(store, elsewhere(me))
    held.__enter__()
    monkeypatch.setattr(claim, "FRESH_SECONDS", 0.0)  # no clock is believed
    with pytest.raises(UsageError, match="is being run"), claimed(store, me):
        pass
    held._left.set()
    for thread in threading.enumerate():
        if thread.name == "claim":
            thread.join()
    with claimed(store, me):
        assert "for a sign of life of ann on far" in capsys.readouterr().err


def test_process_whose_claim_was_taken_is_told_once(store, me):
    told = threading.Event()
    with claimed(store, me, when_lost=told.set) as held:
        store._client.delete_experiment(held._id)
        assert told.wait(5.0)
        assert "was taken over by another process" in held.lost


def test_store_that_is_gone_for_a_while_costs_no_claim(store, me, monkeypatch):
    def gone(*_):
        raise ConnectionError("gone")

    told = threading.Event()
    with claimed(store, me, when_lost=told.set) as held:
        with monkeypatch.context() as broken:
            broken.setattr(store._client, "set_experiment_tag", gone)
            broken.setattr(store._client, "get_experiment", gone)
            assert not told.wait(0.3)
        assert not held.lost
