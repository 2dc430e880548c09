"""Data sets: uint8 splits and their ``DataSpec``. One file registers one name; no torch here.

A new data set is a file beside this one (or a plugin) that gives ``DATASETS`` a source::

    DATASETS.add("mine", DatasetSource(summary="...", read=read))
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.dataset_names import OwnPictures, own_pictures
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
from bench.datasets._mixture import Mixture as Mixture
from bench.datasets._npz import read_prepared
from bench.datasets._packed import Layout, Packed as Packed, opened, pack, packed_path
from bench.datasets._picture import Refused
from bench.datasets._remembered import (
    Facts,
    is_settled,
    recall,
    remember,
    signature,
    wait_until_settled,
)
from bench.datasets._splits import (
    Arrays as Arrays,
    DataError,
    Images as Images,
    Parts as Parts,
    Share,
    advised,
    check_parts,
    digest_of,
    readable,
    require_left,
    require_memory,
    shares_of,
    split_sizes,
)
from bench.datasets._stacks import stacked
from bench.errors import UsageError
from bench.files import install_lock
from bench.records import DataSpec
from bench.registry import Registry, closest

_READERS: dict[str, Callable[[Path, OwnPictures], Parts]] = {
    "folder": read_folder,
    "npz": read_prepared,
}


@dataclass(frozen=True, kw_only=True)
class DatasetSource:
    """Where the images of one name come from: one of ``read``, ``download``, ``channels_of``.

    Attributes:
        summary: One line for lists.
        read: Gives the parts of a data set that some package contains.
        download: Gives the parts with the help of an empty folder and the network; they are
            installed once and read from there.
        channels_of: The data set whose images are drawn as the channels of these, as many as
            ``published`` says; classes are then modes.
        published: What the parts must be; None leaves that open.
        from_idx: Whether the four IDX files can be imported.
        levels: Gray levels per channel (protocol rule 16).
        held_out: Sizes of the validation and test splits that we carve, where they are not a
            tenth (protocol rule 1).
        classes: Names of the classes in the order of their numbers, where they have others.
        truth: The density that points of a plane are drawn from; None of pictures.
    """

    summary: str
    read: Callable[[], Parts] | None = None
    download: Callable[[Path], Parts] | None = None
    channels_of: str = ""
    published: Published | None = None
    from_idx: bool = False
    levels: int = 256
    held_out: tuple[int, int] | None = None
    classes: tuple[str, ...] = ()
    truth: Mixture | None = None

    def __post_init__(self) -> None:
        if sum(map(bool, (self.read, self.download, self.channels_of))) != 1:
            raise ValueError(
                "a DatasetSource needs exactly one of read, download and channels_of: give one"
            )


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
        packed: The file that the splits lie in, for all processes; None where they lie in this
            process's memory.
        truth: The density that points of a plane are drawn from; None of pictures.
    """

    spec: DataSpec
    train: Arrays
    val: Arrays
    test: Arrays
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    packed: Packed | None = None
    truth: Mixture | None = None


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
    source = _source(name)
    if name in DATASETS.names() and (path := _path_of(name)) and not path.is_file():
        fetch(name)
    return _known(name, source) or _made(name, source)


def spec_of(name: str) -> DataSpec:
    """What a model may know of a data set; its images are read only where its files changed.

    Raises:
        UsageError: As ``load``.
    """
    facts = recall(name, _seen(name, _source(name)))
    return load(name).spec if facts is None else facts.spec


def truth_of(name: str) -> Mixture | None:
    """The density that a registered data set is drawn from; None where nobody knows it."""
    return DATASETS.get(name).truth if name in DATASETS.names() else None


def channels_of(name: str) -> str:
    """The data set whose images are the channels of a registered one's; empty where there is none."""
    return DATASETS.get(name).channels_of if name in DATASETS.names() else ""


def require_pictures(spec: DataSpec, command: str) -> None:
    """Of points no detector is made or judged.

    Raises:
        UsageError: The data set has points of a plane.
    """
    if spec.extent:
        raise UsageError(
            f"{command} is for pictures, and '{spec.name}' has points of a plane, whose coordinates "
            "are measured as they are: name a data set of pictures"
        )


def files_of(name: str) -> str:
    """A short text that is another one once the files of a data set are others.

    Empty where it has no files.
    """
    path = _path_of(name)
    return "" if path is None else signature(path)


