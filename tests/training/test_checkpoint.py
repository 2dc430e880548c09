"""What a run leaves in its folder, read back."""

import json

import pytest
import torch
from training_runs import small

from bench.errors import Interrupted
from bench.evaluation.view import draw
from bench.files import read_record
from bench.logger import NullLogger
from bench.records import TrialResult
from bench.runtime import DeviceRng, generator
from bench.training import checkpoint
from bench.training.checkpoint import LAST, RESULT, load_result, read_state, save_result
from bench.training.parts import build, reference_data, restore
from bench.training.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reference():
    return reference_data("digits", "auto", CPU)


def test_checkpoint_of_an_older_version_is_continued(tmp_path, reference):
    config = small()
    run = Run(
        config=config,
        reference=reference,
        folder=tmp_path,
        logger=NullLogger(),
        should_stop=lambda: True,
    )
    with pytest.raises(Interrupted):
        run.execute()
    state = read_state(tmp_path / LAST, CPU)
    for new in ("logs", "curve"):
        del state["progress"][new]
    torch.save(state, tmp_path / LAST)
    result = Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger()).execute()
    assert result.warnings is not None


def test_restored_model_samples_as_the_run_ended(tmp_path, reference):
    config = small()
    run = Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger())
    run.execute()
    restored, fresh = restore(config, reference, tmp_path), build(config, reference)
    same, other = (
        draw(t.modules, t.eval_fns, 4, DeviceRng(generator("s"))) for t in (restored, fresh)
    )
    state = read_state(tmp_path / LAST, CPU)["trainer"]["modules"]
    fresh.modules["decoder"].load_state_dict(state["decoder"])
    again = draw(fresh.modules, fresh.eval_fns, 4, DeviceRng(generator("s")))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_result_on_disk_is_plain_json(tmp_path, reference):
    Run(
        config=small(num_images=320), reference=reference, folder=tmp_path, logger=NullLogger()
    ).execute()
    stored = json.loads((tmp_path / "result.json").read_text())["content"]
    assert stored["status"] in {"ok", "collapsed"}
    assert list(tmp_path.rglob("*.partial")) == []


def test_result_is_read_once_while_its_file_is_the_same(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(
        checkpoint, "read_record", lambda p, **k: reads.append(p) or read_record(p, **k)
    )
    assert load_result(tmp_path) is None
    for status in ("ok", "failed"):
        save_result(tmp_path, TrialResult(status=status))
        assert [load_result(tmp_path).status for _ in range(3)] == [status] * 3
    (tmp_path / RESULT).write_text("{}x")
    assert load_result(tmp_path) is None
    assert len(reads) == 3
