"""A report among the runs of a study, which nobody counts as one."""

import pytest
from stored_records import put
from synthetic_study import IDENTITY, STUDY, run_record

from bench.tracking.attached import NOTE, attach_report, note_of_report
from bench.tracking.mlflow import Store
from bench.tracking.view import dress


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "reports" / "one"
    (folder / "figures").mkdir(parents=True)
    for name in ("README.md", "report.html", "runs.csv", "report.json", "figures/headline.png"):
        (folder / name).write_text(name)
    (folder / "bundle.zip").write_text("large")
    return folder


def test_report_lies_in_one_place_with_its_answer_above_the_study(store_uri, written):
    store = Store(store_uri)
    experiment = put(store, IDENTITY, [run_record("vae", 2, 0)])
    before = store.records(experiment)
    first = attach_report(store, experiment, written, answer="**VAE is lower.**")
    (written / "runs.csv").write_text(f"anew, {before[0].run_id}")
    assert attach_report(store, experiment, written, answer="**GAN is lower.**") == first
    assert store.artifacts(first, "report") == [
        "README.md",
        "report.html",
        "report.json",
        "runs.csv",
    ]
    assert store.artifact(first, "report/runs.csv") == (written / "runs.csv").read_bytes()
    assert store.artifact(first, "report/figures/headline.png") == b"figures/headline.png"
    note = store.experiment_tags(experiment)["mlflow.note.content"]
    assert note.startswith("**GAN is lower.**")
    assert f"#/experiments/{experiment}/runs/{first}/artifacts" in note
    # It is no run of the study: reports, bundles and counts are without it.
    assert store.records(experiment) == before
    assert dress(store, experiment, STUDY) == 1
    assert len(store.stored_runs(experiment)) == 2


def test_answer_says_how_many_runs_have_ended_without_it(store_uri, written):
    store = Store(store_uri)
    experiment = put(store, IDENTITY, [run_record("vae", 2, 0)])
    facts = store.experiment_tags(experiment)
    assert note_of_report(store, experiment, facts) == {}
    ids = [record.run_id for record in store.records(experiment)]
    (written / "runs.csv").write_text("\n".join(["run_id", *ids]))
    attach_report(store, experiment, written, answer="**VAE is lower.**")
    told = note_of_report(store, experiment, facts)
    assert told == {NOTE: store.experiment_tags(experiment)[NOTE]}
    put(store, IDENTITY, [run_record("vae", 2, 1), run_record("gan", 2, 0)])
    store.create_run(experiment, name="under way", params={}, tags={})
    anew = f"`bench report {IDENTITY.flags()} --attach` answers by all of them."
    assert note_of_report(store, experiment, facts) == {
        NOTE: f"*Without 2 of 3 runs.* {told[NOTE]}\n\n{anew}"
    }
