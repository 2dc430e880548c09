"""Installed data sets: one uncompressed npz file each below the data folder."""

from __future__ import annotations

import contextlib
import http.client
import io
import shutil
import socket
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.console import terminal
from bench.datasets._npz import read_arrays
from bench.datasets._splits import Arrays, DataError, Parts, digest_of
from bench.errors import UsageError
from bench.files import cannot_write, data_home, written_whole

DOWNLOAD_TIMEOUT_SECONDS = 10.0
_DOWNLOAD_ERRORS = (
    *(OSError, RuntimeError, EOFError, ValueError),
    *(http.client.HTTPException, tarfile.TarError, zipfile.BadZipFile),
)


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a data set is known to be; checked at every installation.

    Attributes:
        shape: One image, ``(C, H, W)``.
        num_train: Training images.
        num_test: Test images; 0 where there is no test part.
        num_val: Validation images; 0 where we carve them from train.
        digest: ``digest_of`` both parts; None where nobody has computed it yet.
    """

    shape: tuple[int, int, int]
    num_train: int
    num_test: int
    digest: str | None = None
    num_val: int = 0

    @property
    def phrase(self) -> str:
        """The facts in a few words."""
        shape = "x".join(map(str, self.shape))
        digest = f" with digest {self.digest}" if self.digest else ""
        return f"{self.num_train} + {self.num_test} images {shape}{digest}"


@dataclass(frozen=True, kw_only=True)
class DigestCheck:
    """The digest of a data set on this machine beside those it should have.

    Attributes:
        digest: Recomputed from the images and labels.
        stored: Written at installation; None for an embedded set.
        published: The publisher's; None where it is not known.
        remedy: What to do where they differ.
    """

    name: str
    digest: str
    stored: str | None
    published: str | None
    remedy: str

    @property
    def ok(self) -> bool:
        """Whether the digest equals every one it can be compared with."""
        return {self.stored, self.published} <= {self.digest, None}

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        others = {"at installation": self.stored, "as published": self.published}
        known = {when: digest for when, digest in others.items() if digest is not None}
        wrong = [f"{when} {digest}" for when, digest in known.items() if digest != self.digest]
        if wrong:
            return f"{self.name} has digest {self.digest}, {' and '.join(wrong)}: {self.remedy}"
        same = f"the same {' and '.join(known)}" if known else "nothing to compare it with"
        return f"{self.name} has digest {self.digest}, {same}"


def installed_path(name: str) -> Path:
    """Where the data set ``name`` is or would be installed."""
    return data_home() / f"{name}.npz"


def install(name: str, parts: Parts) -> Path:
    """Writes ``<name>.npz`` with its digest, all or nothing; the caller holds the lock.

    Raises:
        UsageError: The data folder cannot be written.
    """
    path = installed_path(name)
    arrays = {"digest": np.array(digest_of(*parts.present()))}
    for suffix, part in zip(("train", "test"), parts.present(), strict=False):
        arrays[f"x_{suffix}"] = part.images
        if part.labels is not None:
            arrays[f"y_{suffix}"] = part.labels
    try:
        with written_whole(path) as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise cannot_write(error) from error
    return path


def check_published(
    name: str, parts: Parts, published: Mapping[str, Published], *, where: str
) -> None:
    """Checks parts that are about to be installed as ``name`` against all that is known.

    Raises:
        DataError: Another shape, other numbers of images, another digest, or the digest of
            another data set of ``published``.
    """
    digest = digest_of(*parts.present())
    owner = next((known for known, other in published.items() if other.digest == digest), name)
    if owner != name:
        raise DataError(f"{where} holds the data set '{owner}', expected '{name}'")
    if name not in published:
        return
    expected = published[name]
    found = Published(
        shape=parts.train.images.shape[1:],
        num_train=len(parts.train),
        num_test=len(parts.test or ()),
        digest=expected.digest and digest,
    )
    if found != expected:
        raise DataError(f"{where} holds {found.phrase}, expected {expected.phrase} for '{name}'")


def read_installed(name: str) -> tuple[Parts, str]:
    """The published parts of an installed set and the digest stored with them.

    Raises:
        DataError: There is no such file, it is damaged (zip's checksums are compared) or not one of ours.
    """
    path = installed_path(name)
    if not path.is_file():
        raise DataError(f"data set '{name}' is not installed, expected {path}")
    arrays = read_arrays(path)
    if not {"digest", "x_train"} <= arrays.keys():
        raise DataError(
            f"'{path}' has the keys {' '.join(sorted(arrays))}, expected those of an "
            f"installed data set"
        )
    train = Arrays(arrays["x_train"], arrays.get("y_train"))
    test = Arrays(arrays["x_test"], arrays.get("y_test")) if "x_test" in arrays else None
    return Parts(train, test), str(arrays["digest"])


def downloaded(name: str, download: Callable[[Path], Parts]) -> Parts:
    """What ``download`` makes in an empty folder that is gone afterwards; needs the lock.

    Raises:
        DataError: The download failed; gives the reason.
    """
    folder = data_home() / f".{name}.download"
    shutil.rmtree(folder, ignore_errors=True)  # a killed download leaves it
    try:
        folder.mkdir()
        with _quiet_network(), _archives_stay_inside():
            return download(folder)
    except UsageError:
        raise
    except _DOWNLOAD_ERRORS as error:
        raise DataError(
            f"data set '{name}' is not installed in {data_home()} and its download failed "
            f"({_reason(error)})"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _quiet_network() -> Iterator[None]:
    """A short timeout; what a download prints goes to a terminal's standard error or nowhere."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_SECONDS)
    sink = terminal() if sys.stderr.isatty() else io.StringIO()
    try:
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            yield
    finally:
        socket.setdefaulttimeout(timeout)


@contextlib.contextmanager
def _archives_stay_inside() -> Iterator[None]:
    """What a tar file holds is unpacked into its folder alone, by whatever code unpacks it."""
    before = tarfile.TarFile.extraction_filter
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before


def _reason(error: BaseException) -> str:
    """The last line of an error, where torchvision puts the cause, at most 120 characters."""
    lines = [type(error).__name__, *filter(str.strip, str(error).splitlines())]
    return lines[-1].removeprefix("<urlopen error ").removesuffix(">")[:120]
