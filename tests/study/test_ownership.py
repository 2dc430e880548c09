"""The runs of a study on a store belong to the folder that began it."""

import shutil
import time

import pytest

from bench.errors import UsageError
from bench.tracking import claim
from bench.tracking.mlflow import Store


def elsewhere(made, root):
    """The same study on the same store, as somebody has it in another folder."""
    other = type(made)(**{**vars(made), "root": root})
    other.storage = type(made.storage)()
    return other


def test_study_of_another_folder_is_refused_and_its_runs_stay_as_they_are(grid, tmp_path):
    grid.run()
    before = {run.run_id: dict(run.tags) for run in grid.records()}
    other = elsewhere(grid, tmp_path / "hers")
    for meddle in (other.run, other.driver().forget):
        with pytest.raises(
            UsageError, match=r"belong to .* in '.*runs/made.*': continue them there"
        ):
            meddle()
    assert {run.run_id: dict(run.tags) for run in grid.records()} == before
    assert grid.run().ran == []


def test_folder_that_was_moved_goes_on_where_it_was(grid, tmp_path):
    grid.run(grid.engine(die_after=None))
    moved = elsewhere(grid, tmp_path / "moved")
    shutil.move(grid.root, moved.root)
    assert moved.run().trained == []


def test_folder_with_a_lost_id_is_known_by_its_place(grid):
    grid.run()
    (grid.driver().plan.folder / ".study").write_bytes(b"\xff")
    grid.store.facts["bench.owner"] += " and what somebody wrote behind it"
    assert grid.run().ran == []
    (grid.driver().plan.folder / ".study").unlink()
    assert grid.run().ran == []


def test_study_whose_runs_were_deleted_begins_anywhere(grid, tmp_path):
    grid.run()
    grid.driver().forget()
    assert elsewhere(grid, tmp_path / "hers").run().trained


def test_study_of_before_belongs_to_who_continues_it(grid, tmp_path):
    grid.run()
    grid.store.facts.pop("bench.owner")
    assert grid.run().ran == []
    with pytest.raises(UsageError, match="belong to"):
        elsewhere(grid, tmp_path / "hers").run()


def test_driver_whose_study_was_taken_over_stops_with_a_sentence(grid, store_uri, monkeypatch):
    monkeypatch.setattr(claim, "BEAT_SECONDS", 0.05)
    grid.store = Store(store_uri)

    def overtaken():
        with grid.driver().alone():
            (held,) = grid.store._client.search_experiments(filter_string="name LIKE '.claim/%'")
            grid.store._client.delete_experiment(held.experiment_id)
            time.sleep(10.0)

    with pytest.raises(UsageError, match=r"study 'made-.*' was taken over by another process"):
        overtaken()
