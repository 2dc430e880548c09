"""Seeds by purpose, and signals that ask instead of breaking."""

import os
import re
import resource
import signal
import subprocess
import sys

import pytest
import torch

from bench import runtime
from bench.errors import UsageError
from bench.runtime import (
    DeviceRng,
    environment,
    generator,
    instructions,
    prepare,
    resolve_device,
    seeded_modules,
    stop_requests,
    stream_seed,
)


def test_streams_of_different_purposes_differ_and_each_repeats():
    assert stream_seed("order", 0, 1) == stream_seed("order", 0, 1)
    assert (
        len({stream_seed("order", 0, 1), stream_seed("order", 1, 0), stream_seed("init", 0)}) == 3
    )


def test_module_weights_leave_torchs_generator_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    with seeded_modules(0):
        torch.nn.Linear(2, 2)
    assert torch.equal(torch.rand(1), expected)


def test_noise_has_the_ranges_it_promises():
    noise = DeviceRng(generator("a"))
    assert noise.uniform(1000).min() >= 0
    assert noise.uniform(1000).max() < 1
    assert set(noise.integers(3, 200).tolist()) == {0, 1, 2}
    assert noise.normal(2, 3).shape == (2, 3)


def test_a_run_says_what_decides_its_last_bits(monkeypatch):
    prepare(2)
    cpu = environment(torch.device("cpu"))
    assert (cpu["device"], cpu["threads"], cpu["deterministic"]) == ("cpu", "2", "True")
    assert cpu["instructions"] == instructions() != ""
    gpu = environment(torch.device("cuda"))
    assert (gpu["device"], gpu["deterministic"]) == ("cuda", "False")
    assert "instructions" not in gpu
    prepare(deterministic=True)
    assert environment(torch.device("cuda"))["deterministic"] == "True"
    assert torch.backends.cudnn.deterministic
    prepare()
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")
def test_memory_that_each_step_frees_is_not_asked_of_the_system_again():
    prepare()
    pages = []
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(8, 2**20)
        pages.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    assert min(pages) < 1_000  # of 8,192


def test_unknown_device_is_told():
    with pytest.raises(UsageError, match="unknown device 'gpu': did you mean 'cuda'"):
        resolve_device("gpu")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_and_the_second_interrupts(number):
    before = signal.getsignal(number)
    with stop_requests() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), number)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one commit, whose package asks for it."""
    for name in ("bench/runtime.py", "studies/own.py", "reports/own/README.md"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("as it was\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(runtime, "__file__", str(tmp_path / "bench" / "runtime.py"))
    return tmp_path


def test_checkout_as_committed_gives_its_commit_whatever_is_written_beside_the_code(checkout):
    (checkout / "reports/own/README.md").write_text("another report\n")
    (checkout / "mlflow.db").write_text("")
    assert re.fullmatch("[0-9a-f]{12}", runtime.git_commit())
    assert runtime.provenance_warning() == ""


def test_code_that_no_commit_has_is_said_with_its_files_before_runs_are_made(checkout):
    commit = runtime.git_commit()
    (checkout / "studies/own.py").write_text("changed\n")
    (checkout / "bench/new.py").write_text("")  # imported all the same, though git does not know it
    assert runtime.git_commit() == f"{commit}-dirty"
    warning = runtime.provenance_warning()
    assert "(bench/new.py, studies/own.py)" in warning
    assert f"recorded as {commit}-dirty: commit first" in warning
    for number in range(6):
        (checkout / f"bench/{number}.py").write_text("")
    assert "bench/4.py and 3 more)" in runtime.provenance_warning()


def test_runs_of_another_commit_that_are_there_already_are_said(checkout):
    now = runtime.git_commit()
    assert runtime.provenance_warning([now, now]) == ""
    said = runtime.provenance_warning([now, "0123456789ab", ""])
    assert said.startswith("runs that are there already are of 0123456789ab, what is left to run")
    assert f"will be of {now}: for a report of one commit, go back to that code" in said


def test_package_outside_a_checkout_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "__file__", str(tmp_path / "bench" / "runtime.py"))
    assert (runtime.git_commit(), runtime.provenance_warning()) == ("unknown", "")
