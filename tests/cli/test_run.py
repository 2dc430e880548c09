"""A study as a user runs it: real training, real stores, and a driver killed for real."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bench.cli.run import run_study
from bench.errors import UsageError
from bench.tracking.mlflow import Store
from bench.training import precision

STUDY = '''
"""A tiny search."""
from bench.plan.study import Arm, Study, Tier
from bench.plan.space import LogUniform, Search

RATE = {"model.lr": LogUniform(low=1e-4, high=1e-1)}
STUDY = Study(
    name="tiny",
    question="Which learns most?",
    arms=(Arm(name="vae", model="vae_mlp"), Arm(name="gan", model="gan_mlp")),
    search=Search(spaces={"vae": RATE, "gan": RATE}, validations=2),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "train.num_images": NUM_IMAGES,
                "train.num_logs": 2,
                "train.num_validations": 2,
                "model.hidden": "8",
                "eval.likelihood_images": 10,
                "eval.max_samples": 100,
            },
            seeds=1,
            trials=2,
        )
    },
)
'''


@pytest.fixture
def write_study(tmp_path):
    def write(num_images):
        (tmp_path / "studies").mkdir()
        (tmp_path / "studies" / "tiny.py").write_text(STUDY.replace("NUM_IMAGES", str(num_images)))

    return write


def records():
    store = Store()
    return store.records(store.experiment("tiny-classroom-digits"))


def test_search_runs_extends_and_sums_up_and_its_trials_read_no_test_image(write_study, store_uri):
    write_study(128)
    lines = []
    summary = run_study(study="tiny", jobs="1", say=lines.append)
    assert "4 trials and 2 runs" in lines[0]
    assert "best of 2 trials of each family on validation:" in lines
    tracked = records()
    trials = [r for r in tracked if r.tags["role"] == "search"]
    assert Counter((r.tags["family"], r.tags["trial"]) for r in trials) == Counter(
        (arm, number) for arm in ("vae", "gan") for number in "01"
    )
    assert not any("test_reads" in r.tags for r in trials)
    assert not any(name.startswith("test") for r in trials for name in r.metrics)
    runs = {r.tags["family"]: r for r in tracked if r.tags["role"] == "run"}
    assert {r.tags["test_reads"] for r in runs.values()} == {"1"}
    for arm, found in summary["found"].items():
        values = {r.metrics["val/fd_digits_n100"] for r in trials if r.tags["family"] == arm}
        assert found["value"] == min(values)
        assert runs[arm].params["model.lr"] == str(found["values"]["model.lr"])
        assert runs[arm].params["train.seed"] == "1000"

    lines.clear()
    run_study(study="tiny", jobs="1", say=lines.append)
    assert lines[0].startswith("6 of 6 runs are finished already, the last at ")
    assert lines[0].endswith(": --fresh discards and repeats them")
    run_study(study="tiny", jobs="1", trials=3, say=lines.append)
    assert Counter(r.tags["role"] for r in records())["search"] == 6


def test_search_of_which_no_trial_has_a_value_is_summed_up(write_study, store_uri):
    write_study(128)
    file = Path("studies/tiny.py")
    text = file.read_text().replace("vae_mlp", "gan_mlp")
    file.write_text(text.replace("low=1e-4, high=1e-1", "low=1e30, high=1e35"))
    lines = []
    summary = run_study(study="tiny", jobs="1", say=lines.append)
    assert summary["runs"] == {"diverged": 4}
    assert (summary["best"], summary["found"]) == ([], {})
    assert sum("no trial has a value" in line for line in lines) == 1


def test_trials_of_a_grid_are_refused():
    with pytest.raises(UsageError, match="'depth_sweep' runs all of a grid: leave it out"):
        run_study(study="depth_sweep", trials=3)


def test_precision_left_to_the_machine_is_shown_as_what_it_comes_to(
    write_study, monkeypatch, tmp_path
):
    write_study(64)
    monkeypatch.setattr(precision, "bf16_unit", lambda _: "a unit")
    monkeypatch.setattr(precision, "step_seconds", lambda *_: {"fp32": 1.0, "bf16": 0.5})
    monkeypatch.setattr("bench.cli.run.seconds_by_label", lambda *_: {})  # takes time
    said = []
    asked = {"study": "tiny", "overrides": ["precision=auto"], "device": "cpu"}
    shown = run_study(**asked, dry_run=True, root=tmp_path / "runs", say=said.append)
    found = {each["train.precision"] for each in shown["configurations"].values()}
    assert (found, said[0][:30]) == ({"bf16"}, "precision auto comes to bf16, ")
    assert not (tmp_path / "runs").exists()


def test_key_that_is_searched_is_not_set_by_hand(write_study):
    write_study(128)
    with pytest.raises(UsageError, match=r"'model\.lr' is what this study searches for vae, gan"):
        run_study(study="tiny", overrides=["lr=1e-3"])


@pytest.mark.slow
def test_killed_search_continues_with_the_same_command(write_study, store_uri, tmp_path):
    write_study(6_400)
    command = [*(sys.executable, "-m", "bench.cli", "run", "--study", "tiny"), "--trials", "11"]
    first = subprocess.Popen(
        [*command, "--jobs", "2"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    folder = tmp_path / "runs" / "tiny-classroom-digits"
    deadline = time.monotonic() + 300
    while len(list(folder.glob("trial*/result.json"))) < 7:
        assert time.monotonic() < deadline
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    done = subprocess.run(
        [*command, "--jobs", "1"], check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "of 24 runs are finished already" in done.stdout
    tracked = records()
    found = Counter((r.tags["family"], r.tags["role"]) for r in tracked)
    assert found == {
        (arm, role): n for arm in ("vae", "gan") for role, n in (("search", 11), ("run", 1))
    }
    assert len({(r.tags["family"], r.tags.get("trial")) for r in tracked}) == 24
    assert all(record.finished and "status" in record.tags for record in tracked)
