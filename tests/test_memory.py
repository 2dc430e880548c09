"""How much memory there is."""

import resource

import pytest
import torch

from bench import memory
from bench.memory import memory_there, size_text

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (512, "512 bytes"),
        (3.2e12, "3.2 TB"),
        (24_600_000_000, "25 GB"),
        (999_600, "1 MB"),
        (5e20, "500,000 PB"),
    ],
)
def test_sizes_are_told_with_two_digits(count, text):
    assert size_text(count) == text


def test_the_smallest_limit_counts(monkeypatch):
    free = memory_there(CPU)
    assert free > 2**20
    monkeypatch.setattr(memory, "_free_of_group", lambda: 12_345)
    assert memory_there(CPU) == 12_345


def test_limit_of_the_address_space_counts(monkeypatch):
    in_use = memory._free_of_process()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**46, 2**46))
    assert in_use is None
    assert 2**45 < memory._free_of_process() < 2**46


@pytest.mark.parametrize(
    ("own", "folder", "limit", "used"),
    [
        ("0::/user/7", "user/7", "memory.max", "memory.current"),
        ("4:memory:/job", "memory/job", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("0::/not/seen/here", "", "memory.max", "memory.current"),
    ],
)
def test_control_groups_of_both_kinds_are_read(own, folder, limit, used, tmp_path, monkeypatch):
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / limit).write_text("5000\n")
    (place / used).write_text("3000\n")
    (place / "memory.stat").write_text("anon 1\ninactive_file 400\n")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    read = memory._text
    monkeypatch.setattr(
        memory, "_text", lambda path: own if str(path) == "/proc/self/cgroup" else read(path)
    )
    assert memory._free_of_group() == 2400
    (place / limit).write_text("max\n")
    assert memory._free_of_group() is None
