"""What a process holds of its images at most: once their size, of those larger than memory nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.datasets import _remembered

SHAPE = (200_000, 28, 28)
SIZE = SHAPE[0] * SHAPE[1] * SHAPE[2]

LOADED = """
import sys
import torch
import bench.datasets._packed as packed
from bench.evaluation.reference import ReferenceData
from bench import datasets

def held(what):
    with open("/proc/self/status") as said:
        return next(int(line.split()[1]) * 1024 for line in said if line.startswith(what))

before = held("VmRSS:")
open("/proc/self/clear_refs", "w").write("5")  # the highest so far is forgotten
if sys.argv[2] == "larger":
    packed.host_memory = lambda: 10**6
splits = datasets.load(sys.argv[1])
train = ReferenceData(splits, torch.device("cpu"), None).stored("train")
for index in torch.randperm(len(train)).split(128):
    train.take(index)
assert splits.packed is not None
assert splits.packed.fits is (sys.argv[2] == "fits")
print(held("VmHWM:") - before)
"""


def highest(name: str, how: str) -> float:
    """Bytes of a new process that loads the images and takes each once, beside those of its code."""
    script = [sys.executable, "-c", LOADED, name, how]
    return float(subprocess.run(script, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
def test_images_are_held_once_and_those_larger_than_memory_not_at_all(
    tmp_path: Path, data_home: Path
) -> None:
    x = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(len(x)) % 10)
    del x
    long_ago = time.time() - 60 - _remembered.SETTLED_SECONDS
    os.utime(tmp_path / "x.npz", (long_ago, long_ago))
    time.sleep(_remembered.SETTLED_SECONDS)  # the time of its name is the kernel's
    name = f"npz:{tmp_path / 'x.npz'}"
    few = 2**24  # of indices, blocks and Python's own
    assert highest(name, "fits") < 1.1 * SIZE + few  # by the one that reads the npz
    assert (data_home / "images").is_dir()
    assert 0.8 * SIZE < highest(name, "fits") < SIZE + few
    assert highest(name, "larger") < few
