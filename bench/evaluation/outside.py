"""Images made elsewhere, so that any model can stand in our tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.contracts import EvalFns
from bench.datasets._folder import read_pictures
from bench.datasets._npz import read_npz
from bench.datasets._splits import Arrays
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated
from bench.records import DataSpec
from bench.runtime import generator

FEWEST = 2


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
        self._images = torch.from_numpy(arrays.images)[order].to(reference.device)
        if arrays.labels is not None:
            self._labels = torch.from_numpy(arrays.labels)[order].to(reference.device)

    @property
    def available(self) -> int:
        """All of the images."""
        return len(self._images)

    def samples(self, n: int, at_least: int) -> Tensor:  # noqa: ARG002
        """The first n images, or all where there are fewer (a picture asks for 100)."""
        return self._images[:n]


def read_outside(path: Path, spec: DataSpec) -> Arrays:
    """The images of a folder or an ``.npz`` file, of the data set's shape.

    A folder holds pictures, or one subfolder for each class in order of names; a file the
    array ``x`` and, for a conditional model, ``y``. Gray pictures stand for three equal
    channels where the data set has three.

    Raises:
        UsageError: Nothing that can be read, another shape, or labels that the data set
            does not have.
    """
    arrays = _read(path)
    channels = spec.shape[0]
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
    return arrays


def _read(path: Path) -> Arrays:
    if path.is_dir():
        return read_pictures(path)
    if path.suffix != ".npz":
        raise UsageError(
            f"'{path}' is neither a folder nor an .npz file: give --images a folder of pictures, "
            "or a file with an array x of uint8"
        )
    parts = read_npz(path)
    if parts.test is not None:
        raise UsageError(
            f"'{path}' holds x_train and x_test, expected one array x: save the images to measure"
        )
    return parts.train


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
