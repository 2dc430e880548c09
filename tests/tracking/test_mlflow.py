"""MLflow: what is written can be read, whatever died in between."""

import json
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from bench.errors import UsageError
from bench.images import to_png
from bench.tracking import database
from bench.tracking.address import store_uri
from bench.tracking.long_tags import LONGEST_TAG
from bench.tracking.mlflow import Store
from bench.tracking.run_logger import Shown, Value


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture
def logger(store):
    run_id = store.create_run(
        store.experiment("e"), name="r", params={"model": "vae"}, tags={"config_digest": "d"}
    )
    return store.logger(run_id)


def test_experiment_is_made_once(store):
    assert store.experiment("one") == store.experiment("one")
    assert store.experiment("one") != store.experiment("two")


def test_metrics_are_read_back_in_order_and_by_step(store, logger):
    for step in (30, 10, 20):
        logger.metrics({"train/loss": float(step)}, step)
    logger.flush()
    found = store.histories([logger.run_id], "train/loss")
    assert found == {logger.run_id: [(10, 10.0), (20, 20.0), (30, 30.0)]}
    assert store.record(logger.run_id).params == {"model": "vae"}


def test_step_logged_twice_after_a_resume_counts_once_with_its_later_value(store, logger):
    logger.send([Value("train/loss", 2.0, 10, 1_005), Value("train/loss", 1.0, 10, 1_000)], {})
    assert store.histories([logger.run_id], "train/loss") == {logger.run_id: [(10, 2.0)]}


def test_what_is_sent_twice_is_stored_once(store, logger):
    values = [Value("a", float("nan"), 1, 1_000), Value("b", float("inf"), 1, 1_000)]
    for _ in range(2):
        logger.send([*values, Value("a", 2.0, 2, 2_000)], {"status": "ok"})
        picture = Shown("samples", to_png(np.zeros((4, 4, 3), np.uint8)), 2, 2_000)
        logger.send((), {}, pictures=[picture])
    stored = [store._client.get_metric_history(logger.run_id, name) for name in ("a", "b")]
    assert [len(points) for points in stored] == [2, 1]
    images = store._client.list_artifacts(logger.run_id, "images")
    assert len([each for each in images if each.path.endswith(".png")]) == 1
    assert len([each for each in images if each.path.endswith(".webp")]) == 1


def test_more_than_a_batch_of_values_and_tags_arrives_whole(store, logger):
    values = [Value(name, step, step, step) for step in range(600) for name in ("a", "b")]
    logger.send(values, {f"tag{i}": str(i) for i in range(120)})
    histories = {name: store.histories([logger.run_id], name) for name in ("a", "b")}
    assert [value for _, value in histories["a"][logger.run_id]] == list(range(600))
    assert len(histories["b"][logger.run_id]) == 600
    assert len(store.record(logger.run_id).tags) == 121


def test_long_tags_are_read_back_whole_and_shorter_ones_that_follow_too(store, logger):
    reasons = json.dumps({f"metric{i}": "why not " * 20 for i in range(150)})
    assert len(reasons) > 3 * LONGEST_TAG
    logger.tags({"not_applicable": reasons, "a/2": "mine", "full": "x" * LONGEST_TAG})
    tags = store.record(logger.run_id).tags
    assert (tags["not_applicable"], tags["a/2"]) == (reasons, "mine")
    assert tags["full"] == "x" * LONGEST_TAG
    assert tags.keys() == {"config_digest", "not_applicable", "a/2", "full"}
    logger.tags({"not_applicable": "{}"})
    assert store.record(logger.run_id).tags["not_applicable"] == "{}"
    experiment = store.experiment("e")
    store.describe_experiment(experiment, {"bench.importance": reasons})
    assert store.experiment_tags(experiment)["bench.importance"] == reasons


def test_picture_is_there_for_the_report_and_for_the_slider(store, logger):
    picture = np.full((5, 7, 3), 200, np.uint8)
    logger.picture("samples", picture, step=100)
    logger.picture("samples", picture // 2, step=200)
    png = store.artifact(logger.run_id, "pictures/samples.png")
    assert png is not None
    assert png.startswith(b"\x89PNG")
    images = [f.path for f in store._client.list_artifacts(logger.run_id, "images")]
    assert len([path for path in images if path.endswith(".png")]) == 2
    assert store.artifact(logger.run_id, "pictures/none.png") is None
    assert store.image(logger.run_id, "samples", 200) == png
    first = store.image(logger.run_id, "samples", 100)
    assert first is not None
    assert first != png
    assert store.image(logger.run_id, "samples", 10) is None


def test_run_is_found_by_a_tag(store, logger):
    experiment = store.experiment("e")
    assert [run.run_id for run in store.runs_with(experiment, "config_digest", "d")] == [
        logger.run_id
    ]
    assert store.runs_with(experiment, "config_digest", "x") == []


def test_state_of_a_run_follows_its_life(store, logger):
    assert not store.record(logger.run_id).finished
    logger.send_state("KILLED", 1_000)
    assert not store.record(logger.run_id).finished
    logger.send_state("RUNNING", 2_000)
    store.end_run(logger.run_id, ok=True)
    assert store.record(logger.run_id).finished
    assert store.is_active(logger.run_id)
    store.delete_run(logger.run_id)
    assert store.is_active(logger.run_id) is False
    assert store.is_active("0" * 32) is None


def test_unknown_run_is_told_in_a_sentence(store):
    with pytest.raises(UsageError, match="no run 'abc' in 'sqlite:"):
        store.record("abc")


def test_folder_is_no_store():
    with pytest.raises(UsageError, match=r"names no store: write sqlite:///runs\.db"):
        store_uri("runs")


def test_kind_of_store_that_nobody_knows_is_told_at_once():
    said = "'sqlit': did you mean 'sqlite'.*; write sqlite:///FILE.db or http://HOST:PORT"
    with pytest.raises(UsageError, match=said):
        store_uri("sqlit:///runs.db")


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("http://127.0.0.1:9", r"start its server"),
        ("http://no.such.host.invalid", r"see that its host is written right and can be reached"),
        ("postgresql+nodriver://host/db", r"write a driver that there is"),
        ("mysql://host/db", r"install that module, the driver of such databases"),
    ],
)
def test_store_that_does_not_open_is_told_with_the_remedy_of_its_cause(uri, remedy):
    with pytest.raises(UsageError, match=rf"does not open \(.*\): {remedy}.* or give another one"):
        Store(uri)


@pytest.mark.parametrize("code", [401, 404])
def test_server_that_is_another_one_or_shut_is_told_as_such(code):
    class Page(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_error(code)

        def log_message(self, *_):
            pass

    remedy = {401: "set MLFLOW_TRACKING_USERNAME", 404: "see that an MLflow server answers there"}
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UsageError, match=remedy[code]):
            Store(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_database_that_another_program_keeps_locked_is_told(store_uri, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(store_uri.removeprefix("sqlite:///"))) as held:
        held.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UsageError, match="end the program that keeps it locked"):
            Store(store_uri)
