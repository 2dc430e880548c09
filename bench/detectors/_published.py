"""Weights that somebody has published: their file is installed by its digest, or not at all."""

from __future__ import annotations

import http.client
import shutil
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from bench.datasets._install import DOWNLOAD_TIMEOUT_SECONDS
from bench.errors import Unavailable, UsageError
from bench.files import data_home, file_digest, install_lock, written_whole


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file of weights, fetched once or imported.

    Attributes:
        name: Of the detector they belong to.
        title: What a message calls it.
        url: Where the file is published; it keeps its name.
        sha256: Its digest in hex digits, or as much of the beginning as is known.
        distance: What a distance is called only where it is measured with them.
        option: Takes the file, where another than ``bench detectors import`` does.
    """

    name: str
    title: str
    url: str
    sha256: str
    distance: str
    option: str = ""

    @property
    def path(self) -> Path:
        """Where they lie, or would lie."""
        return data_home() / "detectors" / self.url.rpartition("/")[2]

    @property
    def remedy(self) -> str:
        """What to do where they are not."""
        option = self.option or f"`bench detectors import {self.name} FILE`"
        return (
            f"run `bench detectors fetch {self.name}` on a machine with a network, or give the "
            f"file of {self.url} with {option}"
        )

    def digest(self) -> str:
        """First 16 hex digits of the digest of the installed weights.

        Raises:
            Unavailable: They are not there, or no longer what was published.
        """
        if not self.path.is_file():
            raise Unavailable(f"the {self.title} weights are not on this machine: {self.remedy}")
        digest = file_digest(self.path)
        if not digest.startswith(self.sha256):
            raise Unavailable(f"the installed {self.title} weights are damaged: {self.remedy}")
        return digest[:16]

    def install(self, file: Path) -> Path:
        """Installs them from a file; intact ones are left alone.

        Raises:
            UsageError: No such file, not the published weights, or nowhere to put them.
        """
        advice = f"give the path of the {self.title} weights"
        try:
            if not file.is_file():
                raise UsageError(f"'{file}' is no file: {advice}")
            source = file.open("rb")
        except OSError as error:
            raise UsageError(
                f"'{file}' cannot be read ({error.strerror or error}): {advice}"
            ) from error
        with source:
            return self._install(partial(shutil.copyfileobj, source), f"'{file}'")

    def fetch(self) -> Path:
        """Downloads and installs them; intact ones are left alone.

        Raises:
            UsageError: No network, not the published weights, or nowhere to put them.
        """
        return self._install(self._download, "the download")

    def _download(self, part: BinaryIO) -> None:
        try:
            with urllib.request.urlopen(self.url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer:  # noqa: S310 - https
                shutil.copyfileobj(answer, part)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise UsageError(
                f"the download of {self.url} failed ({reason}): {self.remedy}"
            ) from error

    def _install(self, fill: Callable[[BinaryIO], None], where: str) -> Path:
        """What ``fill`` writes becomes the weights if its digest is right; all or nothing."""
        with install_lock(self.name):
            if self.path.is_file() and file_digest(self.path).startswith(self.sha256):
                return self.path
            try:
                self.path.parent.mkdir(exist_ok=True)
                with written_whole(self.path) as file:
                    fill(file)
                    file.flush()
                    digest = file_digest(Path(file.name))
                    if not digest.startswith(self.sha256):
                        raise UsageError(
                            f"{where} has the SHA-256 {digest[:16]}, expected {self.sha256[:16]} "
                            f"for the published {self.title} weights, the only ones whose distance "
                            f"is called {self.distance}: {self.remedy}"
                        )
            except OSError as error:
                raise UsageError(
                    f"the {self.title} weights cannot be stored in {self.path.parent} "
                    f"({error.strerror or error}): free space there or set BENCH_DATA to another "
                    "folder"
                ) from error
        return self.path
