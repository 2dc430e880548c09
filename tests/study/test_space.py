"""What runs take of a disk is known before they begin, and compared with what is free."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from training_runs import small

from bench.errors import UsageError
from bench.study.space import require_space, space_line, space_of
from bench.training.checkpoint import BEST, LAST, Progress, save_best, save_last
from bench.training.parts import build, reference_data
from bench.training.trainer import Trainer


@pytest.fixture(scope="module")
def reference():
    return reference_data("digits", "auto", torch.device("cpu"))


@pytest.mark.parametrize("model", ["vae", "gan"])
def test_checkpoints_take_what_was_estimated(tmp_path, reference, model):
    config = small(model, num_images=64, num_logs=1, num_validations=1, width=16)
    trainable = build(config, reference)
    trainer = Trainer(trainable, reference.images("train"), None, config.train)
    next(iter(trainer))
    save_last(tmp_path, trainer, Progress())
    save_best(tmp_path, trainable.modules)
    written = sum((tmp_path / name).stat().st_size for name in (LAST, BEST))
    trial, run = (space_of(config, stage, reference.spec) for stage in ("trial", "run"))
    pictures = 2 * (110_000 + 80 * 64)
    # Beside the numbers there are names, 60 kB of them for so small a network.
    assert run.beside + run.root - trial.root - pictures == pytest.approx(written, abs=60_000)


def space(monkeypatch, free, uri="sqlite:///store/mlflow.db", root=Path("runs")):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    spec, told = reference_data("digits", "auto", torch.device("cpu")).spec, []
    run = (small(), "run", root / "a-run")
    require_space([run] * 3, spec, root=root, store=uri, jobs=1, say=told.append)
    return told


def test_what_cannot_fit_is_refused_in_one_sentence(monkeypatch):
    said = r"needs about \d.* MB of disk space in 'runs', where 1 MB are free: free some, or choose"
    with pytest.raises(UsageError, match=said):
        space(monkeypatch, 1e6)


def test_what_will_be_close_is_said_and_what_fits_is_not(monkeypatch):
    (said,) = space(monkeypatch, 8e6)
    assert "which is close" in said
    assert space(monkeypatch, 1e9) == []


def test_what_a_run_that_has_begun_holds_already_is_not_needed_again(monkeypatch, tmp_path):
    with pytest.raises(UsageError):
        space(monkeypatch, 7e6, root=tmp_path)
    (tmp_path / "a-run" / "pictures").mkdir(parents=True)
    (tmp_path / "a-run" / "pictures" / "samples.png").write_bytes(bytes(600_000))
    space(monkeypatch, 7e6, root=tmp_path)


def test_store_elsewhere_takes_no_space_here(monkeypatch):
    with pytest.raises(UsageError):
        space(monkeypatch, 6e6)
    assert space(monkeypatch, 6e6, uri="http://localhost:5000") == []


def test_sizes_are_said_beforehand(reference):
    said = r"disk: about 1\.3 MB of checkpoints and pictures, 2\.4 MB of tracking"
    assert re.fullmatch(said, space_line([(small(), "run")], reference.spec))