def installed_file(name: str) -> Path | None:
    """The file that a registered data set is read from; None of one that needs none."""
    return None if ":" in name else _path_of(name)


def _path_of(name: str) -> Path | None:
    """Where the files of a data set lie or would lie."""
    if own := own_pictures(name):
        return _path(own.path)
    if of := channels_of(name):
        return _path_of(of)
    return (
        installed_path(name) if name in DATASETS.names() and DATASETS.get(name).download else None
    )


def _source(name: str) -> DatasetSource:
    """What stands behind a name.

    Raises:
        UsageError: Nothing.
    """
    if own := own_pictures(name):
        if not own.path:
            raise UsageError(f"dataset '{name}' has no path: write {own.kind}:PATH")
        held_out = None if own.held_out is None else (own.held_out, own.held_out)
        return DatasetSource(summary=name, read=partial(_read, own), held_out=held_out)
    if name in DATASETS.names():
        return DATASETS.get(name)
    if path := _own_path(name):
        kind = "folder" if path.is_dir() else "npz"
        raise UsageError(
            f"unknown dataset '{name}': for what lies there write {kind}:{name}, and see "
            f"`bench data check {shlex.quote(name)}`"
        )
    known = [*DATASETS.names(), "folder:PATH", "npz:PATH"]
    raise UsageError(closest(name, known, kind="dataset", what="known"))


def _own_path(name: str) -> Path | None:
    """A folder or an npz file of that name; None where there is none."""
    path = _path(name)
    with suppress(OSError, ValueError):  # a name that no file can have
        if path.is_dir() or (path.suffix == ".npz" and path.is_file()):
            return path
    return None


def _seen(name: str, source: DatasetSource) -> str:
    """The signature of the files and of what is made of them; empty where there are none."""
    seen = files_of(name)
    return seen and f"{source.levels} {source.held_out} {seen}"


def _known(name: str, source: DatasetSource) -> Splits | None:
    """The splits that were made of the same files before, where they are whole."""
    seen = _seen(name, source)
    facts = recall(name, seen)
    packed = None if facts is None else opened(packed_path(facts.spec.digest), _layout(facts))
    if facts is None or packed is None:
        return None
    if packed.stamp != facts.stamp:
        if digest_of(*packed.splits) != facts.spec.digest:
            return None
        remember(name, seen, replace(facts, stamp=packed.stamp))
    return _splits_of(source, facts, packed.splits, packed)


def _made(name: str, source: DatasetSource) -> Splits:
    """The splits, read by one process and kept for all, where the files will be known again."""
    path = _path_of(name)
    if path is not None:
        wait_until_settled(path)
        if is_settled(_seen(name, source)):
            with _one_at_a_time(path):
                return _known(name, source) or _read_and_kept(name, source)
    return _in_memory(name, source, *_read_whole(name, source))


def _read_and_kept(name: str, source: DatasetSource) -> Splits:
    seen = _seen(name, source)
    facts, shares = _read_whole(name, source)
    packed = _in_a_file(facts, shares)
    if packed is None:
        return _in_memory(name, source, facts, shares)
    remember(name, seen, replace(facts, stamp=packed.stamp))
    return _splits_of(source, facts, packed.splits, packed)


def _in_memory(name: str, source: DatasetSource, facts: Facts, shares: Sequence[Share]) -> Splits:
    """Copies that this process alone has."""
    require_memory(f"'{name}'", sum(share.num_bytes for share in shares))
    return _splits_of(source, facts, [share.taken() for share in shares])


def _read_whole(name: str, source: DatasetSource) -> tuple[Facts, Sequence[Share]]:
    """What the files hold, and what is to be known of it."""
    parts, _ = _parts(name, source)
    check_parts(name, parts, of_points=source.truth is not None)
    notes = parts.notes
    for part in () if source.published else parts.present():
        notes += check_levels(f"'{name}'", part.images)
    require_left(name, parts, source.held_out)
    shares = shares_of(parts, source.held_out)
    return Facts(
        spec=_spec(name, source, parts, shares),
        sizes=tuple(map(len, shares)),
        stamp=(),
        classes=parts.classes,
        notes=() if source.published else notes,
    ), shares


