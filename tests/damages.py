"""What may happen to a file, and a small run to whose files it happens."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from training_runs import small

from bench.errors import Interrupted
from bench.logger import NullLogger
from bench.training.checkpoint import BEST
from bench.training.parts import reference_data
from bench.training.run import Run

CPU = torch.device("cpu")
CONFIG = {"num_images": 640, "num_logs": 4, "num_validations": 2}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def turned(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(3_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def another(path: Path) -> None:
    """The same file of another run."""
    text = path.read_bytes()
    path.write_bytes(text.replace(path.parent.name.encode(), b"another", 1))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def link(path: Path) -> None:
    outside = path.parent.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = [cut, turned, garbage, empty, another, folder, link, pipe]


def run(place: Path, should_stop=lambda: False, model="vae") -> Run:
    """A run in that folder."""
    return Run(
        config=small(model, **CONFIG),
        reference=reference_data("digits", "auto", CPU),
        folder=place,
        logger=NullLogger(),
        should_stop=should_stop,
    )


def finished_and_begun(base: Path):
    """A finished run, and the same one stopped after its first validation; the first one's result."""
    begun = base / "begun" / "run"
    result = run(base / "finished" / "run").execute()
    with pytest.raises(Interrupted):
        run(begun, (begun / BEST).exists).execute()
    return base, result


def copied(kept, name, tmp_path) -> Path:
    shutil.copytree(kept[0] / name, tmp_path / name)
    return tmp_path / name / "run"


def numbers(result):
    return {k: v for k, v in result.metrics.items() if not k.endswith("_seconds")}
