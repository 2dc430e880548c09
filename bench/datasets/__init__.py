"""Data sets: uint8 splits and their ``DataSpec``. One file registers one name; no torch here.

A new data set is a file beside this one (or a plugin) that gives ``DATASETS`` a source::

    DATASETS.add("mine", DatasetSource(summary="...", read=read))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from bench.datasets._folder import read_folder
from bench.datasets._idx import read_idx
from bench.datasets._install import (
    DigestCheck,
    Published as Published,
    check_published,
    downloaded,
    install,
    installed_path,
    read_installed,
)
from bench.datasets._levels import check_levels
from bench.datasets._npz import read_npz
from bench.datasets._remembered import recall, remember, signature
from bench.datasets._splits import (
    Arrays as Arrays,
    DataError,
    Parts as Parts,
    advised,
    check_parts,
    digest_of,
    make_splits,
    readable,
    split_sizes,
)
from bench.errors import UsageError
from bench.files import install_lock
from bench.records import DataSpec
from bench.registry import Registry, closest

_READERS: dict[str, Callable[[Path], Parts]] = {"folder": read_folder, "npz": read_npz}


@dataclass(frozen=True, kw_only=True)
class DatasetSource:
    """Where the images of one registered name come from: exactly one of ``read``, ``download``.

    Attributes:
        summary: One line for lists.
        read: Gives the parts of a data set that some package contains.
        download: Gives the parts with the help of an empty folder and the network; they are
            installed once and read from there.
        published: What the parts must be; None leaves that open.
        from_idx: Whether the four IDX files can be imported.
        levels: Gray levels per channel (protocol rule 16).
        held_out: Sizes of the validation and test splits that we carve, where they are not a
            tenth (protocol rule 1).
        classes: Names of the classes in the order of their numbers, where they have others.
    """

    summary: str
    read: Callable[[], Parts] | None = None
    download: Callable[[Path], Parts] | None = None
    published: Published | None = None
    from_idx: bool = False
    levels: int = 256
    held_out: tuple[int, int] | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.read is None) == (self.download is None):
            raise ValueError("a DatasetSource needs exactly one of read and download: give one")


DATASETS: Registry[DatasetSource] = Registry("dataset", "bench.datasets")


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """Three disjoint splits (protocol rule 1) and what a model may know about them.

    Attributes:
        spec: What a model may know.
        train: What it is trained on.
        val: What is chosen by.
        test: What is reported.
        classes: Names of the classes in the order of their numbers; empty where none are known.
        notes: What reading a user's images left out or found odd, a sentence each.
    """

    spec: DataSpec
    train: Arrays
    val: Arrays
    test: Arrays
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetStatus:
    """One row of ``bench data list``.

    Attributes:
        installed: True for an embedded set as well.
        path: Where the file is or would be; None for an embedded set.
        num_bytes: Size of the installed file, else 0.
        shape: One image, ``(C, H, W)``; like ``sizes`` None where the source does not say.
        sizes: Train, validation and test images.
    """

    name: str
    summary: str
    installed: bool
    path: Path | None
    num_bytes: int
    shape: tuple[int, int, int] | None
    sizes: tuple[int, int, int] | None


def load(name: str) -> Splits:
    """The splits of a registered name, ``folder:PATH`` or ``npz:PATH``; the same at every call.

    A registered set that is not installed is fetched first.

    Raises:
        UsageError: An unknown name, a set that cannot be had, a damaged file, unusable images.
    """
    kind, colon, path = name.partition(":")
    if colon and kind in _READERS:
        if not path:
            raise UsageError(f"dataset '{name}' has no path: write {kind}:PATH")
        source = DatasetSource(summary=name, read=partial(_read, kind, path))
    elif name in DATASETS.names():
        source = DATASETS.get(name)
    else:
        known = [*DATASETS.names(), "folder:PATH", "npz:PATH"]
        raise UsageError(closest(name, known, kind="dataset", what="known"))
    if source.download and not installed_path(name).is_file():
        fetch(name)
    seen = files_of(name)
    parts, _ = _parts(name, source)
    check_parts(name, parts)
    splits = _split(name, source, parts)
    remember(name, seen, splits.spec)
    if source.published:
        return splits
    levels = [check_levels(f"'{name}'", part.images) for part in parts.present()]
    return replace(splits, notes=(*parts.notes, *chain(*levels)))


def spec_of(name: str) -> DataSpec:
    """What a model may know of a data set; its images are read only where its files changed.

    Raises:
        UsageError: As ``load``.
    """
    return recall(name, files_of(name)) or load(name).spec


def files_of(name: str) -> str:
    """A short text that is another one once the files of a data set are others.

    Empty where it has no files.
    """
    kind, colon, path = name.partition(":")
    if colon and kind in _READERS:
        return signature(_path(path))
    if name in DATASETS.names() and DATASETS.get(name).download:
        return signature(installed_path(name))
    return ""


def _read(kind: str, given: str) -> Parts:
    """What a user's folder or file holds."""
    path = _path(given)
    with readable(path):
        return _READERS[kind](path)