def _spec(name: str, source: DatasetSource, parts: Parts, shares: Sequence[Share]) -> DataSpec:
    labels, train = parts.train.labels, shares[0]
    num_classes = 0 if labels is None else int(labels.max()) + 1
    counts = np.bincount([] if train.labels is None else train.labels, minlength=num_classes)
    return DataSpec(
        name=name,
        shape=parts.train.images.shape[1:],
        num_classes=num_classes,
        class_prior=tuple((counts / len(train)).tolist()),
        levels=source.levels,
        digest=digest_of(*shares),
        extent=None if source.truth is None else source.truth.extent,
    )


def _splits_of(
    source: DatasetSource, facts: Facts, splits: Sequence[Arrays], packed: Packed | None = None
) -> Splits:
    train, val, test = splits
    return Splits(
        spec=facts.spec,
        train=train,
        val=val,
        test=test,
        classes=facts.classes or source.classes,
        notes=facts.notes,
        packed=packed,
        truth=source.truth,
    )


def _in_a_file(facts: Facts, shares: Sequence[Share]) -> Packed | None:
    """The shares in a file; None where the data folder cannot be written."""
    path = packed_path(facts.spec.digest)
    with suppress(OSError):
        pack(shares, path)
        return opened(path, _layout(facts))
    return None


def _layout(facts: Facts) -> Layout:
    spec = facts.spec
    return Layout(shape=spec.shape, sizes=facts.sizes, labelled=spec.num_classes > 0)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Keeps other processes from reading the same files; a folder that is not ours keeps nobody out."""
    named = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
    with ExitStack() as held:
        with suppress(UsageError):
            held.enter_context(install_lock(f"images-{named}"))
        yield


def _read(own: OwnPictures) -> Parts:
    """What a user's folder or file holds."""
    path = _path(own.path)
    try:
        with readable(path):
            return _READERS[own.kind](path, own)
    except Refused as error:
        from bench.datasets._examined import ways_to_read

        ways = ways_to_read(path, own, error) if own.kind == "folder" else []
        names = [shlex.quote(way.name) for way in ways]
        others = f", or give --dataset {' or '.join(names)}" if names else ""
        raise NotAsTheyAre(
            f"{error}{others}; `bench data check {shlex.quote(own.path)}` says what is to be done with "
            "all of them",
            finding=str(error),
        ) from error


class NotAsTheyAre(UsageError):  # noqa: N818 - a finding about a user's pictures
    """Pictures that are not read as they are.

    Attributes:
        finding: What is wrong with one of them, without what else could be done.
    """

    def __init__(self, sentence: str, *, finding: str) -> None:
        super().__init__(sentence)
        self.finding = finding


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
    if source.channels_of and _path_of(name):
        return fetch(source.channels_of)
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
    path, facts = _path_of(name), source.published
    installed = path is None or path.is_file()
    return DatasetStatus(
        name=name,
        summary=source.summary,
        installed=installed,
        path=path,
        num_bytes=path.stat().st_size if path and installed else 0,
        shape=facts.shape if facts else None,
        sizes=_sizes(source),
    )


def _sizes(source: DatasetSource) -> tuple[int, int, int] | None:
    """Train, validation and test images, where the source says them."""
    facts = source.published
    if facts is None:
        return None
    return split_sizes(facts.num_train, facts.num_test, source.held_out, num_val=facts.num_val)


def _parts(name: str, source: DatasetSource) -> tuple[Parts, str | None]:
    """The published parts and, for an installed set, the digest stored with them."""
    if source.channels_of:
        return _stacks(source), None
    if source.read:
        return source.read(), None
    with advised(_remedy(name, source)):
        return read_installed(name)


def _stacks(source: DatasetSource) -> Parts:
    """Stacks whose channels are of the same split of the other data set."""
    of, sizes = DATASETS.get(source.channels_of), _sizes(source)
    assert sizes is not None
    parts, _ = _parts(source.channels_of, of)
    return stacked(shares_of(parts, of.held_out), sizes)


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
    if source.channels_of:
        return _remedy(source.channels_of, DATASETS.get(source.channels_of))
    if source.download is None:
        return "install its package again"
    online = f"run 'bench data fetch {name}' on a machine with a network"
    if source.from_idx:
        return f"{online}, or 'bench data import {name} DIR' with the four published IDX files"
    return f"{online}, or use npz:PATH with arrays of your own"
