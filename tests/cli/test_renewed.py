"""The same command after something else changed: trained anew, measured again, or said."""

import os
from pathlib import Path

import numpy as np
import pytest

import bench
from bench import datasets
from bench.cli.evaluate import evaluate_one
from bench.cli.report import make_report
from bench.cli.run import run_study
from bench.cli.sample import sample_run
from bench.cli.train import train_one
from bench.compare.verify import verify_report
from bench.errors import UsageError
from bench.results.tracked import tracked_results
from bench.tracking.mlflow import Store
from bench.tracking.recorded import find_recorded
from bench.training.trainer import Trainer

SHORT = [
    "num_images=128",
    "num_logs=2",
    "num_validations=2",
    "width=2",
    "depth=1",
    "max_samples=40",
]
FEW = "likelihood_images=5"


def train(*overrides, **options):
    lines = []
    summary = train_one(
        "vae", overrides=[*SHORT, *(overrides or [FEW])], say=lines.append, **options
    )
    return summary, lines


def put(seed, number=60):
    images = np.random.default_rng(seed).integers(0, 255, (number, 8, 8)).astype(np.uint8)
    images[:, 2:6, 2:6] //= seed + 1
    np.savez("x.npz", x=images)
    os.utime("x.npz", ns=(seed, seed))


def tracked():
    store = Store()
    return {run.run_id: run for run in store.records(store.experiment("train"))}


def on_test(summary):
    return {k: v for k, v in summary["metrics"].items() if k.startswith("test/")}


@pytest.fixture
def never_trains(monkeypatch):
    def refuse(*_):
        raise AssertionError("it trains")

    return lambda: monkeypatch.setattr(Trainer, "_train_step", refuse, raising=True)


def test_other_images_train_anew_in_a_run_of_their_own(store_uri):
    put(0)
    options = {"dataset": "npz:x.npz"}
    first, _ = train("detector=random", FEW, **options)
    put(1)
    second, lines = train("detector=random", FEW, **options)
    assert on_test(first) != on_test(second)
    assert any("\ntest/elbo_bernoulli" in line for line in lines)  # as there is no distance
    (said,) = [line for line in lines if "trained with other data" in line]
    assert said.startswith("the run of vae, made until 20")
    assert "trained anew, what was there is kept in 'runs/train/superseded'" in said
    about = {run_id: run.about for run_id, run in tracked().items()}
    assert {about[first["run_id"]].role, about[second["run_id"]].role} == {"superseded", "run"}
    # The old one can still be looked at, and is not measured on images that it never saw.
    assert (Path("runs") / about[first["run_id"]].folder / "last.pt").exists()
    with pytest.raises(UsageError, match="was trained on images of digest"):
        evaluate_one(first["run_id"])
    said = []
    sample_run(first["run_id"], count=4, say=said.append)
    assert said[0] == f"run {first['run_id']} was trained with other data than there is now"
    again = train_one(config=first["run_id"], say=said.append)
    assert again["differences"]
    assert again["made_otherwise"] == ["data"]
    assert said[-1] == "and was made otherwise: data"


def test_other_measures_measure_the_trained_state_and_a_finished_run_says_since_when(
    store_uri, monkeypatch, never_trains
):
    first, _ = train()
    monkeypatch.setattr(bench, "MEASURES", bench.MEASURES + 1)
    never_trains()
    second, lines = train()
    raised = f"({bench.MEASURES - 1} -> {bench.MEASURES})"
    assert any(f"was measured with other numbers of the package {raised}" in line for line in lines)
    assert on_test(first) == on_test(second)
    runs = tracked()
    assert {run.about.role for run in runs.values()} == {"superseded", "run"}
    curves = Store().histories([*runs], "train/loss")
    assert curves[first["run_id"]] == curves[second["run_id"]]
    assert runs[second["run_id"]].about.test_reads == 2

    third, lines = train()
    assert third["run_id"] == second["run_id"]
    assert any(
        line.startswith("the run of vae was finished at 20")
        and line.endswith(": --fresh trains it once more")
        for line in lines
    )


