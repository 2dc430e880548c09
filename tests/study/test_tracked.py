"""A store that others changed, or that is another one, is brought up to what the folders hold."""

import pytest

from bench.tracking.attached import NOTE, attach_report
from bench.tracking.entries import NAME, run_id_of
from bench.tracking.mlflow import Store


@pytest.fixture
def made(grid, store_uri):
    """A small study that has ended, in a store that remembers."""
    grid.store, grid.options = Store(store_uri), {"seeds": 1}
    grid.run()
    return grid


@pytest.fixture
def run_id(made):
    """Of one of its runs in MLflow."""
    return run_id_of(folder_of(made))


def folder_of(made):
    driver = made.driver()
    return driver.tracked.folder(driver.runs()[0])


def settled(made, capsys):
    """What is said where the study is begun again."""
    capsys.readouterr()
    made.driver().settle()
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("tracking")]


def test_nothing_is_said_or_done_where_nothing_is_wrong(made, run_id, capsys):
    made.store._client.update_run(run_id, name="the one I like")
    made.store._client.set_tag(run_id, "mine", "keep this")
    before = made.records()
    assert settled(made, capsys) == []
    assert made.records() == before
    assert made.run().ran == []


def test_answer_of_a_report_stays_above_a_study_until_there_is_another(made, tmp_path):
    tracked = made.driver().tracked
    identity = tracked.plan.identity.model_dump_json()
    tracked.describe({NOTE: "**Which?**", "bench.identity": identity})
    said = lambda: made.store.experiment_tags(tracked.experiment_id)[NOTE]  # noqa: E731
    assert said() == "**Which?**"
    report = tmp_path / "report"
    report.mkdir()
    runs = [record.run_id for record in made.records()]
    (report / "runs.csv").write_text("\n".join(runs[1:]))
    attach_report(made.store, tracked.experiment_id, report, answer="**This one.**")
    tracked.describe({NOTE: "**Which?**", "bench.command": "bench run --seeds 2"})
    assert said().startswith("*Without 1 of 7 runs.* **This one.**")
    assert "`bench run --seeds 2`" in said()
    (report / "runs.csv").write_text("\n".join(runs))
    attach_report(made.store, tracked.experiment_id, report, answer="**That one.**")
    tracked.dress()
    assert said().startswith("**That one.**\n\n[Report")


def test_run_that_was_deleted_is_made_anew_and_one_restored_beside_it_is_deleted(
    made, run_id, capsys
):
    made.store.delete_run(run_id)
    assert settled(made, capsys) == [
        f"tracking: run {run_id} was deleted in MLflow: all of it is sent again"
    ]
    assert len({record.about.folder for record in made.records()}) == len(made.records()) == 7
    assert made.run().ran == []
    made.store._client.restore_run(run_id)
    assert len(made.records()) == 8
    assert settled(made, capsys) == [
        f"tracking: run {run_id} was restored beside one that tells the same: deleted again"
    ]
    assert run_id not in {record.run_id for record in made.records()}
    assert settled(made, capsys) == []


def test_run_that_was_restored_before_anybody_looked_counts(made, run_id, capsys):
    made.store.delete_run(run_id)
    made.store._client.restore_run(run_id)
    assert settled(made, capsys) == []
    assert run_id in {record.run_id for record in made.records()}


def test_tags_that_were_changed_are_set_again(made, run_id, capsys):
    before = made.store.record(run_id).tags
    made.store._client.set_tag(run_id, "status", "failed")
    made.store._client.set_tag(run_id, "seed", "7")
    made.store._client.delete_tag(run_id, "folder")
    (said,) = settled(made, capsys)
    assert "were changed and are set again: seed, folder, status" in said
    assert made.store.record(run_id).tags == before
    made.store._client.set_terminated(run_id, status="KILLED")
    assert settled(made, capsys) == []
    assert made.store.record(run_id).finished


def test_other_store_is_told_of_everything(made, tmp_path, migrated_database, capsys):
    (tmp_path / "other.db").write_bytes(migrated_database.read_bytes())
    first, made.store = made.store, Store(f"sqlite:///{tmp_path / 'other.db'}")
    assert settled(made, capsys) == []
    assert len(made.records()) == 7
    assert made.run().ran == []
    other, made.store = made.records(), first
    assert settled(made, capsys) == []
    assert len(made.records()) == 7  # its own runs are found again by their journals
    assert sorted(r.tags["bench.journal"] for r in other) == sorted(
        r.tags["bench.journal"] for r in made.records()
    )


def test_damaged_journal_matters_only_where_a_store_lacks_the_run(made, run_id, capsys):
    folder = folder_of(made)
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-30])
    assert settled(made, capsys) == []
    made.store.delete_run(run_id)
    made.driver().settle()
    said = capsys.readouterr().err
    assert "bytes that are whole: kept as journal.jsonl.damaged" in said
    assert "is of no use without a whole journal.jsonl" in said
    assert len(made.run().trained) == 1
    assert len(made.records()) == 7
