"""The commands one after the other, as a user gives them."""

import filecmp
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest

from bench.cli.report import make_report
from bench.cli.run import run_study
from bench.cli.sample import sample_run
from bench.cli.train import train_one
from bench.tracking.mlflow import Store

STUDY = '''
"""A tiny study."""
from bench.plan.study import Arm, Study, Tier

STUDY = Study(
    name="tiny",
    question="Does everything fit together?",
    arms=(Arm(name="vae", model="vae"), Arm(name="wgan", model="wgan")),
    factors={"model.depth": (1, 2)},
    baselines=("memoriser", "pixel_gaussian"),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "train.num_images": NUM_IMAGES,
                "model.width": 2,
                "eval.floors": True,
                "eval.likelihood_images": 10,
                "eval.max_samples": 100,
            },
        )
    },
)
'''


@pytest.fixture
def write_study(tmp_path):
    def write(num_images):
        folder = tmp_path / "studies"
        folder.mkdir(exist_ok=True)
        (folder / "tiny.py").write_text(STUDY.replace("NUM_IMAGES", str(num_images)))

    return write


def test_study_runs_continues_and_is_reported_twice_the_same(write_study, store_uri, tmp_path):
    write_study(320)
    lines = []
    summary = run_study(study="tiny", jobs="1", seeds=1, say=lines.append)
    assert summary["failed"] == 0
    assert sum(summary["runs"].values()) == 8
    assert any("best cell of each family" in line for line in lines)

    lines.clear()
    run_study(study="tiny", jobs="1", seeds=1, say=lines.append)
    assert lines[0].startswith("8 of 8 runs are finished already, the last at ")

    first = make_report("tiny", out=tmp_path / "a")
    second = make_report("tiny", out=tmp_path / "b")
    assert "| `pixel_gaussian` | baseline |" in first.read_text()
    assert not [line for line in first.read_text().splitlines() if "nan" in line.lower().split()]
    compared = filecmp.dircmp(first.parent, second.parent)
    assert compared.diff_files == compared.left_only == compared.right_only == []
    figures = filecmp.dircmp(first.parent / "figures", second.parent / "figures")
    assert figures.diff_files == figures.left_only == figures.right_only == []
    assert len(list((tmp_path / "a" / "figures").glob("*.png"))) >= 4

    store = Store()
    record = next(
        r
        for r in store.records(store.experiment("tiny-classroom-digits"))
        if r.tags["family"] == "wgan"
    )
    out = tmp_path / "grid.png"
    sample_run(record.run_id, count=9, out=out, device="cpu", root=tmp_path / "runs")
    assert out.read_bytes().startswith(b"\x89PNG")

    repeated = train_one(config=record.run_id, device="cpu", say=lines.append)
    assert repeated["differences"] == {}
    assert f"identical to {record.run_id}" in lines


@pytest.mark.slow
def test_killed_study_continues_with_the_same_command(write_study, store_uri, tmp_path):
    write_study(6_400)
    command = [sys.executable, "-m", "bench.cli", "run", "--study", "tiny", "--jobs", "2"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    folder = tmp_path / "runs" / "tiny-classroom-digits"
    deadline = time.monotonic() + 300
    while len(list(folder.glob("*/result.json"))) < 2:
        assert time.monotonic() < deadline
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "of 20 runs are finished already" in done.stdout
    assert len(list(folder.glob("*/result.json"))) == 20
    with sqlite3.connect(folder / "optuna.db") as book:
        states = Counter(state for (state,) in book.execute("select state from trials"))
    assert states == {"COMPLETE": 20}
    store = Store()
    records = store.records(store.experiment("tiny-classroom-digits"))
    assert len(records) == 20
    assert all(record.finished for record in records)
