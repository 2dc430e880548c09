"""A file is written whole or not at all, read as it was written, and a disk's trouble is said."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.errors import DiskTrouble, UsageError
from bench.files import (
    disk_watched,
    read_record,
    read_sealed,
    set_aside,
    write_record,
    write_sealed,
    written_where_asked,
    written_whole,
)


def test_file_takes_its_place_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "result"
    with written_whole(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(path.parent.iterdir()) == [path]


def test_broken_writing_leaves_the_file_before_it_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"before")

    def breaks() -> None:
        with written_whole(path) as file:
            file.write(b"ha")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        breaks()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def raised_from(*errors: Exception) -> Exception:
    """The last error, each the cause of the next."""
    for cause, error in pairwise(errors):
        error.__cause__ = cause
    return errors[-1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "x"), "'here' has no space left on its disk: free some; then the s"),
        (OSError(errno.EDQUOT, "x"), "'here' is over the quota of its disk"),
        (OSError(errno.EROFS, "x", "there"), "'there' lies on a disk that is read-only"),
        (
            PermissionError(errno.EACCES, "Denied", "there"),
            "'there' cannot be used (Denied): give it",
        ),
        (OSError(errno.EIO, "x"), "'here' lies on a disk that reports errors"),
        (OSError(errno.ESTALE, "x"), "'here' lies on a disk that is gone"),
        (FileNotFoundError(errno.ENOENT, "x"), "'here' is gone: put it back"),
        (sqlite3.OperationalError("database or disk is full"), "'here' has no space left"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "is read-only"),
        (raised_from(OSError(errno.ENOSPC, "x"), ValueError("y")), "'here' has no space left"),
        (RuntimeError("INTERNAL_ERROR: (x) database or disk is full [SQL]"), "no space left"),
    ],
)
def test_trouble_with_a_disk_is_recognised_behind_what_wraps_it(
    error: Exception, said: str
) -> None:
    with pytest.raises(DiskTrouble, match=re.escape(said)), disk_watched("here"):
        raise raised_from(error, RuntimeError("z"))


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError(errno.ENOENT, "x")])
def test_other_errors_stay_what_they_are(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, disk_watched(tmp_path):
        raise error
    assert raised.value is error


def test_file_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    path = tmp_path / "result"
    write_sealed(path, b"before", kind="note", key="a")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskTrouble, match=f"'{path}' is over the quota"):
        write_sealed(path, b"after", kind="note", key="a")
    assert read_sealed(path, kind="note", key="a") == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(DiskTrouble, match=f"'{tmp_path / 'gone'}' is gone"):
        write_sealed(tmp_path / "gone" / "result", b"x", kind="note", key="a")
    assert not (tmp_path / "gone").exists()


def test_file_of_a_newer_version_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "result"
    write_record(path, {"a": 1}, kind="note", key="a")
    path.write_text(path.read_text().replace('"bench_file": 1', '"bench_file": 2'))
    with pytest.raises(UsageError, match="install the newer one"):
        read_record(path, kind="note", key="a")
    assert path.exists()


def test_second_damaged_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / "result").write_text(str(n))
        set_aside(tmp_path / "result", "is damaged")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "result.damaged",
        "result.damaged2",
        "result.damaged3",
    ]


def test_place_that_a_user_asked_for_and_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    out = tmp_path / "file" / "out"
    with (
        pytest.raises(UsageError, match=f"'{out}' cannot be written .Not a directory.: give ano"),
        written_where_asked(out),
    ):
        out.write_bytes(b"x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_place_that_a_user_asked_for_and_is_full_is_named() -> None:
    full = Path("/dev/full")
    with (
        pytest.raises(DiskTrouble, match="'/dev/full' has no space left on its disk"),
        written_where_asked(full),
    ):
        full.write_bytes(b"x")


def test_of_several_places_the_fullest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = {"a": 10, "b": 1}
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=rooms[place]))
    with pytest.raises(DiskTrouble, match="'b' has no space left"), disk_watched("a", "b"):
        raise sqlite3.OperationalError("database or disk is full")