def test_other_settings_of_evaluation_take_the_trained_state_with_what_still_counts(
    store_uri, never_trains
):
    first, _ = train()
    never_trains()
    second, lines = train("likelihood_images=6", "also=random")
    assert "the run of vae: trained before, the state is taken and measured again" in lines
    assert {"test/fd_digits_n40", "test_best/images_seen"} <= second["metrics"].keys()
    for name in ("train/loss", "val/fd_digits_n40"):
        curves = Store().histories([first["run_id"], second["run_id"]], name)
        assert curves[first["run_id"]] == curves[second["run_id"]]

    third, _ = train("detector=random", "max_val_samples=20", FEW)
    assert not any(name.startswith("test_best/") for name in third["metrics"])
    assert "fd_digits_n40 of" in third["not_applicable"]["test_best"]


def test_a_finished_study_is_answered_without_its_images(store_uri, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(datasets._remembered, "SETTLED_SECONDS", -3600)
    put(0, number=700)
    Path("studies").mkdir()
    Path("studies/little.py").write_text(STUDY)
    first = run_study(study="little", dataset="npz:x.npz", jobs="1")
    monkeypatch.setattr(datasets, "load", None)
    lines = []
    assert run_study(study="little", dataset="npz:x.npz", jobs="1", say=lines.append) == first
    assert lines[0].startswith("1 of 1 runs are finished already, the last at 20")
    Path("studies/little.py").write_text(STUDY.replace("Is it?", "Was it?"))
    run_study(study="little", dataset="npz:x.npz", jobs="1", say=lines.append)
    assert any("the study: question Is it? -> Was it?" in line for line in lines)


STUDY = '''
"""Little."""
from bench.plan.study import Arm, Study, Tier

STUDY = Study(
    name="little",
    question="Is it?",
    arms=(Arm(name="noise", model="uniform_noise"),),
    tiers={"classroom": Tier(dataset="digits", settings={"eval.detector": "random"}, seeds=1)},
)
'''


EDITED = '''
"""Which?"""
from bench.plan import Arm, Study, Tier

STUDY = Study(
    name="edited",
    question="Which?",
    arms=(Arm(name="vae", model="vae_mlp"),),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "train.num_images": 128,
                "train.num_logs": 2,
                "train.num_validations": 2,
                "model.hidden": "8",
                "eval.likelihood_images": 5,
                "eval.max_samples": 40,
            },
            seeds=1,
        )
    },
)
'''


@pytest.fixture
def edit(store_uri, tmp_path):
    """Writes the study with a text for another and runs it."""
    (tmp_path / "studies").mkdir()

    def run(*change):
        text = EDITED.replace(*change) if change else EDITED
        (tmp_path / "studies" / "edited.py").write_text(text)
        run_study("edited", jobs="1")
        store = Store()
        identity, experiment_id = find_recorded(store, "edited", tier=None, dataset=None, sets=[])
        return tracked_results(store, identity, experiment_id)

    return run


def test_report_is_of_the_settings_that_were_planned_last_also_where_the_file_says_less(edit):
    def hidden(results):
        return {run.param("hidden") for run in results.arm_runs}

    assert hidden(edit()) == {"8"}
    less = edit('"model.hidden": "8",', "")
    assert hidden(less).isdisjoint({"8"})
    assert [run.param("hidden") for run in less.former] == ["8"]
    back = edit()
    assert hidden(back) == {"8"}
    assert len(back.former) == 1


@pytest.mark.slow
def test_report_of_an_edited_budget_is_verified_and_so_is_one_from_before(edit, tmp_path):
    edit()
    before = make_report("edited", out=tmp_path / "before")
    edit("128", "64")
    after = make_report("edited").read_text(encoding="utf-8")
    assert "After 64 real images" in after
    assert "1 run of other settings than the study's present ones is left out" in after
    assert "left out (" not in before.read_text(encoding="utf-8")
    assert verify_report(tmp_path / "reports" / "edited").equal
    assert verify_report(tmp_path / "before").equal
