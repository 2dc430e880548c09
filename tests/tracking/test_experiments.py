"""Experiments that others rename or delete, and projects that are moved."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.plan.study import Identity
from bench.tracking.address import sqlite_uri
from bench.tracking.mlflow import Store

IDENTITY = Identity(study="s", tier="classroom", dataset="digits")


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


def with_picture(store, name, level):
    run_id = store.create_run(store.experiment(name), name="r", params={}, tags={})
    store.logger(run_id).picture("samples", np.full((4, 4, 3), level, np.uint8), step=1)
    return run_id


def test_deleted_experiment_is_followed_by_another_and_stays_as_it_is(store, capsys):
    first = store.experiment("one")
    store._client.delete_experiment(first)
    second = store.experiment("one")
    assert second != first
    assert "'one' was deleted in MLflow: 'one (2)' follows it" in capsys.readouterr().err
    assert store.experiment("one") == second
    store._client.delete_experiment(second)
    third = store.experiment("one")
    store._client.restore_experiment(first)
    assert store.experiment("one") == third
    assert capsys.readouterr().err.count("follows it") == 1


def test_renamed_experiment_is_found_by_what_it_was_made_as(store):
    first = store.experiment("one")
    store._client.rename_experiment(first, "two")
    assert store.experiment("one") == first
    second = store.experiment("two")
    assert second != first
    assert store._client.get_experiment(second).name == "two (2)"
    assert store.records_of("two") == []


def test_renamed_experiment_of_before_is_found_by_its_identity(store):
    made = store._client.create_experiment(
        "anything", tags={"bench.identity": IDENTITY.model_dump_json()}
    )
    store._client.create_experiment("other", tags={"bench.identity": "somebody wrote this"})
    assert store.experiment(IDENTITY.key) == made
    assert [one.identity for one in store.experiments()] == [None, IDENTITY, None]


def test_moved_project_finds_its_pictures_and_writes_new_ones_where_it_lies(
    tmp_path, store, capsys
):
    old = with_picture(store, "one", 100)
    theirs = store._client.create_experiment("theirs", artifact_location="file:///far/mlruns/x")
    before = {path.name for path in tmp_path.iterdir()}
    here = tmp_path / "a b%20?#"
    here.mkdir()
    for name in before:
        shutil.move(tmp_path / name, here / name)
    moved = Store(sqlite_uri(here / "mlflow.db"))
    said = capsys.readouterr().err
    assert f"this project lay in '{tmp_path}' before" in said
    assert "moved along" not in said
    assert moved.artifact(old, "pictures/samples.png")
    new = with_picture(moved, "one", 50)
    assert moved.artifact(new, "pictures/samples.png")
    assert {path.name for path in tmp_path.iterdir()} == {here.name}
    assert moved._client.get_experiment(theirs).artifact_location == "file:///far/mlruns/x"
    Store(moved.uri)
    assert capsys.readouterr().err == ""


def test_copy_without_its_pictures_says_so_and_leaves_the_first_one_alone(tmp_path, store, capsys):
    run = with_picture(store, "one", 100)
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "copy")
    copy = Store(f"sqlite:///{tmp_path}/copy/mlflow.db")
    assert f"where '{tmp_path}/mlruns' is moved along" in capsys.readouterr().err
    assert copy.artifact(run, "pictures/samples.png") is None
    assert Store(store.uri).artifact(run, "pictures/samples.png")
    assert capsys.readouterr().err == ""


def test_project_seen_through_a_link_is_not_moved(tmp_path, store, capsys):
    run = with_picture(store, "one", 100)
    link = tmp_path.parent / f"{tmp_path.name} link"
    link.symlink_to(tmp_path)
    assert Store(sqlite_uri(link / "mlflow.db")).artifact(run, "pictures/samples.png")
    assert capsys.readouterr().err == ""
    assert Path(link).is_symlink()
