"""What of a run's folder is damaged is moved aside, said, and made again to the same bits."""

import json
import os
from pathlib import Path

import pytest
import torch
from damages import (
    CPU,
    DAMAGES,
    copied,
    cut,
    finished_and_begun,
    folder,
    link,
    numbers,
    run,
    turned,
)

from bench.training.checkpoint import (
    BEST,
    LAST,
    RESULT,
    TEST_READS,
    count_test_read,
    examine,
    load_result,
    read_state,
    require_folder,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return finished_and_begun(tmp_path_factory.mktemp("kept"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("name", "state"), [(LAST, "new"), (BEST, "new"), (RESULT, "begun")])
def test_damaged_file_is_moved_aside_and_said(kept, tmp_path, capfd, damage, name, state):
    place = copied(kept, "finished" if name == RESULT else "begun", tmp_path)
    damage(place / name)
    assert examine(place) == state
    said = capfd.readouterr().err
    assert f"{name}' " in said
    assert said.count("\n") == (2 if name == BEST else 1)
    assert os.path.lexists(place / f"{name}.damaged")
    assert examine(place) == state
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", [LAST, BEST, RESULT])
def test_what_was_damaged_is_made_again_to_the_same_bits(kept, tmp_path, name):
    place = copied(kept, "finished" if name == RESULT else "begun", tmp_path)
    cut(place / name)
    examine(place)
    assert numbers(run(place).execute()) == numbers(kept[1])


def test_best_state_that_is_gone_takes_the_last_one_with_it(kept, tmp_path):
    place = copied(kept, "begun", tmp_path)
    (place / BEST).unlink()
    assert examine(place) == "new"
    assert numbers(run(place).execute()) == numbers(kept[1])


def test_folder_in_place_of_the_best_state_is_moved_aside_from_a_new_run_too(kept, tmp_path):
    place = copied(kept, "begun", tmp_path)
    (place / LAST).unlink()
    folder(place / BEST)
    assert examine(place) == "new"
    assert not (place / BEST).exists()


def test_whole_files_are_left_alone(kept, tmp_path, capfd):
    assert examine(copied(kept, "finished", tmp_path)) == "finished"
    assert examine(copied(kept, "begun", tmp_path)) == "begun"
    assert examine(tmp_path) == "new"
    assert capfd.readouterr().err == ""
    assert not list(tmp_path.rglob("*.damaged"))


def test_half_written_files_of_writers_that_were_killed_are_removed(kept, tmp_path):
    place = copied(kept, "begun", tmp_path)
    left = place / f".{LAST}.{2**22 + 1}.partial"
    written = place / f".{LAST}.{os.getppid()}.partial"
    for path in (left, written):
        path.write_bytes(b"half")
    examine(place)
    assert not left.exists()
    assert written.exists()


def test_files_without_a_seal_are_read_as_before(kept, tmp_path):
    place = copied(kept, "finished", tmp_path)
    stored = json.loads((place / RESULT).read_text())["content"]
    (place / RESULT).write_text(json.dumps(stored))
    assert load_result(place) == kept[1]
    torch.save(read_state(place / LAST, CPU), place / LAST)
    assert read_state(place / LAST, CPU) is not None
    (place / RESULT).unlink()
    assert examine(place) == "begun"
    cut(place / LAST)
    assert examine(place) == "new"


def test_state_of_another_model_without_a_seal_is_moved_aside(kept, tmp_path, capfd):
    place = copied(kept, "begun", tmp_path)
    state = read_state(place / LAST, CPU)
    state["trainer"]["modules"] = {"encoder": {}}
    torch.save(state, place / LAST)
    assert examine(place) == "begun"
    assert numbers(run(place).execute()) == numbers(kept[1])
    assert "does not fit the model" in capfd.readouterr().err


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to(path.parent)])
def test_what_is_no_folder_of_a_run_is_moved_aside(tmp_path, make, capfd):
    make(tmp_path / "run")
    require_folder(tmp_path / "run")
    assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").is_symlink()
    assert "kept as run.damaged" in capfd.readouterr().err


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path.parent)])
def test_what_is_no_lock_is_moved_aside(tmp_path, make):
    make(tmp_path / ".lock")
    require_folder(tmp_path)
    assert not os.path.lexists(tmp_path / ".lock")


@pytest.mark.parametrize("damage", DAMAGES)
def test_count_of_test_reads_begins_anew_where_damaged(tmp_path, damage, capfd):
    place = tmp_path / "run"
    place.mkdir()
    assert [count_test_read(place, known) for known in (0, 0, 5)] == [1, 2, 6]
    assert (
        damage(place / TEST_READS) if damage is not link else turned(place / TEST_READS)
    ) is None
    assert count_test_read(place, 2) == 3
    assert capfd.readouterr().err.count("\n") == 1


def test_plain_text_of_before_is_read(tmp_path):
    (tmp_path / TEST_READS).write_text("4")
    assert count_test_read(tmp_path, 0) == 5
