"""Disks that are full, read-only or gone: one sentence, and with room the same numbers."""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from fault_lab import Lab, one_sentence

pytestmark = pytest.mark.faults

RUN = ("run", "--study", "tiny")


def mount(*arguments: str) -> bool:
    """Whether this user may do that."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.fixture
def disk(tmp_path):
    """A disk of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)):
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, migrated_database):
    """What the study gives where nothing happens."""
    lab = prepared(tmp_path_factory.mktemp("undisturbed"), migrated_database)
    code, said = lab.bench(*RUN, "--jobs", "2", timeout=300)
    assert code == 0, said
    return lab.values()


def prepared(folder: Path, database: Path) -> Lab:
    lab = Lab(folder)
    lab.write_study(num_images=2_000, seeds=1)
    shutil.copy(database, folder / "mlflow.db")
    return lab


def wait_for_checkpoint(lab: Lab, process) -> None:
    deadline = time.monotonic() + 300
    while not list(lab.folder.glob("runs/*/*/last.pt")):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fill(path: Path) -> None:
    """Takes all that is left of a disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4_096)):
            pass


def test_disk_that_fills_up_interrupts_and_with_room_the_study_ends(
    disk, migrated_database, undisturbed
):
    lab = prepared(disk, migrated_database)
    process = lab.start(*RUN, "--jobs", "2")
    wait_for_checkpoint(lab, process)
    fill(disk / "ballast")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "no space left on its disk: free some" in one_sentence(said)
    (disk / "ballast").unlink()
    code, said = lab.bench(*RUN, "--jobs", "2", timeout=300)
    assert code == 0, said
    assert lab.values() == undisturbed


def test_disk_that_is_read_only_or_gone_is_said(disk, tmp_path, migrated_database, undisturbed):
    lab = prepared(tmp_path / "home", migrated_database)
    assert mount("-o", "remount,ro", str(disk))
    root = ("--root", str(disk / "runs"))
    code, said = lab.bench(*RUN, *root, timeout=300)
    assert code == 1
    assert f"'{disk / 'runs'}" in one_sentence(said)
    assert "read-only" in one_sentence(said)

    process = lab.start(*RUN, "--jobs", "1")
    wait_for_checkpoint(lab, process)
    (lab.folder / "runs").rename(tmp_path / "elsewhere")  # at once: a removal races what is written
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "is gone" in one_sentence(said)
    code, said = lab.bench(*RUN, "--jobs", "2", timeout=300)
    assert code == 0, said
    assert lab.values() == undisturbed


def test_study_that_cannot_fit_is_not_begun(disk, migrated_database):
    lab = prepared(disk, migrated_database)
    lab.write_study(num_images=6_000, seeds=20)
    code, said = lab.bench(*RUN, "--jobs", "1", timeout=300)
    assert code == 2
    assert "what is left to run needs about" in one_sentence(said)
    assert not list(disk.glob("runs/*/*/last.pt"))
