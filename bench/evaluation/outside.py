"""Images made elsewhere, so that any model can stand in our tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.contracts import EvalFns
from bench.datasets._folder import class_numbers, read_pictures
from bench.datasets._levels import check_levels
from bench.datasets._npz import read_npz
from bench.datasets._splits import Arrays, Images, Parts, readable
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated
from bench.records import DataSpec
from bench.runtime import generator

FEWEST = 2
MOST_NAMED = 12
_FAR = 64  # of 255


class Given(Generated):
    """Images made elsewhere in place of a model's samples, in a fixed random order.

    Args:
        reference: Device and detectors.
        arrays: The images; with labels, the classes that they were made for.
    """

    def __init__(self, reference: ReferenceData, arrays: Arrays) -> None:
        fns = EvalFns(latent=_no_model, decode=_no_model, conditional=arrays.labels is not None)
        super().__init__(reference, {}, fns)
        # Files are often in order of class, and n of them are taken from the front.
        order = torch.randperm(len(arrays), generator=generator("outside"))
        images = torch.from_numpy(arrays.images)[order]
        self._images = images.to(reference.device, memory_format=torch.contiguous_format)
        if arrays.labels is not None:
            self._labels = torch.from_numpy(arrays.labels)[order].to(reference.device)

    @property
    def available(self) -> int:
        """All of the images."""
        return len(self._images)

    def samples(self, n: int, at_least: int) -> Tensor:  # noqa: ARG002
        """The first n images, or all where there are fewer (a picture asks for 100)."""
        return self._images[:n]


def read_outside(path: Path, spec: DataSpec, classes: Sequence[str] = ()) -> Parts:
    """The images of a folder or an ``.npz`` file, of the data set's shape, and what was odd in them.

    A folder holds pictures, or one subfolder for each class, named by the class's number or by
    one of ``classes``, the data set's names; it need not have them all. A file holds the array
    ``x`` and, for a conditional model, ``y``. Gray pictures stand for three equal channels where
    the data set has three.

    Raises:
        UsageError: Nothing that can be read, another shape, or labels that the data set
            does not have.
    """
    with readable(path):
        parts = _read(path, spec, classes)
    arrays, channels = parts.train, spec.shape[0]
    if arrays.images.shape[1] == 1 < channels:
        arrays = Arrays(np.repeat(arrays.images, channels, axis=1), arrays.labels)
    if arrays.images.shape[1:] != spec.shape:
        raise UsageError(
            f"'{path}' has images of shape {list(arrays.images.shape[1:])}, '{spec.name}' has "
            f"{list(spec.shape)}: resize or convert them first"
        )
    if len(arrays) < FEWEST:
        raise UsageError(f"'{path}' has {len(arrays)} images, expected at least {FEWEST}")
    _check_labels(path, arrays, spec)
    levels = check_levels(f"'{path}'", arrays.images)
    return Parts(arrays, notes=(*parts.notes, *levels, *_lacking(path, arrays, spec)))


def inverted(images: Images, real: Tensor) -> str:
    """A sentence where images look like the negatives of real ones, else nothing."""
    mean, expected = float(images.mean()), float(real.mean(dtype=torch.float64))
    if abs(mean - expected) < _FAR or abs(255 - mean - expected) * 3 > abs(mean - expected):
        return ""
    return (
        f"the mean level is {mean:.0f}, the data set's {expected:.0f}: are the images inverted "
        f"(255 - x has {255 - mean:.0f})?"
    )


def require_images(path: Path) -> None:
    """A path that may hold images, before anything is opened for them.

    Raises:
        UsageError: It is no folder and no ``.npz`` file.
    """
    if not (path.is_dir() or (path.suffix == ".npz" and path.exists())):
        raise UsageError(
            f"'{path}' is neither a folder nor an .npz file: give --images a folder of pictures, "
            "or a file with an array x of uint8"
        )


def _read(path: Path, spec: DataSpec, classes: Sequence[str]) -> Parts:
    if path.is_dir():
        return read_pictures(path, partial(_numbers, path, spec, classes))
    require_images(path)
    parts = read_npz(path)
    if parts.test is not None:
        raise UsageError(
            f"'{path}' holds x_train and x_test, expected one array x: save the images to measure"
        )
    return parts


def _numbers(
    path: Path, spec: DataSpec, classes: Sequence[str], names: Sequence[str]
) -> Sequence[int]:
    """What class each folder stands for, by its number or by the data set's name of it."""
    if spec.num_classes == 0:
        return range(len(names))  # refused later, whatever they are
    known = f"0..{spec.num_classes - 1}"
    found = class_numbers(path, names)
    if found is not None:
        if max(found) >= spec.num_classes:
            raise UsageError(
                f"'{path}' has the class folder '{max(found)}', '{spec.name}' has the classes "
                f"{known}: rename it by its class or remove it"
            )
        return found
    numbers = {_plain(name): number for number, name in enumerate(classes)}
    for name in names:
        if _plain(name) not in numbers:
            raise UsageError(
                f"'{path}' has the class folder '{name}', '{spec.name}' has the classes "
                f"{', '.join(classes) or known}: rename it by its class, or put the pictures into "
                f"one folder"
            )
    found = [numbers[_plain(name)] for name in names]
    if len(set(found)) < len(found):
        raise UsageError(
            f"'{path}' has two folders of one class among {', '.join(names)}: join them"
        )
    return found


def _plain(name: str) -> str:
    """A class's name without its case, spaces and marks: ``Ankle_boot`` is ``ankle boot``."""
    letters = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum()) or letters


def _lacking(path: Path, arrays: Arrays, spec: DataSpec) -> list[str]:
    present = [] if arrays.labels is None else np.unique(arrays.labels).tolist()
    if not present or len(present) == spec.num_classes:
        return []
    named = ", ".join(map(str, present[:MOST_NAMED])) + (", ..." * (len(present) > MOST_NAMED))
    return [f"'{path}' has images of {len(present)} of {spec.num_classes} classes: {named}"]


def _check_labels(path: Path, arrays: Arrays, spec: DataSpec) -> None:
    if arrays.labels is None:
        return
    if spec.num_classes == 0:
        raise UsageError(
            f"'{path}' has labels and data set '{spec.name}' has none: give the pictures without "
            "subfolders, the array x without y"
        )
    found = int(arrays.labels.max()) + 1
    if arrays.labels.min() < 0 or found > spec.num_classes:
        raise UsageError(
            f"'{path}' has labels {arrays.labels.min()}..{found - 1}, '{spec.name}' has the "
            f"classes 0..{spec.num_classes - 1}: renumber or drop the labels"
        )


def _no_model(*_: object) -> Tensor:
    raise RuntimeError("images made elsewhere have no latents and no decoder")
