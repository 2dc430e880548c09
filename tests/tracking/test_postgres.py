"""Tracking on a real PostgreSQL, by its address and behind MLflow's server."""

import subprocess
import sys

import pytest
from postgres_server import mlflow_serving

from bench.errors import UsageError
from bench.study.storage import OptunaGrid
from bench.tracking.mlflow import Store
from bench.tracking.run_logger import Value

OPENING = """
import sys
from bench.study.storage import OptunaGrid
from bench.tracking.mlflow import Store
print("ready", flush=True)
sys.stdin.readline()
OptunaGrid("grid", sys.argv[1], {})
Store(sys.argv[2])
"""


def told_and_read_back(uri: str) -> None:
    store = Store(uri)
    experiment = store.experiment("a b%20?")
    run_id = store.create_run(experiment, name="one", params={"lr": 0.1}, tags={"seed": "3"})
    store.logger(run_id).send([Value("val/fd", 1 / 3, step, 5) for step in (1, 2)], {}, params={})
    store.end_run(run_id, ok=True)
    (record,) = Store(uri).records(experiment)
    assert record.params == {"lr": "0.1"}
    assert record.tags == {"seed": "3"}
    assert record.metrics == {"val/fd": 1 / 3}
    assert store.histories([run_id], "val/fd") == {run_id: [(1, 1 / 3), (2, 1 / 3)]}


@pytest.mark.postgres
def test_runs_are_read_back_from_a_database_and_from_a_server_on_it(
    postgres, migrated_postgres, tmp_path
):
    uri = postgres.database("behind", like=migrated_postgres)
    told_and_read_back(postgres.database("direct", like=migrated_postgres))
    with mlflow_serving(tmp_path / "server", uri) as server:
        told_and_read_back(server.uri)
    with pytest.raises(UsageError, match=r"was made through an MLflow server, .* that server's"):
        Store(uri).experiment("a b%20?")


@pytest.mark.postgres
def test_several_first_openers_make_one_database_each_of_optuna_and_mlflow(postgres):
    uris = postgres.database("first_optuna"), postgres.database("first_mlflow")
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, *uris],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for opener in openers:  # all have imported what takes seconds
        assert opener.stdout.readline() == "ready\n"
    said = [opener.communicate("go\n")[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * 4, said
    assert [one.name for one in Store(uris[1]).experiments()] == ["Default"]


@pytest.mark.postgres
def test_database_of_the_other_library_is_left_alone(postgres, migrated_postgres):
    taken = postgres.database("taken", like=migrated_postgres)
    said = r"has tables of another program .* give another database with --storage"
    with pytest.raises(UsageError, match=said):
        OptunaGrid("grid", taken, {})
    OptunaGrid("grid", free := postgres.database("free"), {})
    said = r"has tables of another program .* give another database with --tracking-uri"
    with pytest.raises(UsageError, match=said):
        Store(free)


@pytest.mark.parametrize(
    ("opens", "option"),
    [(Store, "--tracking-uri"), (lambda uri: OptunaGrid("grid", uri, {}), "--storage")],
)
def test_without_the_extra_a_sentence_names_it(monkeypatch, opens, option):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    said = rf"{option} .* needs psycopg \(.*\): pip install 'latentbench\[postgres\]'$"
    with pytest.raises(UsageError, match=said):
        opens("postgresql+psycopg://me@127.0.0.1:9/x")
