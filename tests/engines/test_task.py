"""One task in this process: how it fails, and what it waits for."""

import pytest
import torch
from filelock import FileLock
from training_runs import small

from bench.engines.task import Task, run_task
from bench.errors import Interrupted
from bench.tracking.entries import About
from bench.training.run import Run


@pytest.fixture
def task(tmp_path, store_uri):
    params = small().params()
    about = About(experiment="e", name="r", params=params, tags={})
    return Task(params=params, about=about, folder=str(tmp_path / "run"), uri=store_uri)


@pytest.mark.parametrize(
    "said", ["CUDA out of memory", "DefaultCPUAllocator: can't allocate memory"]
)
def test_run_without_enough_memory_fails_with_that_word_and_a_remedy(task, said, monkeypatch):
    def execute(_):
        raise (torch.OutOfMemoryError if "CUDA" in said else RuntimeError)(said)

    monkeypatch.setattr(Run, "execute", execute)
    result = run_task(task)
    assert result.status == "failed"
    assert result.reason.startswith("out of memory: lower train.batch_size, or give fewer --jobs (")
    assert said in result.reason


def test_smaller_pieces_are_those_of_the_task(task, monkeypatch):
    seen = []

    def execute(run):
        seen.append(run.smaller)
        raise Interrupted("enough")

    monkeypatch.setattr(Run, "execute", execute)
    with pytest.raises(Interrupted):
        run_task(Task(**{**vars(task), "smaller": 4}))
    assert seen == [4]


def test_stop_does_not_wait_for_another_process_to_leave_the_folder(task, tmp_path):
    (tmp_path / "run").mkdir()
    with (
        FileLock(tmp_path / "run" / ".lock"),
        pytest.raises(Interrupted, match="before it began"),
    ):
        run_task(task, should_stop=lambda: True)
