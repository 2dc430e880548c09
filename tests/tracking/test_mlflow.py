"""MLflow: what is written can be read, whatever died in between."""

import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from bench.errors import UsageError
from bench.tracking.address import store_uri
from bench.tracking.mlflow import Store


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
    logger.metrics({"train/loss": 1.0}, 10)
    logger.flush()
    logger._buffer = []
    later = store.logger(logger.run_id)
    later.metrics({"train/loss": 2.0}, 10)
    later._buffer[0]._timestamp += 5
    later.flush()
    assert store.histories([logger.run_id], "train/loss") == {logger.run_id: [(10, 2.0)]}


def test_metrics_stay_buffered_while_the_store_does_not_answer(store, logger, monkeypatch, capsys):
    def down(*args, **kwargs):
        raise MlflowException("down")

    with monkeypatch.context() as broken:
        broken.setattr(store._client, "log_batch", down)
        logger._last_flush = -1e9
        logger.metrics({"a": 1.0}, 1)
        assert "the values are kept and sent later" in capsys.readouterr().err
        with pytest.raises(MlflowException):
            logger.flush()
    logger.flush()
    assert store.record(logger.run_id).metrics == {"a": 1.0}


def test_more_than_a_batch_of_metrics_arrives_whole(store, logger):
    for step in range(600):
        logger.metrics({"a": step, "b": -step}, step)
    logger.flush()
    histories = {name: store.histories([logger.run_id], name) for name in ("a", "b")}
    assert [value for _, value in histories["a"][logger.run_id]] == list(range(600))
    assert len(histories["b"][logger.run_id]) == 600


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


def test_run_is_found_by_its_configuration(store, logger):
    experiment = store.experiment("e")
    assert store.run_of(experiment, "d") == logger.run_id
    assert store.run_of(experiment, "x") is None


def test_state_of_a_run_follows_its_life(store, logger):
    assert not store.record(logger.run_id).finished
    store.stop_run(logger.run_id)
    assert not store.record(logger.run_id).finished
    store.resume_run(logger.run_id)
    store.end_run(logger.run_id, ok=True)
    assert store.record(logger.run_id).finished


def test_unknown_run_is_told_in_a_sentence(store):
    with pytest.raises(UsageError, match="no run 'abc' in 'sqlite:"):
        store.record("abc")


def test_folder_is_no_store():
    with pytest.raises(UsageError, match=r"names no store: write sqlite:///runs\.db"):
        store_uri("runs")


def test_server_that_is_down_is_told_quickly():
    with pytest.raises(UsageError, match=r"does not open .* start its server"):
        Store("http://127.0.0.1:9")
