"""What every engine says of itself, and which one a study gets."""

import os

import pytest
import torch

from bench.engines import ENGINES, _timing, num_jobs, open_engine, speedup
from bench.errors import UsageError
from bench.registry import load_plugins

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("name", ENGINES.names())
def test_engine_runs_as_many_as_it_says_itself(name, tmp_path):
    jobs = num_jobs("auto", name, CPU)
    engine = open_engine(name, jobs, tmp_path)
    try:
        assert engine.free == jobs >= 1
        assert list(engine.wait(timeout=0.0)) == []
    finally:
        engine.close()


def test_runs_on_a_gpu_come_one_after_the_other(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setattr(_timing, "speedup", float)
    assert (num_jobs("auto", None, CPU), num_jobs("auto", None, CUDA)) == (3, 1)
    assert num_jobs("2", None, CUDA) == 2
    assert num_jobs("auto", "inprocess", CPU) == 1


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({1: 1.0, 2: 1.02, 4: 1.03, 6: 1.0}, 1),
        ({1: 1.0, 2: 1.4, 4: 2.0, 6: 2.05}, 4),
        ({1: 1.0, 2: 2.0, 4: 4.0, 6: 6.0}, 6),
    ],
)
def test_auto_takes_the_fewest_jobs_that_do_nearly_as_much_as_any(monkeypatch, rates, best):
    monkeypatch.setattr(_timing, "speedup", rates.__getitem__)
    assert _timing.best_jobs(6) == best


def test_several_at_a_time_do_no_less_than_one_and_no_more_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert 1.0 == speedup(1, None) <= speedup(2, None) == speedup(64, None) <= 2.0
    assert speedup(1, "inprocess") == 1.0


def test_one_job_runs_in_this_process_and_several_in_workers(tmp_path):
    for jobs, name in ((1, "inprocess"), (2, "local")):
        engine = open_engine(None, jobs, tmp_path)
        engine.close()
        assert type(engine) is ENGINES.get(name)


def test_engine_that_cannot_be_opened_is_refused_before_anything_starts():
    with pytest.raises(UsageError, match="'inprocess' runs one at a time, got 2 jobs: take"):
        num_jobs("2", "inprocess", CPU)
    with pytest.raises(UsageError, match="unknown engine 'lokal': did you mean 'local'"):
        num_jobs("auto", "lokal", CPU)


def test_engine_of_a_plugin_is_one_class(tmp_path, monkeypatch):
    monkeypatch.setattr(ENGINES, "_entries", dict(ENGINES.items()))
    plugin = tmp_path / "far.py"
    plugin.write_text(
        "from bench.engines import engine\n"
        "from bench.engines.inprocess import InProcess\n"
        "@engine('far')\n"
        "class Far(InProcess):\n"
        "    @staticmethod\n"
        "    def num_jobs(asked, device):\n"
        "        return 7\n"
    )
    load_plugins([plugin])
    assert num_jobs("auto", "far", CPU) == 7
    assert open_engine("far", 1, tmp_path).free == 1