def _path(given: str) -> Path:
    try:
        return Path(given).expanduser()
    except RuntimeError:  # ~nobody
        return Path(given)


def fetch(name: str) -> Path:
    """Downloads and installs a registered data set; an intact one is left alone.

    Raises:
        UsageError: A name without a download, no network, or not the publisher's images.
    """
    source = DATASETS.get(name)
    if source.download is None:
        able = [known for known, other in DATASETS.items() if other.download]
        raise UsageError(
            f"data set '{name}' has no download, expected one of {', '.join(able)}: use it as it is"
        )
    with install_lock(name), advised(_remedy(name, source)):
        if not _is_intact(name):
            parts = downloaded(name, source.download)
            _check(name, parts, "the download")
            install(name, parts)
    return installed_path(name)


def import_idx(name: str, directory: Path) -> Path:
    """Installs a registered data set from the four IDX files in ``directory``.

    Raises:
        UsageError: A name without IDX files, or files missing, damaged or not the publisher's.
    """
    source = DATASETS.get(name)
    with advised(_remedy(name, source)):
        if not source.from_idx:
            able = [known for known, other in DATASETS.items() if other.from_idx]
            raise DataError(
                f"data set '{name}' cannot be imported from IDX files, expected one of "
                f"{', '.join(able)}"
            )
        with readable(directory):
            parts = read_idx(directory)
        _check(name, parts, f"'{directory}'")
    with install_lock(name):
        return install(name, parts)


def verify(name: str) -> DigestCheck:
    """The digest of an embedded or installed data set, recomputed and compared.

    Raises:
        UsageError: An unknown name, a set that is not installed, or a file that cannot be read.
    """
    source = DATASETS.get(name)
    parts, stored = _parts(name, source)
    return DigestCheck(
        name=name,
        digest=digest_of(*parts.present()),
        stored=stored,
        published=source.published.digest if source.published else None,
        remedy=_remedy(name, source),
    )


def status() -> list[DatasetStatus]:
    """Every registered data set by name; reads no images."""
    return [_status(name, source) for name, source in DATASETS.items()]


def _status(name: str, source: DatasetSource) -> DatasetStatus:
    path = installed_path(name) if source.download else None
    installed = path is None or path.is_file()
    facts = source.published
    return DatasetStatus(
        name=name,
        summary=source.summary,
        installed=installed,
        path=path,
        num_bytes=path.stat().st_size if path and installed else 0,
        shape=facts.shape if facts else None,
        sizes=split_sizes(facts.num_train, facts.num_test, source.held_out) if facts else None,
    )


def _split(name: str, source: DatasetSource, parts: Parts) -> Splits:
    train, val, test = make_splits(parts, source.held_out)
    num_classes = 0 if parts.train.labels is None else int(parts.train.labels.max()) + 1
    counts = np.bincount([] if train.labels is None else train.labels, minlength=num_classes)
    spec = DataSpec(
        name=name,
        shape=train.images.shape[1:],
        num_classes=num_classes,
        class_prior=tuple((counts / len(train)).tolist()),
        levels=source.levels,
        digest=digest_of(train, val, test),
    )
    classes = parts.classes or source.classes
    return Splits(spec=spec, train=train, val=val, test=test, classes=classes)


def _parts(name: str, source: DatasetSource) -> tuple[Parts, str | None]:
    """The published parts and, for an installed set, the digest stored with them."""
    if source.read:
        return source.read(), None
    with advised(_remedy(name, source)):
        return read_installed(name)


def _is_intact(name: str) -> bool:
    try:
        return verify(name).ok
    except UsageError:
        return False


def _check(name: str, parts: Parts, where: str) -> None:
    """Checks what is about to be installed as ``name``."""
    check_parts(name, parts)
    published = {known: other.published for known, other in DATASETS.items() if other.published}
    check_published(name, parts, published, where=where)


def _remedy(name: str, source: DatasetSource) -> str:
    if source.download is None:
        return "install its package again"
    online = f"run 'bench data fetch {name}' on a machine with a network"
    if source.from_idx:
        return f"{online}, or 'bench data import {name} DIR' with the four published IDX files"
    return f"{online}, or use npz:PATH with arrays of your own"
