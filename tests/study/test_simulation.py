"""A thousand simulated GPUs and the real driver: every cell complete exactly once, whatever is lost."""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from study_fakes import RememberedStore, optuna_trials

from bench.errors import Interrupted
from bench.study.driver import Driver
from bench.training.checkpoint import RESULT, load_result

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "simulation.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("simulation", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulation"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(script):
    return script.measured(script.MEASURED)


def interrupted():
    raise Interrupted("killed")


def finished_once(plan, trials, told):
    """Of every run: one result in a folder, one final trial of Optuna, one run of tracking.

    A cell that was chosen before a lost run was made up for may be confirmed beside what is chosen now.
    """
    keys = {path.parent.name for path in plan.folder.glob(f"*/{RESULT}")}
    planned = {run.key for run in [*plan.runs(), *plan.confirming()]}
    assert planned <= keys
    assert len(keys - planned) <= len(plan.study.arms) * plan.num_seeds
    final = [t for t in trials if t.user_attrs["status"] != "failed"]
    assert Counter(t.user_attrs["config_digest"] for t in final) == Counter(keys)
    values = {t.user_attrs["config_digest"]: t.value for t in final}
    assert values == {key: load_result(plan.folder / key).value for key in keys}
    ended = [record for record in told if record.about.status in {"ok", "collapsed"}]
    assert Counter(record.about.folder for record in ended) == Counter(
        f"{plan.folder.name}/{key}" for key in keys
    )
    return keys


def test_workers_are_lost_and_the_driver_is_killed_and_every_run_ends_once(script, runs, tmp_path):
    plan, store = script.planned(tmp_path, seeds=1), RememberedStore()
    how = {"runs": runs, "gpus": 1_000, "losses_per_hour": 12.0, "store": store}
    dying = script.Simulated(**how, die_after=40, kill=interrupted)
    with pytest.raises(Interrupted):
        script.play(Driver(plan, store), dying)
    engine, commands = script.Simulated(**how), 0
    while Driver(plan, store).left():  # what three workers in a row lost is for the next command
        driver = Driver(plan, store)
        driver.settle()
        script.play(driver, engine)
        commands += 1
    assert commands > 1
    keys = finished_once(plan, optuna_trials(plan.storage_url), store.records("any"))
    assert dying.spent.ended + engine.spent.ended == len(keys) >= 100  # none was trained twice
    assert 0 < engine.spent.lost < engine.spent.busy


def test_a_lost_worker_costs_what_is_trained_since_the_last_checkpoint_and_a_start(script):
    engine = script.Simulated(runs={})
    engine._lose("run", 0, lost=60.0, needed=100.0)  # the checkpoint at 50 s is kept
    assert (engine._kept["run"], engine.spent.lost) == (50.0, 10.0)
    engine._lose("run", 1, lost=40.0, needed=100.0)  # 5.5 s of start, then from 50 to 84.5 s
    assert (engine._kept["run"], engine.spent.lost) == (75.0, 10.0 + 40.0 - 25.0)
    engine._lose("run", 2, lost=3.0, needed=100.0)  # before it had started
    assert (engine._kept["run"], engine.spent.lost) == (75.0, 25.0 + 3.0)
    assert engine.spent.losses == 3


def test_what_the_driver_takes_passes_on_the_simulated_clock(script, monkeypatch, tmp_path):
    now = [0.0]
    monkeypatch.setattr(script.time, "perf_counter", lambda: now[0])
    engine = script.Simulated(runs={"vae": [script.Measured(4.0, "ok")]}, losses_per_hour=0)
    monkeypatch.setattr(engine, "_end", lambda task: task.folder)
    vae = SimpleNamespace(tags={"family": "vae"})
    tasks = [SimpleNamespace(folder=str(tmp_path / name), about=vae) for name in "abc"]
    engine.submit(tasks[0], None)  # ends at 4 s
    now[0] = 10.0  # the driver was away
    engine.submit(tasks[1], None)  # ends at 14 s
    assert [each.result for each in engine.wait(1.0)] == [tasks[0].folder]
    assert (engine.clock, engine.spent.waited) == (10.0, 6.0)
    assert [each.result for each in engine.wait(1.0)] == [tasks[1].folder]  # nothing is slept
    assert (engine.clock, engine.spent.waited, now[0]) == (14.0, 6.0, 10.0)
    assert (engine.spent.busy, engine.free) == (8.0, 1_000)


def test_durations_are_those_of_the_runs_that_were_trained(script, runs):
    assert {family: len(each) for family, each in runs.items()} == {
        "vae": 44,
        "gan": 39,
        "wgan": 44,
        "wgan_gp": 39,
    }
    assert Counter(one.status for each in runs.values() for one in each)["collapsed"] == 9
    # The first row of depth_sweep_mnist: 56.2 s of training, 50.3 of measuring.
    assert runs["vae"][0].seconds == pytest.approx(56.23787107699718 + 50.28974448999952)


@pytest.mark.slow
def test_six_hundred_runs_in_sqlite_with_a_driver_killed_twice_end_once_each(script, tmp_path):
    command = [sys.executable, str(SCRIPT), "--seeds", "6", "--folder", str(tmp_path)]
    command += ["--losses-per-hour", "2"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    for after in (200, 150):
        dying = [*command, "--die-after", str(after)]
        done = subprocess.run(dying, env=environment, capture_output=True, check=False)
        assert done.returncode == -9
    plan = script.planned(tmp_path, seeds=6)
    store = script.Store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    ended = 350
    for _ in range(3):  # what three workers in a row lost is for the next command
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        ended += json.loads(done.stdout[done.stdout.index("{") :])["runs"]
    assert not Driver(plan, store).left()
    told = store.records_of(plan.identity.key)
    keys = finished_once(plan, optuna_trials(plan.storage_url), told)
    assert len(told) == len(keys) == ended >= 600
