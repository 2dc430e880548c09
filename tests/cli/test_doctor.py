"""`bench doctor`: what is looked at, what is broken, and the remedy."""

import re
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from bench.cli import doctor as cli_doctor
from bench.cli.doctor import Finding, _disk, _fits, _locks, _processors, _torch, _tracking, doctor


@pytest.fixture
def without_torchvision(monkeypatch):
    """Its import takes a second."""
    monkeypatch.setattr("bench.torchvision_import.import_torchvision", lambda: None)


@pytest.mark.usefixtures("without_torchvision")
def test_machine_that_runs_the_tests_is_well_and_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    said = []
    found = doctor(say=said.append)
    assert found["ok"], found
    assert said[-1] == "runs can be made here"
    looked = [one["what"] for one in found["found"]]
    for what in ("bench", "python", "packages", "torch", "torchvision", "gpu", "precision"):
        assert what in looked
    for what in ("folder of runs", "data folder", "data sets", "detectors", "tracking", "locks"):
        assert what in looked
    assert list(tmp_path.iterdir()) == []


def test_what_is_broken_is_named_with_its_remedy_and_hides_nothing_else(monkeypatch):
    def _fails(*_):
        raise OSError("no such thing")

    def _finds(*_):
        yield Finding(what="torch", said="2.9", remedy="install 2.13", ok=False)
        yield Finding(what="gpu", said="none")

    monkeypatch.setattr(cli_doctor, "LOOKS", (_fails, _finds))
    said = []
    found = doctor(say=said.append)
    assert not found["ok"]
    assert said[-1] == "runs cannot be made here: fails, torch"
    assert "torch: install 2.13" in said
    assert [line.split() for line in said[:3]] == [
        ["BROKEN", "fails", "OSError:", "no", "such", "thing"],
        ["BROKEN", "torch", "2.9"],
        ["ok", "gpu", "none"],
    ]


@pytest.mark.parametrize(
    ("number", "is_in"),
    [("2.11", True), ("2.13.0+cpu", True), ("2.9.1", False), ("2.14.0", False), ("2.100", False)],
)
def test_version_is_compared_number_by_number(number, is_in):
    assert _fits(number, ">=2.11,<2.14") is is_in


@pytest.mark.usefixtures("without_torchvision")
def test_torch_of_another_version_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(cli_doctor, "_version", lambda _: "2.9.0")
    monkeypatch.setattr(cli_doctor, "_range", lambda _: ">=2.11,<2.14")
    found = next(iter(_torch()))
    assert not found.ok
    assert found.said == "2.9.0 (wanted >=2.11,<2.14)"
    assert found.remedy == 'pip install "torch>=2.11,<2.14"'


def test_torchvision_that_does_not_import_is_told(monkeypatch):
    def fail():
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("bench.torchvision_import.import_torchvision", fail)
    found = list(_torch())[-1]
    assert not found.ok
    assert "(RuntimeError: operator torchvision::nms does not exist)" in found.said
    assert "so that both are of one build" in found.remedy


def test_disk_that_is_nearly_full_or_closed_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cli_doctor.shutil, "disk_usage", lambda _: type("U", (), {"free": 10**9}))
    runs, _ = _disk(tmp_path / "not" / "there", None)
    assert runs.ok
    assert runs.said == f"{tmp_path / 'not' / 'there'}, 1 GB free"
    assert runs.remedy.startswith("free some")
    (tmp_path / "file").write_text("")
    runs, _ = _disk(tmp_path / "file", None)
    assert not runs.ok
    assert runs.remedy == "make it writable, or name another with --root"


def test_store_that_is_there_is_counted_and_one_that_is_not_is_not_made(store_uri, tmp_path):
    (found,) = _tracking(Path("runs"), store_uri)
    assert found == Finding(what="tracking", said=f"{store_uri}, 0 experiments")
    (found,) = _tracking(Path("runs"), "sqlite:///other.db")
    assert found.said == f"no store yet: the first run makes '{tmp_path / 'other.db'}'"
    assert not (tmp_path / "other.db").exists()
    (found,) = _tracking(Path("runs"), "store")
    assert not found.ok
    assert "names no store" in found.said


def test_study_that_is_at_work_is_named_until_it_ends(tmp_path):
    study = tmp_path / "runs" / "depth_sweep-classroom-digits"
    study.mkdir(parents=True)
    with FileLock(study / ".driver.lock"):
        (found,) = _locks(tmp_path / "runs", None)
        assert found.said == f"at work: {study}"
        assert found.remedy.startswith("wait for it")
    (found,) = _locks(tmp_path / "runs", None)
    assert found == Finding(what="locks", said=f"nothing is at work under '{tmp_path / 'runs'}'")


DRIVER = (
    "this machine has NVIDIA's driver, and torch .* is a build without CUDA: install torch's CUDA"
)


@pytest.mark.parametrize(
    ("driver", "cuda", "hidden", "remedy"),
    [
        (None, None, None, "^$"),
        (None, "12.8", "0", "^$"),
        ("nvidia-smi", None, "0", DRIVER),
        ("nvidia-smi", "12.8", "", "^CUDA_VISIBLE_DEVICES is '': unset it$"),
        (
            "nvidia-smi",
            "12.8",
            None,
            "^torch was built for CUDA 12.8 and sees no GPU: update the d",
        ),
    ],
)
def test_gpu_that_is_not_seen_is_told_with_what_hides_it(monkeypatch, driver, cuda, hidden, remedy):
    monkeypatch.setattr(cli_doctor.shutil, "which", lambda _: driver)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    gpu = next(each for each in _processors() if each.what == "gpu")
    assert (gpu.said, gpu.ok) == ("none, runs go to the processor", True)
    assert re.search(remedy, gpu.remedy)


@pytest.mark.parametrize(
    ("unit", "said", "remedy"),
    [
        ("tensor cores", "bf16 in tensor cores", "--set precision=auto takes bf16 on this cuda w"),
        ("", "fp32 alone", ""),
    ],
)
def test_gpus_are_told_with_their_number_name_memory_and_precision(monkeypatch, unit, said, remedy):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a card of {device.type}")
    monkeypatch.setattr(cli_doctor, "memory_there", lambda _: 80 * 10**9)
    monkeypatch.setattr(
        "bench.training.precision.bf16_unit", lambda device: unit if device.type == "cuda" else "x"
    )
    found = {each.what: each for each in _processors()}
    assert found["gpu"].said == "2 x a card of cuda, 80 GB free"
    assert found["precision"].said == said
    assert found["precision"].remedy.startswith(remedy)
    assert all(each.ok for each in found.values())
