"""A second tracker is one file: it hears what the store hears, and cannot stop a run."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from bench.engines.task import Task, run_task
from bench.logger import NullLogger
from bench.models import configure
from bench.records import DISTANCE_SHOWN
from bench.tracking.entries import About, run_id_of
from bench.tracking.journal import Journal
from bench.tracking.mirrors import MIRRORS, Mirrors
from bench.tracking.mlflow import Store

ABOUT = About(experiment="e", name="r", params={}, tags={})
PLUGIN = '''
"""What runs log, as rows of a file in their folder."""

import csv

from bench.contracts import NullLogger
from bench.tracking.mirrors import mirror


class Rows(NullLogger):
    def __init__(self, path):
        self.path = path

    def metrics(self, values, step):
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows([step, name, value] for name, value in values.items())


@mirror("csv")
def open_rows(run_id, folder):
    return Rows(folder / f"{run_id}.csv")
'''


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """No mirror of a test is met by another."""
    MIRRORS.names()
    monkeypatch.setattr(MIRRORS, "_entries", {})
    monkeypatch.setattr(MIRRORS, "_origins", {})


class Heard(NullLogger):
    def __init__(self):
        self.heard = []

    def tags(self, values):
        self.heard.append(values)

    def metrics(self, values, step):
        self.heard.append((values, step))

    def picture(self, name, picture, step):
        self.heard.append((name, picture, step))

    def flush(self):
        self.heard.append("flush")


class Breaks(Heard):
    def metrics(self, values, step):
        raise OSError("no network")


def tell_all(logger):
    logger.tags({"status": "ok"})
    logger.metrics({"val/fd": 1.0}, 10)
    logger.picture("samples", np.zeros((1, 1, 3), np.uint8), 10)
    logger.metrics({"val/fd": 2.0}, 20)
    logger.flush()


def test_plugin_mirrors_the_curves_of_a_run(store_uri, tmp_path):
    plugin = tmp_path / "csv_mirror.py"
    plugin.write_text(PLUGIN)
    params = configure("uniform_noise").params()
    folder = tmp_path / "run"
    task = Task(
        params=params,
        about=About(experiment="e", name="r", params=params, tags={}),
        folder=str(folder),
        uri=store_uri,
        plugins=(str(plugin),),
    )
    run_task(task)
    run_id = run_id_of(folder)
    with (folder / f"{run_id}.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    record = Store(store_uri).record(run_id)
    told = [(name, float(value)) for _, name, value in rows]
    assert len(dict(told)) == len(told)
    heard = dict(told)
    assert heard.pop(DISTANCE_SHOWN) == record.metrics["test/fd_digits_n500"]
    assert heard == pytest.approx(record.metrics)
    run_task(task)
    with (folder / f"{run_id}.csv").open(newline="") as file:
        assert list(csv.reader(file)) == rows


def test_mirror_hears_all_that_the_journal_keeps_and_each_value_once(tmp_path):
    heard = Heard()
    MIRRORS.add("second", lambda run_id, folder: heard)
    for _ in range(2):
        journal = Journal(tmp_path, ABOUT, begun=True)
        journal.mirrors = Mirrors("id", tmp_path)
        tell_all(journal)
    assert len(heard.heard) == 6
    assert heard.heard.count("flush") == 2


def test_mirror_that_breaks_is_told_once_and_stops_neither_run_nor_other_mirrors(tmp_path, capsys):
    other = Heard()
    MIRRORS.add("broken", lambda run_id, folder: Breaks())
    MIRRORS.add("closed", lambda run_id, folder: 1 / 0)
    MIRRORS.add("other", lambda run_id, folder: other)
    tell_all(Mirrors("id", tmp_path))
    assert len(other.heard) == 5
    assert capsys.readouterr().err.splitlines() == [
        "mirror 'closed' is left out (ZeroDivisionError: division by zero)",
        "mirror 'broken' is left out (OSError: no network)",
    ]
