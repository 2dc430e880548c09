"""Splits in one file of the data folder, which every process maps: images back to back, then labels."""

from __future__ import annotations

import contextlib
import errno
import math
import mmap
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from bench.datasets._splits import Arrays, Images, Labels, Share
from bench.files import data_home, remove_leftovers, written_whole
from bench.memory import host_memory

Stamp = tuple[int, ...]
"""A file, its size and when it was written or changed: what has these is believed to be the same."""

_WORD = np.dtype(np.int64).itemsize


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where what lies.

    Attributes:
        shape: One image, ``(C, H, W)``.
        sizes: Images of each split.
        labelled: Whether labels stand behind the images.
    """

    shape: tuple[int, int, int]
    sizes: tuple[int, ...]
    labelled: bool

    @property
    def images_end(self) -> int:
        """Where the labels begin."""
        return -(-sum(self.sizes) * math.prod(self.shape) // _WORD) * _WORD

    @property
    def num_bytes(self) -> int:
        """Of the whole file."""
        return self.images_end + self.labelled * sum(self.sizes) * _WORD


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """A file that was mapped.

    Attributes:
        splits: Views of it.
        file: It, open.
        memory: The whole of it.
        stamp: Of the file when it was mapped.
        fits: Whether memory has room for all of it; if not, it is better ``read`` than looked at.
    """

    splits: list[Arrays]
    file: FileIO
    memory: mmap.mmap
    stamp: Stamp
    fits: bool

    def read(self, images: Images, rows: Sequence[int], into: Images) -> None:
        """Copies some of a split's images, which the disk is asked for all at once.

        Raises:
            OSError: They cannot be read.
        """
        row, file = images[:1].nbytes, self.file.fileno()
        start = images.ctypes.data - np.frombuffer(self.memory, np.uint8).ctypes.data
        places = [start + number * row for number in rows]
        if hasattr(os, "posix_fadvise"):
            for place in places:
                os.posix_fadvise(file, place, row, os.POSIX_FADV_WILLNEED)
        for place, image in zip(places, into, strict=True):
            if os.preadv(file, [image], place) != row:
                raise OSError(errno.EIO, "was cut while it was read", self.file.name)


def packed_path(digest: str) -> Path:
    """Where the images of that digest lie or would lie."""
    return data_home() / "images" / f"{digest}.u8"


def pack(shares: Sequence[Share], path: Path) -> None:
    """Writes the shares, all or nothing.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    with written_whole(path) as file:
        for share in shares:
            for block in share.blocks():
                file.write(block.data)
        file.write(bytes(-file.tell() % _WORD))
        for share in shares:
            if share.labels is not None:
                file.write(share.labels.data)


def opened(path: Path, layout: Layout) -> Packed | None:
    """The file, mapped; None where there is none, or another one.

    What fits into memory may be written to, which changes no file; the rest may not.
    """
    with contextlib.suppress(OSError), contextlib.ExitStack() as closed:
        file = closed.enter_context(path.open("rb", buffering=0))
        facts = os.fstat(file.fileno())
        if facts.st_size == layout.num_bytes:
            found = _mapped(file, layout, _stamp(facts))
            weakref.finalize(found, closed.pop_all().close)
            return found
    return None


def _stamp(facts: os.stat_result) -> Stamp:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _mapped(file: FileIO, layout: Layout, stamp: Stamp) -> Packed:
    fits = 2 * layout.num_bytes <= host_memory()
    access = mmap.ACCESS_COPY if fits else mmap.ACCESS_READ
    memory = mmap.mmap(file.fileno(), 0, access=access)
    images: Images = np.frombuffer(memory, np.uint8, sum(layout.sizes) * math.prod(layout.shape))
    labels: Labels | None = None
    if layout.labelled:
        labels = np.frombuffer(memory, np.int64, sum(layout.sizes), layout.images_end)
    images, splits, start = images.reshape(-1, *layout.shape), [], 0
    for size in layout.sizes:
        part = slice(start, start + size)
        splits.append(Arrays(images[part], None if labels is None else labels[part]))
        start += size
    return Packed(splits=splits, file=file, memory=memory, stamp=stamp, fits=fits)
