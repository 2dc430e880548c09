"""A file is written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.files import written_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_file_takes_its_place_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "result"
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
