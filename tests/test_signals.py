"""A command that ends with the process that started it, however that ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from bench import signals

SERVER = "import os, time; print(os.getpgrp(), flush=True); time.sleep(600)"
STARTER = (
    "import os, sys; from bench.signals import run_guarded;"
    "sys.exit(run_guarded(sys.argv[1:], dict(os.environ)))"
)


def members(group):
    found = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_server_ends_with_its_starter(number):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, sys.executable, "-c", SERVER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    group = int(starter.stdout.readline())
    assert len(members(group)) == 2  # the server and its guard
    starter.send_signal(number)
    starter.wait(timeout=10)
    deadline = time.monotonic() + 10
    while members(group):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_exit_code_of_a_guarded_command_is_its_own():
    code = "import sys; sys.exit(3)"
    assert signals.run_guarded([sys.executable, "-c", code], dict(os.environ)) == 3


def test_hangup_that_is_ignored_as_under_nohup_stops_nothing():
    assert signal.SIGHUP in signals.stop_signals()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signals.stop_signals() == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)
