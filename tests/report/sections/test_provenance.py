"""Where a report's numbers come from, and which runs it is made of."""

import dataclasses
import json

import pytest
from synthetic_study import (
    IDENTITY,
    SEARCH,
    STUDY,
    lost,
    pictures,
    search_records,
    study_records,
)

from bench.cli.report import make_report
from bench.plan.study import Identity
from bench.report.writer import report_text
from bench.results.results import read_results
from bench.results.summary import RUN_PAGES
from bench.results.tracked import tracked_results
from bench.tracking.address import run_page
from bench.tracking.bundle import BUNDLE
from bench.tracking.mlflow import Store

STUDY_FILE = """
from bench.plan.study import Arm, Study, Tier
STUDY = Study(
    name="small", question="How?", arms=(Arm(name="gan", model="gan"),),
    tiers={"classroom": Tier(dataset="digits")},
)
"""


def text_of(records, study=STUDY, facts=None):
    return report_text(read_results(study, IDENTITY, records, pictures(), facts=facts))


def after(text, heading):
    return text.split(f"{heading}\n", 1)[1]


def test_run_ids_lead_to_the_pages_of_a_server():
    records = study_records()
    records[0] = lost(records[0], "failed", "out of memory")
    page = run_page("http://host:5000/", "7", "")
    text = text_of(records, facts={RUN_PAGES: page})
    link = "[`run_gan_3_1`](http://host:5000/#/experiments/7/runs/run_gan_3_1) (seed 1)"
    assert link in after(text, "## Provenance")
    failed = "[`run_vae_1_0`](http://host:5000/#/experiments/7/runs/run_vae_1_0) |"
    assert failed in after(text, "## Runs that did not end well, or not yet")


def test_run_ids_of_a_database_stand_with_the_command_that_shows_them():
    assert run_page("sqlite:////somewhere/mlflow.db", "7", "run") is None
    text = after(text_of(study_records()), "## Provenance")
    assert "| `gan` | depth 3 | `run_gan_3_0` (seed 0), `run_gan_3_1` (seed 1)," in text
    assert "`bench ui` opens MLflow" in text


def test_page_names_the_bundle_by_which_it_is_verified():
    assert f"or from `{BUNDLE}` where that lies beside it" in text_of(study_records())


def test_commands_name_the_seeds_and_trials_that_are_reported():
    commands = after(text_of(study_records(seeds=(0, 1))), "## Provenance").split("```")[1]
    assert commands.count(" --seeds 2\n") == 2
    fresh = [
        dataclasses.replace(r, tags={**r.tags, "seed": str(int(r.tags["seed"]) + 1)})
        if r.tags["role"] == "run"
        else r
        for r in search_records()
    ]
    commands = after(text_of(fresh, SEARCH), "## Provenance").split("```")[1]
    assert "--seeds 3 --trials 18\n" in commands


def test_trials_are_counted_by_family_and_end():
    text = after(text_of(search_records(), SEARCH), "## Protocol")
    assert "Trials by family: 8 (`gan`), 18 (`vae`); 1 diverged, 24 ok, 1 pruned." in text


def test_search_that_is_under_way_says_so():
    trials = [r for r in search_records() if r.tags["role"] == "search"]
    trials[0] = dataclasses.replace(
        trials[0], finished=False, tags={k: v for k, v in trials[0].tags.items() if k != "status"}
    )
    text = text_of(trials, SEARCH)
    assert "> The search is under way: 25 of 26 trials begun have ended" in text
    assert "no run has a test distance yet" in text


def test_measures_of_classes_are_columns_where_runs_are_conditional():
    records = study_records()
    for record in records:
        if record.tags["family"] == "gan":
            record.metrics["test/class_accuracy"] = 0.91
            record.metrics["test/class_fd_digits_n297"] = 30.0
            record.metrics["test/class_fd_digits_n500"] = 20.0
        else:
            reasons = {"class_accuracy": "the model is not conditional"}
            record.tags["not_applicable"] = json.dumps(reasons)
    table = after(text_of(records), "## Families at their chosen cell").split("\n#")[0]
    assert "| `class_accuracy` ↑ | `class_fd_digits_n500` ↓ |" in table
    assert "| 0.910 [0.910, 0.910] | 20.0 [20.0, 20.0] |" in table
    assert "; the model is not conditional (vae, wgan, memoriser, " in table
    assert "class_accuracy" not in text_of(study_records()).split("## Every cell")[0]


@pytest.fixture
def tracked(store_uri, tmp_path):
    """A store with a study of one cell and three seeds, one of them diverged, one unfinished."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "small.py").write_text(STUDY_FILE, encoding="utf-8")
    identity = Identity(study="small", tier="classroom", dataset="digits")
    store = Store(store_uri)
    experiment_id = store.experiment(identity.key)
    about = {"bench.identity": identity.model_dump_json(), "bench.study": "small"}
    store.describe_experiment(experiment_id, {**about, "mlflow.note.content": "note"})
    for seed in range(4):
        tags = {"family": "gan", "role": "run", "seed": str(seed), "primary": "val/fd_digits_n297"}
        params = {"train.num_images": "2000", "train.seed": seed, "model": "gan"}
        run_id = store.create_run(experiment_id, name=f"s{seed}", params=params, tags=tags)
        if seed == 3:
            continue
        logger = store.logger(run_id)
        logger.tags({"status": "diverged" if seed == 2 else "ok"})
        for step in (1000, 2000):
            logger.metrics({"val/fd_digits_n297": 10.0 - step / 1000 + seed}, step)
        logger.metrics({"test/fd_digits_n500": 7.0 + seed}, 2000)
        logger.flush()
        store.end_run(run_id, ok=seed != 2)
    return store, identity, experiment_id


def test_facts_are_what_the_experiment_says_of_the_study(tracked):
    results = tracked_results(*tracked)
    assert results.facts["bench.study"] == "small"
    assert "mlflow.note.content" not in results.facts
    assert RUN_PAGES not in results.facts


def test_report_of_a_study_that_is_partly_failed_and_partly_running_says_so(tracked, tmp_path):
    text = make_report("small", out=tmp_path / "all").read_text(encoding="utf-8")
    assert "> Partly finished: 3 of 4 runs have ended." in text
    assert "1 run diverged and 1 run is not finished: listed below." in text
    assert "1 run had not finished when this was written." in text
    assert (tmp_path / "all" / "report.html").is_file()


def test_fewer_seeds_report_a_subset_and_delete_nothing(tracked, tmp_path):
    store, _, experiment_id = tracked
    text = make_report("small", out=tmp_path / "two", seeds=2).read_text(encoding="utf-8")
    assert "1 cell x 2 seeds" in text
    assert "Partly finished" not in text
    assert "2 found, 2 ended" in text
    assert len(store.records(experiment_id)) == 4
    assert "1 cell x 4 seeds" in make_report("small", out=tmp_path / "all", seeds=9).read_text()
