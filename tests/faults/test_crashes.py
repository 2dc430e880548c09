"""A process killed at any write, sync or rename, and files damaged in any way: the same numbers."""

import contextlib
import io
import os
import pathlib
import signal
from pathlib import Path

import pytest
from damages import CPU, DAMAGES, copied, finished_and_begun, numbers, run
from fault_lab import examples
from hypothesis import given, settings, strategies as st

from bench.errors import UsageError
from bench.training.checkpoint import examine
from bench.training.parts import reference_data, restore_run

pytestmark = pytest.mark.faults


class Deadly:
    """Kills this process before or amid the n-th thing that it does to a file; 0 only counts.

    Args:
        n: Which.
        folder: Files elsewhere are not counted.
    """

    def __init__(self, n: int, folder: Path) -> None:
        self.n, self.folder, self.count = n, str(folder), 0
        for name in ("replace", "rename", "unlink"):
            setattr(os, name, self._deadly(getattr(os, name)))
        os.fsync = self._deadly(os.fsync, always=True)
        opened = io.open

        def watched(file, mode="r", *more, **options):
            found = opened(file, mode, *more, **options)
            return Written(found, self) if self._counts(file) and "r" not in mode else found

        pathlib.io.open = watched

    def step(self) -> None:
        self.count += 1
        if self.count == self.n:
            os.kill(os.getpid(), signal.SIGKILL)

    def _counts(self, path) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder)

    def _deadly(self, function, *, always=False):
        def watched(path, *more, **options):
            if always or self._counts(path):
                self.step()
            return function(path, *more, **options)

        return watched


class Written:
    """A file in whose writing a process may die with half of it written."""

    def __init__(self, file, deadly) -> None:
        self._file, self._deadly = file, deadly

    def write(self, content) -> None:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._deadly.step()
        self._file.write(content[half:])

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._file.close()


def forked(n: int, folder: Path, told: Path) -> int:
    """How a child process ended that ran in the folder; it tells how many places it may die at."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        deadly = Deadly(n, folder)
        examine(folder)
        run(folder, model="gan").execute()
        told.write_text(str(deadly.count))
        os._exit(0)
    finally:
        os._exit(1)


def test_process_that_is_killed_anywhere_continues_to_the_same_bits(tmp_path):
    reference_data("digits", "auto", CPU)
    whole, told = tmp_path / "whole" / "run", tmp_path / "told"
    whole.mkdir(parents=True)
    assert forked(0, whole, told) == 0
    right, places = numbers(run(whole, model="gan").execute()), int(told.read_text())
    assert places > 20
    step = max(1, places // examples(500))
    for n in range(1, places + 1, step):
        place = tmp_path / str(n) / "run"
        place.mkdir(parents=True)
        ended = forked(n, place, told)
        assert ended in {0, signal.SIGKILL}  # features of real images are written once
        examine(place)
        assert numbers(run(place, model="gan").execute()) == right, n
        assert not [
            path for path in place.iterdir() if path.name.endswith((".partial", ".damaged"))
        ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return finished_and_begun(tmp_path_factory.mktemp("kept"))


def damaged(path: Path, data) -> None:
    """Some damage to a file: one that has a name, or bytes that are turned, cut or put in."""
    named = data.draw(st.sampled_from([*DAMAGES, None]))
    if named is not None:
        named(path)
        return
    content = path.read_bytes()
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    path.write_bytes(content[:start] + data.draw(st.binary(max_size=50)) + content[stop:])


@given(data=st.data())
@settings(max_examples=examples(1_000))
def test_run_whose_files_are_damaged_in_any_way_ends_with_the_same_numbers(
    kept, tmp_path_factory, data
):
    base = tmp_path_factory.mktemp("damaged")
    place = copied(kept, data.draw(st.sampled_from(["finished", "begun"])), base)
    files = sorted(place.iterdir())
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=3, unique=True)):
        damaged(path, data)
    reference = reference_data("digits", "auto", CPU)
    with contextlib.suppress(UsageError):
        restore_run(run(place).config, reference, place, "abc")
    examine(place)
    assert numbers(run(place).execute()) == numbers(kept[1])
