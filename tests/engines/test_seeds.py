"""Runs that differ in their seed alone, at once in one process."""

import pytest
import torch

from bench.engines import seeds as module
from bench.engines.seeds import Seeds
from bench.engines.task import Task
from bench.errors import Interrupted, UsageError
from bench.records import TrialResult
from bench.tracking.entries import About

ABOUT = About(experiment="e", name="r", params={}, tags={})


def never(curve):
    return False


def task(seed, model="gan", **values):
    """Of a run that nobody makes."""
    params = {"model": model, "train.seed": str(seed)}
    return Task(params=params, about=ABOUT, folder=f"{model}{seed}", uri="", **values)


@pytest.fixture
def ran(monkeypatch):
    """Every task that was run, and how many were at once."""
    done = []

    def run_task(one, should_stop, should_prune=never, advance=None):
        done.append((one.folder, advance is not None))
        return TrialResult(status="ok", reason=one.folder)

    monkeypatch.setattr(module, "run_task", run_task)
    return done


def outcomes(engine, tasks):
    """What comes back from each waiting, in its order."""
    for one in tasks:
        engine.submit(one, never)
    found = []
    while outcome := engine.wait(0):
        assert all(one.result.reason == one.task.folder for one in outcome)
        found.append([one.task.folder for one in outcome])
    return found


def test_runs_that_differ_in_their_seed_alone_are_run_together(ran, tmp_path):
    found = outcomes(Seeds(4, tmp_path), [task(0), task(0, "vae"), task(1), task(1, "wgan")])
    assert found == [["gan0", "gan1"], ["vae0"], ["wgan1"]]
    assert sorted(ran) == [("gan0", True), ("gan1", True), ("vae0", False), ("wgan1", False)]


@pytest.mark.parametrize(
    "other", [{"deterministic": True}, {"stage": "trial"}, {"smaller": 4}, {"threads": 2}]
)
def test_trials_and_runs_that_are_to_repeat_or_lacked_memory_are_run_alone(ran, other, tmp_path):
    two = [
        task(0, **other),
        task(1, **(other if other.keys() & {"deterministic", "stage"} else {})),
    ]
    assert outcomes(Seeds(4, tmp_path), two) == [["gan0"], ["gan1"]]


def test_run_with_a_mirror_is_run_alone(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(module.MIRRORS, "names", lambda: ["mine"])
    assert outcomes(Seeds(4, tmp_path), [task(0), task(1)]) == [["gan0"], ["gan1"]]


def test_no_more_are_run_at_once_than_asked(ran, tmp_path):
    found = outcomes(Seeds(2, tmp_path), [task(seed) for seed in range(5)])
    assert found == [["gan0", "gan1"], ["gan2", "gan3"], ["gan4"]]


def test_many_runs_wait_but_one_trial(tmp_path):
    engine = Seeds(3, tmp_path)
    engine.submit(task(0), never)
    assert engine.free == module.HELD - 1
    engine = Seeds(3, tmp_path)
    engine.submit(task(0, stage="trial"), never)
    assert engine.free == 0


def test_what_ends_one_run_stops_those_beside_it(monkeypatch, tmp_path):
    asked = []

    def run_task(one, should_stop, should_prune=never, advance=None):
        asked.append(should_stop())
        raise Interrupted("its disk is gone")

    monkeypatch.setattr(module, "run_task", run_task)
    with pytest.raises(Interrupted, match="its disk is gone"):
        outcomes(Seeds(2, tmp_path), [task(0), task(1)])
    assert asked == [False, True]


def test_several_runs_at_once_are_refused_on_a_cpu():
    with pytest.raises(UsageError, match="a GPU alone, got 5 jobs on 'cpu': take --engine local"):
        Seeds.num_jobs(5, torch.device("cpu"))


def test_a_gpu_holds_a_run_for_each_free_gib(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (12.5 * 2**30, 2**40))
    assert Seeds.num_jobs(None, torch.device("cuda")) == 12
    assert Seeds.num_jobs(3, torch.device("cuda")) == 3
