"""Processes that are asked to stop, or killed: they end in time, and nothing of theirs stays behind."""

import os
import signal
import socket
import subprocess
import time

import pytest
from fault_lab import Lab, one_sentence

pytestmark = pytest.mark.faults

LONG = ("--set", "num_images=40000000", "--set", "num_logs=4", "--set", "num_validations=1")
"""Hours of training, whose next log is far away."""


@pytest.fixture
def lab(tmp_path, store_uri):
    return Lab(tmp_path, store_uri)


def wait_until(condition, seconds=150.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)
    return found


def processes_of(group):
    """Those of a command's process group, its workers among them."""
    found = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def workers_of(driver):
    words = ["pgrep", "-P", str(driver), "-f", "spawn_main"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def is_training(lab, count=1):
    """Whether so many runs have taken their locks, and some steps."""
    wait_until(lambda: len(list(lab.folder.glob("runs/*/*/.lock"))) >= count)
    time.sleep(4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_training_with_distant_logs_stops_at_once_and_is_kept(lab, number):
    process = lab.start("train", "vae_mlp", "--dataset", "digits", *LONG)
    is_training(lab)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; the same command continues" in one_sentence(said)
    assert list(lab.folder.glob("runs/train/*/last.pt"))


def test_study_stops_its_workers_together_and_keeps_what_they_trained(lab):
    lab.write_study(num_images=40_000_000, seeds=1)
    process = lab.start("run", "--study", "tiny", "--jobs", "2")
    is_training(lab, 2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    wait_until(lambda: processes_of(process.pid) == [], seconds=30)
    assert len(list(lab.folder.glob("runs/*/*/last.pt"))) == 2


@pytest.mark.parametrize("while_training", [False, True])
def test_driver_that_is_killed_leaves_no_worker(lab, while_training):
    lab.write_study(num_images=40_000_000, seeds=1)
    process = lab.start("run", "--study", "tiny", "--jobs", "2")
    if while_training:
        is_training(lab, 2)
    else:
        wait_until(lambda: len(workers_of(process.pid)) == 2)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: processes_of(process.pid) == [], seconds=30)
    assert len(list(lab.folder.glob("runs/*/*/last.pt"))) == (2 if while_training else 0)


def test_worker_killed_while_it_starts_is_replaced_and_no_run_is_lost(lab):
    lab.write_study(num_images=2_000, seeds=1)
    process = lab.start("run", "--study", "tiny", "--jobs", "2")
    worker = wait_until(lambda: workers_of(process.pid))[0]
    time.sleep(0.3)
    os.kill(worker, signal.SIGKILL)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert [(arm, seed) for arm, seed, _ in lab.values()] == [("gan", 0), ("vae", 0)]
    assert "died" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_page_of_the_runs_takes_its_server_with_it(lab, number):
    lab_store_has_something(lab)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = lab.start("ui", "--port", str(port))
    wait_until(lambda: answers(port), 90)
    os.kill(process.pid, number)
    process.wait(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    wait_until(lambda: not answers(port), 30)
    wait_until(lambda: not mentioning(f"--port {port}"), 30)


def lab_store_has_something(lab):
    from bench.tracking.mlflow import Store

    Store(lab.uri).experiment("train")


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def mentioning(words):
    found = subprocess.run(
        ["pgrep", "-f", "--", words], capture_output=True, text=True, check=False
    )
    return found.stdout.split()
