"""Tracking on a real PostgreSQL, by its address and behind MLflow's server."""

import pytest
from postgres_server import mlflow_serving

from bench.tracking.mlflow import Store
from bench.tracking.run_logger import Value

pytestmark = pytest.mark.postgres


def told_and_read_back(uri: str) -> None:
    store = Store(uri)
    experiment = store.experiment("a b%20?")
    run_id = store.create_run(experiment, name="one", params={"lr": 0.1}, tags={"seed": "3"})
    store.logger(run_id).send([Value("val/fd", 1 / 3, step, 5) for step in (1, 2)], {}, params={})
    store.end_run(run_id, ok=True)
    (record,) = Store(uri).records(experiment)
    assert (record.params, record.tags) == ({"lr": "0.1"}, {"seed": "3"})
    assert record.metrics == {"val/fd": 1 / 3}
    assert store.histories([run_id], "val/fd") == {run_id: [(1, 1 / 3), (2, 1 / 3)]}


def test_runs_are_read_back_from_a_database_to_the_last_digit(postgres, migrated_postgres):
    told_and_read_back(postgres.database("direct", like=migrated_postgres))


def test_runs_are_read_back_from_a_server_on_it(postgres, migrated_postgres, tmp_path):
    uri = postgres.database("behind", like=migrated_postgres)
    with mlflow_serving(tmp_path / "server", uri) as server:
        told_and_read_back(server.uri)
