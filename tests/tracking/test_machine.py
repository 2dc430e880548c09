"""System metrics where MLflow's switch asks for them."""

import time

import pytest

from bench.tracking.machine import SWITCH, machine_watched
from bench.tracking.mlflow import Store


@pytest.mark.parametrize("asked", [False, True])
def test_what_the_machine_did_is_logged_on_request_and_is_no_value_of_the_run(
    store_uri, monkeypatch, asked
):
    if asked:
        monkeypatch.setenv(SWITCH, "true")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    store = Store(store_uri)
    experiment = store.experiment("one")
    run_id = store.create_run(experiment, name="r", params={}, tags={})
    until = time.monotonic() + 20
    with machine_watched(lambda: run_id, store_uri):
        while asked and not store.stored_runs(experiment)[0].metrics and time.monotonic() < until:
            time.sleep(0.05)
    logged = store.stored_runs(experiment)[0].metrics
    assert ("system/cpu_utilization_percentage" in logged) == asked
    assert store.records(experiment)[0].metrics == {}
