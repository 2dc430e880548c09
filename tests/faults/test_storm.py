"""Kills at random moments, from an empty folder on: the study ends as an undisturbed one does."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time

import pytest
from fault_lab import Lab, Server, examples, serving

pytestmark = pytest.mark.faults

KILLS = examples(500)
"""With each kind of store."""
RUN = ("run", "--study", "tiny", "--jobs", "2")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, migrated_database):
    lab = Lab(tmp_path_factory.mktemp("undisturbed"))
    lab.write_study(num_images=8_000, seeds=2)
    code, said = lab.bench(*RUN, timeout=300)
    assert code == 0, said
    assert lab.doubled() == []
    return lab.values(), lab.curves()


def children(pid: int) -> list[int]:
    """The worker processes of a command."""
    told = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "spawn_main"], capture_output=True, text=True, check=False
    )
    return [int(line) for line in told.stdout.split()]


def group(pid: int) -> list[str]:
    """The processes of a command that are still there."""
    told = subprocess.run(["pgrep", "-g", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.split()


def kill_again_and_again(lab: Lab, chance: random.Random, kills: int, server: Server | None) -> int:
    """The command is begun again after each kill of it, until it ends; the kills that hit."""
    hit = 0
    while True:
        process = lab.start(*RUN)
        hit += kill_until_it_ends(process, chance, kills - hit, server)
        deadline = time.monotonic() + 60
        while group(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert group(process.pid) == []  # workers notice that their driver is gone
        assert process.stdout is not None
        said = process.stdout.read()
        if server and process.returncode == 2 and "does not open" in said:
            continue  # it was killed before the command had begun
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, said
            return hit


def kill_until_it_ends(
    process: subprocess.Popen[str], chance: random.Random, kills: int, server: Server | None
) -> int:
    """Of driver, worker or server one at a time; how many."""
    victims = ["driver", "driver", "worker", "server" if server else "worker"]
    for hit in range(kills):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.expovariate(1 / 4))
            return hit
        victim = chance.choice(victims)
        workers = children(process.pid)
        if victim == "server" and server is not None:
            server.kill()
            time.sleep(chance.uniform(0, 3))
            server.serve()
        elif victim == "worker" and workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
        else:
            process.kill()
            process.wait()
            return hit + 1
    process.wait(600)
    return kills


@pytest.mark.parametrize("served", [False, True], ids=["sqlite", "server"])
def test_a_study_killed_at_random_moments_ends_as_an_undisturbed_one(
    tmp_path, migrated_database, undisturbed, served
):
    chance = random.Random(13 + served)
    hit = study = 0
    while hit < KILLS:
        folder = tmp_path / f"study{study}"
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(serving(folder, migrated_database)) if served else None
            lab = Lab(folder, server.uri if server else None)
            lab.write_study(num_images=8_000, seeds=2)
            hit += kill_again_and_again(lab, chance, KILLS - hit, server)
            assert (lab.values(), lab.curves()) == undisturbed
            assert lab.doubled() == []
        study += 1
