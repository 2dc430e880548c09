"""Image arrays, their digest and their checks, and the split into train, validation and test."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.dataset_names import OwnPictures
from bench.errors import UsageError
from bench.memory import host_memory, size_text

Images = npt.NDArray[np.unsignedinteger[Any]]
Labels = npt.NDArray[np.int64]
Index = npt.NDArray[np.intp]

MIN_IMAGES = 30
MIN_PIXELS = 4
MIN_HELD_OUT = 1_000
# Two seeds, so that carving validation does not depend on whether test was carved by us too.
TEST_SEED = 1
VAL_SEED = 2
BLOCK_BYTES = 2**20
"""Of images that are copied or looked at at once, whatever their number."""


class DataError(Exception):
    """What is wrong with data; whoever was asked for them adds what to do."""


@contextlib.contextmanager
def advised(remedy: str) -> Iterator[None]:
    """Adds what to do to what is wrong.

    Raises:
        UsageError: In place of a ``DataError``.
    """
    try:
        yield
    except DataError as error:
        raise UsageError(f"{error}: {remedy}") from error


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Inside, a path of a user's that the system refuses to look at is told.

    Raises:
        UsageError: In place of an ``OSError``: no permission, a name too long.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be read ({error.strerror or error}): give the path of something "
            f"readable"
        ) from error


@dataclass(frozen=True, eq=False)
class Arrays:
    """The images of one split.

    Attributes:
        images: uint8 [N, C, H, W], C is 1 or 3; points of a plane uint16 [N, 1, 1, 2].
        labels: int64 [N] in 0..K-1, or None.
    """

    images: Images
    labels: Labels | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: Index) -> Arrays:
        """The images at ``index``, copied, in that order."""
        images = np.ascontiguousarray(self.images[index])
        return Arrays(images, None if self.labels is None else self.labels[index])


@dataclass(frozen=True, eq=False)
class Share:
    """Some images of a part, not copied yet.

    Attributes:
        part: What they are taken from.
        index: Which.
    """

    part: Arrays
    index: Index

    def __len__(self) -> int:
        return len(self.index)

    @property
    def labels(self) -> Labels | None:
        """int64 [N], or None."""
        return None if self.part.labels is None else self.part.labels[self.index]

    def narrowed(self, index: Index) -> Share:
        """Some of them."""
        return Share(self.part, self.index[index])

    def taken(self) -> Arrays:
        """A copy of them."""
        return self.part.take(self.index)

    @property
    def num_bytes(self) -> int:
        """Of the images."""
        return len(self) * self.part.images[:1].nbytes

    def blocks(self) -> Iterator[Images]:
        """A few of their images at a time, copied."""
        rows = rows_at_once(self.part.images)
        for start in range(0, len(self), rows):
            yield np.ascontiguousarray(self.part.images[self.index[start : start + rows]])


@dataclass(frozen=True, eq=False)
class Parts:
    """A data set as its publisher splits it; ``test`` is None where that is left to us.

    Attributes:
        train: What is trained on.
        test: Held out by the publisher.
        val: What is chosen by; None where it is carved from train.
        classes: Names of the classes in the order of their numbers; empty where only numbers are
            known.
        notes: What was found on the way that a user should know: skipped files and the like.
    """

    train: Arrays
    test: Arrays | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    val: Arrays | None = None

    def present(self) -> tuple[Arrays, ...]:
        """The parts that exist, train first."""
        return tuple(part for part in (self.train, self.val, self.test) if part is not None)


def rows_at_once(values: npt.NDArray[Any]) -> int:
    """How many rows of an array are a block."""
    return max(1, BLOCK_BYTES // max(1, values[:1].nbytes))


def blocks_of(values: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """An array from its first row on, a block at a time."""
    rows = rows_at_once(values)
    return (values[start : start + rows] for start in range(0, len(values), rows))


def digest_of(*parts: Arrays | Share) -> str:
    """First 16 hex digits of the SHA-256 over dtype, shape and bytes of images and labels."""
    digest = hashlib.sha256()
    for share in (part if isinstance(part, Share) else _whole(part) for part in parts):
        images, labels = share.part.images, share.labels
        digest.update(f"{images.dtype.str} {(len(share), *images.shape[1:])}".encode())
        for block in share.blocks():
            digest.update(block.data)
        if labels is None:
            digest.update(b"no labels")
        else:
            digest.update(f"{labels.dtype.str} {labels.shape}".encode())
            digest.update(labels.data)
    return digest.hexdigest()[:16]


def check_parts(name: str, parts: Parts, *, of_points: bool = False) -> None:
    """Checks what every data set must satisfy, whatever it was read from.

    Args:
        name: Of the data set.
        parts: What was read.
        of_points: Whether they are points of a plane, and no pictures.

    Raises:
        UsageError: Wrong dtype or rank, images below 4x4, fewer than 30 training images, parts
            that differ in image shape or in having labels, or labels that are not 0..K-1.
    """
    where = f"data set '{name}'"
    if len(parts.train) < MIN_IMAGES:
        raise UsageError(
            f"{where} has {len(parts.train)} training images, expected at least {MIN_IMAGES}: "
            f"add images"
        )
    for part in parts.present():
        (_check_points if of_points else _check_images)(where, part.images)
        _check_same_kind(where, parts.train, part)
    _check_labels(where, parts)


def _check_images(where: str, images: Images) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in {1, 3}:
        raise UsageError(
            f"{where} gives images of dtype {images.dtype} and shape {list(images.shape)}, "
            f"expected uint8 [N, C, H, W] with C 1 or 3: convert them"
        )
    height, width = images.shape[2:]
    if min(height, width) < MIN_PIXELS:
        raise UsageError(
            f"{where} has images of {height}x{width} pixels, expected at least "
            f"{MIN_PIXELS}x{MIN_PIXELS}: enlarge them first"
        )


def _check_points(where: str, points: Images) -> None:
    if points.dtype != np.uint16 or points.shape[1:] != (1, 1, 2):
        raise UsageError(
            f"{where} gives points of dtype {points.dtype} and shape {list(points.shape)}, "
            "expected uint16 [N, 1, 1, 2]: lay its square on 65,536 levels"
        )


def _check_same_kind(where: str, train: Arrays, part: Arrays) -> None:
    if not len(part):
        raise UsageError(f"{where} has an empty test part: add images or leave it out")
    if part.images.shape[1:] != train.images.shape[1:]:
        raise UsageError(
            f"{where} has train images of shape {list(train.images.shape[1:])} and test images of "
            f"shape {list(part.images.shape[1:])}, expected one shape [C, H, W]: resize them first"
        )
    if (part.labels is None) != (train.labels is None):
        raise UsageError(
            f"{where} has labels in only one of train and test, expected both or neither: "
            f"add or drop them"
        )
    if part.labels is not None and part.labels.shape != (len(part),):
        raise UsageError(
            f"{where} has {len(part)} images and labels of shape {list(part.labels.shape)}, "
            f"expected one label for each image: mend the labels"
        )


def _check_labels(where: str, parts: Parts) -> None:
    if parts.train.labels is None:
        return
    known = np.unique(parts.train.labels)
    if not np.array_equal(known, np.arange(len(known))):
        missing = min(set(range(len(known))) - set(known.tolist()))
        raise UsageError(
            f"{where} has {len(known)} different training labels from {known[0]} to {known[-1]}, "
            f"expected 0..{len(known) - 1} ({missing} is missing): renumber the labels"
        )
    for part in parts.present():
        unknown = np.setdiff1d(part.labels, known) if part.labels is not None else known[:0]
        if len(unknown):
            raise UsageError(
                f"{where} has test label {unknown[0]}, expected 0..{len(known) - 1} as in train: "
                f"mend the labels"
            )


def require_memory(where: str, num_bytes: int) -> None:
    """Refuses what this machine cannot hold, before anything of it is read.

    Raises:
        UsageError: ``num_bytes`` are more than the memory that is left.
    """
    there = host_memory()
    if num_bytes > there:
        raise UsageError(
            f"{where} would need {size_text(num_bytes)} of memory, {size_text(there)} are there: "
            f"give fewer or smaller images"
        )


def held_out_size(num_images: int) -> int:
    """Images held out of ``num_images``: 10 %, at least 1,000 once that is at most a fifth."""
    tenth = num_images // 10
    return max(tenth, MIN_HELD_OUT) if num_images >= 5 * MIN_HELD_OUT else tenth


def split_sizes(
    num_train: int, num_test: int, held_out: tuple[int, int] | None = None, *, num_val: int = 0
) -> tuple[int, int, int]:
    """Sizes of train, validation and test made from published parts.

    Args:
        num_train: Published training images.
        num_test: Published test images; 0 means that test is carved from train as well.
        held_out: Sizes of validation and test where they are not ``held_out_size``.
        num_val: Published validation images; 0 means that they are carved from train.
    """
    if num_val:
        return num_train, num_val, num_test
    val, test = held_out or (held_out_size(num_train),) * 2
    if num_test:
        return num_train - val, val, num_test
    return num_train - val - test, val, test


def require_left(name: str, parts: Parts, held_out: tuple[int, int] | None) -> None:
    """Enough is left to train on, where a user says how much is held out.

    Raises:
        UsageError: Too little.
    """
    if held_out is None or parts.val is not None:
        return
    val, test = held_out[0], 0 if parts.test is not None else held_out[1]
    if (left := len(parts.train) - val - test) < MIN_IMAGES:
        raise UsageError(
            f"data set '{name}' holds out {val + test} of {len(parts.train)} images and leaves "
            f"{max(left, 0)} to train on, expected at least {MIN_IMAGES}: hold out fewer or add images"
        )


def fewest_images(dim: int) -> int:
    """Images, of which more than a detector has features are held out twice and some are left."""
    return 2 * (dim + 1) + MIN_IMAGES


def more_images(own: OwnPictures | None, sizes: Sequence[int], dim: int) -> str:
    """What to do where validation has no more images than a detector has features.

    Args:
        own: What the name of a user's own data set says; None of another.
        sizes: Train, validation and test images.
        dim: Features.
    """
    if own is None:
        return "add images"
    least = dim + 1
    total, with_test = sum(sizes), replace(own, held_out=least)
    there = f"there are {total:,}"
    fewest = fewest_images(dim)
    if total < fewest:
        return (
            f"give {10 * least:,} images or more ({there}), or at least {fewest} and hold out more of "
            f"them, as '{with_test.name}'"
        )
    return f"hold out more of them, as '{with_test.name}', or give {10 * least:,} images or more ({there})"


def shares_of(parts: Parts, held_out: tuple[int, int] | None = None) -> tuple[Share, Share, Share]:
    """Disjoint train, validation and test (protocol rule 1), the same at every call.

    What is carved is stratified by class where labels exist; each split keeps the file's order.
    ``held_out`` is that of ``split_sizes``. Whoever gives a validation part gives a test part too.
    """
    if parts.val is not None and parts.test is not None:
        return _whole(parts.train), _whole(parts.val), _whole(parts.test)
    _, val_size, test_size = split_sizes(len(parts.train), len(parts.test or ()), held_out)
    train, test = (
        _carve(_whole(parts.train), test_size, seed=TEST_SEED)
        if parts.test is None
        else (_whole(parts.train), _whole(parts.test))
    )
    train, val = _carve(train, val_size, seed=VAL_SEED)
    return train, val, test


def _whole(part: Arrays) -> Share:
    return Share(part, np.arange(len(part)))


def _carve(share: Share, num: int, *, seed: int) -> tuple[Share, Share]:
    """What is left of a share, and ``num`` images drawn from it."""
    labels = np.zeros(len(share), np.int64) if share.labels is None else share.labels
    # Raw 64-bit words: NumPy keeps their stream for ever, which it does not for `permutation`.
    order = np.argsort(np.random.PCG64(seed).random_raw(len(share)), kind="stable")
    of_class, held = labels[order], np.zeros(len(share), np.bool_)
    for k, size in enumerate(_class_shares(np.bincount(labels), num)):
        held[order[of_class == k][:size]] = True
    return share.narrowed(np.flatnonzero(~held)), share.narrowed(np.flatnonzero(held))


def _class_shares(counts: npt.NDArray[np.intp], num: int) -> npt.NDArray[np.intp]:
    """``num`` divided among classes in proportion to ``counts``, by largest remainder."""
    exact = counts * num / counts.sum()
    shares: npt.NDArray[np.intp] = np.floor(exact).astype(np.intp)
    # A class with a single image comes last: it is better trained on than held out.
    remainder = np.where(counts > 1, exact - shares, exact - 1)
    shares[np.argsort(-remainder, kind="stable")[: num - shares.sum()]] += 1
    return shares
