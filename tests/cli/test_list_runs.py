"""`bench list runs`: tracked runs, one line each, that other commands take."""

from __future__ import annotations

import pytest
from synthetic_study import IDENTITY

from bench.cli.list import list_kind
from bench.errors import UsageError
from bench.tracking.mlflow import REPORT, Store
from bench.tracking.run_logger import Value

MINUTE = 60_000


@pytest.fixture
def store(store_uri: str) -> Store:
    """Three runs of a study, begun the last one first, a report beside them, and a single run."""
    store = Store(store_uri)
    study = store.experiment(IDENTITY.key)
    store.describe_experiment(study, {"bench.identity": IDENTITY.model_dump_json()})
    for n, state in enumerate(("FINISHED", "KILLED", "RUNNING")):
        tags = {"model": "vae", "seed": str(n), **({"status": "ok"} if n == 0 else {})}
        name = f"vae depth=2 seed={n}"
        made = store.create_run(study, name=name, params={}, tags=tags, at=(9 - n) * MINUTE)
        if n == 0:
            store.logger(made).send([Value("distance", 123.456, 10, 1)], {})
        if state != "RUNNING":
            store.logger(made).send_state(state, 10 * MINUTE)
    store.create_run(study, name="report", params={}, tags={REPORT: "1"})
    store.create_run(store.experiment("single"), name="gan seed=0", params={}, tags={}, at=MINUTE)
    return store


def listed(study: str | None = None) -> list[list[str]]:
    said: list[str] = []
    list_kind("runs", study, say=said.append)
    return ["  ".join(line.split()).split("  ") for line in "\n".join(said).splitlines()]


def test_runs_are_listed_in_the_order_in_which_they_began(store: Store) -> None:
    rows = list_kind("runs")
    assert [(row["run"], row["status"]) for row in rows.values()] == [
        ("gan seed=0", "running"),
        ("vae depth=2 seed=2", "running"),
        ("vae depth=2 seed=1", "killed"),
        ("vae depth=2 seed=0", "ok"),
    ]
    assert [row["distance"] for row in rows.values()] == [None, None, None, 123.456]
    assert [row["seed"] for row in rows.values()][1:] == [2, 1, 0]
    assert list(rows.values())[3]["begun"] == "1970-01-01T00:09:00+00:00"


def test_line_of_a_run_begins_with_what_other_commands_take_as_its_id(store: Store) -> None:
    head, *lines = listed("depth_sweep")
    assert head[0] == "id"
    assert len(lines) == 3
    for line in lines:
        assert store.record(line[0]).tags["model"] == "vae"
    assert "123.5" in lines[2]
    assert listed(IDENTITY.key) == [head, *lines]
    assert [line[1] for line in listed("single")[1:]] == ["single"]


def test_study_of_which_no_run_is_tracked_is_told_with_those_there_are(store: Store) -> None:
    said = "unknown study 'deph_sweep': did you mean 'depth_sweep'. recorded: depth_sweep, single"
    with pytest.raises(UsageError, match=said):
        list_kind("runs", "deph_sweep")


def test_store_without_a_run_says_what_makes_one(store_uri: str) -> None:
    Store(store_uri)
    with pytest.raises(UsageError, match="run `bench train` or `bench run` first"):
        list_kind("runs")
