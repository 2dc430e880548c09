"""Images that no memory holds come batch by batch, as the same bits and with few pages kept."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import datasets
from bench.datasets import _packed, _remembered
from bench.evaluation import stored
from bench.evaluation.reference import ReferenceData
from bench.evaluation.stored import Stored, placed
from bench.models import configure
from bench.training.parts import build
from bench.training.trainer import Trainer

CPU = torch.device("cpu")
X, Y = np.random.default_rng(0).integers(0, 256, (5_000, 1, 28, 28), np.uint8), np.arange(5_000) % 4


@pytest.fixture
def name(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(_remembered, "SETTLED_SECONDS", -3600)
    np.savez(tmp_path / "x.npz", x=X, y=Y)
    return f"npz:{tmp_path / 'x.npz'}"


@pytest.fixture
def larger(name, monkeypatch):
    """The same images, as if memory were smaller."""
    datasets.load(name)
    monkeypatch.setattr(_packed, "host_memory", lambda: 1_000)
    return datasets.load(name)


def resident_bytes(path):
    """Pages of a file that this process holds."""
    said = Path("/proc/self/smaps").read_text()
    found = re.findall(rf"{path.name}\n(?:\w+: .*\n)*?Rss: +(\d+) kB", said)
    return 1024 * sum(map(int, found))


def test_batches_of_a_file_are_those_in_memory(name, larger):
    fits = ReferenceData(datasets.load(name), CPU, None)
    there = ReferenceData(larger, CPU, None)
    index = torch.randperm(len(there.images("train")))[:600]
    assert torch.equal(there.stored("train").take(index), fits.images("train")[index])
    for split in ("train", "val", "test"):
        assert torch.equal(there.images(split), fits.images(split))
        assert torch.equal(there.subset(split, 40)[0], fits.subset(split, 40)[0])


def test_what_memory_does_not_hold_is_read_without_keeping_its_pages(larger):
    train = ReferenceData(larger, CPU, None).stored("train")
    path = _packed.packed_path(larger.spec.digest)
    before = resident_bytes(path)
    for start in range(0, len(train), 100):
        train.take(torch.arange(start, min(start + 100, len(train))))
    assert resident_bytes(path) == before < 2**20 < train.all.nbytes
    train.all.sum()
    assert resident_bytes(path) > 2**20  # this is how it would be seen


def test_a_file_that_is_cut_while_it_is_read_is_told(larger):
    path = _packed.packed_path(larger.spec.digest)
    with path.open("r+b") as file:
        file.truncate(1_000)
    train = ReferenceData(larger, CPU, None).stored("train")
    with pytest.raises(OSError, match=r"was cut while it was read: .*\.u8"):
        train.take(torch.arange(10))


def test_training_on_a_file_is_training_on_memory_bit_by_bit(name, larger):
    states = []
    for splits in (datasets.load(name), larger):
        reference = ReferenceData(splits, CPU, None)
        config = configure("vae_mlp", {"hidden": "8", "num_images": 9_000, "num_logs": 4})
        trainer = Trainer(
            build(config, reference),
            reference.stored("train"),
            reference.labels("train"),
            config.train,
        )
        states.append(([*trainer], trainer.state_dict()["modules"]))
    (logs, memory), (others, file) = states
    assert logs == others
    assert all(torch.equal(memory[net][k], file[net][k]) for net in memory for k in memory[net])


def test_what_lies_in_a_file_is_no_process_own(name):
    assert ReferenceData(datasets.load(name), CPU, None).own_bytes == 0
    digits = ReferenceData(datasets.load("digits"), CPU, None)
    assert digits.own_bytes == 1_797 * 64


def test_a_device_takes_splits_as_long_as_half_of_its_memory_lasts(monkeypatch):
    monkeypatch.setattr(stored, "memory_there", lambda _: 2 * 5_000)
    parts = {
        k: datasets.Arrays(X[:n, :, :4, :4]) for k, n in {"a": 200, "b": 200, "c": 100}.items()
    }
    monkeypatch.setattr(stored, "_Pinned", lambda: None)
    found = placed(parts, torch.device("meta"), None)
    assert {k: v.all.device.type for k, v in found.items()} == {
        "a": "meta",
        "b": "cpu",
        "c": "meta",
    }


@pytest.mark.gpu
def test_batches_come_to_the_device_as_the_same_bits(larger, monkeypatch):
    monkeypatch.setattr(stored, "memory_there", lambda _: 0)
    device = torch.device("cuda")
    there = ReferenceData(larger, device, None).stored("train")
    assert there.all.is_cpu
    for n in (100, 100, 37, 100):
        index = torch.randperm(len(there))[:n]
        batch = there.take(index)
        assert batch.is_cuda
        assert torch.equal(batch.cpu(), there.all[index])
    assert isinstance(there, Stored)


def test_provenance_says_how_many_images_make_an_epoch():
    reference = ReferenceData(datasets.load("digits"), CPU, None)
    assert reference.provenance_tags()["train_images"] == "1000"
