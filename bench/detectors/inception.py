"""Inception-v3 with the original TensorFlow weights, by torch-fidelity (protocol rule 9).

The distance in its features alone is called FID (Heusel et al. 2017, arXiv 1706.08500). The
weights are no part of the package: 91 MB, fetched once or imported from a file.
"""

from __future__ import annotations

import http.client
import shutil
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from bench.datasets._install import DOWNLOAD_TIMEOUT_SECONDS
from bench.detectors import DETECTORS, DetectorKind, Fixed, Obtainable
from bench.detectors._classifier import features_and_probs
from bench.errors import Unavailable, UsageError
from bench.files import data_home, file_digest, install_lock, written_whole
from bench.modules import place
from bench.pieces import piece, stoppable
from bench.torchvision_import import import_torchvision

DIM = 2048
CHUNK = 25  # images at 299 x 299 whose largest layer takes 140 MB
WEIGHTS_URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
SHA256_START = "6726825d"
"""The publisher gives the first eight hex digits of the digest, in the file's name."""

REMEDY = (
    "run `bench detectors fetch inception` on a machine with a network, or give its file "
    f"{WEIGHTS_URL.rpartition('/')[2]} with --inception-weights FILE"
)


class Inception:
    """torch-fidelity's network as a detector: 2048 pooled features, ImageNet's classes.

    Probabilities are the softmax of the logits without their bias, as in the original
    Inception score's code. Gray images become three equal channels, and the network resizes
    uint8 images the way the original does.

    Args:
        path: Weights in torch-fidelity's form.
        name: In every metric's name; ``inception`` belongs to the published weights.

    Attributes:
        name: As given.
        digest: First 16 hex digits of the SHA-256 of the weights' file.
        dim: Number of features.
        own_classes: Its classes are ImageNet's.

    Raises:
        UsageError: The file holds something other than this network's weights.
    """

    dim = DIM
    own_classes = False

    def __init__(self, path: Path, *, name: str) -> None:
        self.name, self.digest = name, file_digest(path)[:16]
        self._net = _network(path)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 ``[N, C, H, W]``, C 1 or 3, to features and ImageNet's probabilities, float64."""
        place(self._net, images.device)
        colour = images.expand(-1, 3, -1, -1)
        chunks = stoppable(colour.split(piece(CHUNK)))
        return features_and_probs(self._net(chunk) for chunk in chunks)


def _network(path: Path) -> torch.nn.Module:
    import_torchvision()  # torch-fidelity imports torchvision itself
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        # torch-fidelity reads the file as a pickle that may run code: this refuses such a file.
        torch.load(path, weights_only=True, map_location="cpu")
        with torch.random.fork_rng(devices=[]):
            net: torch.nn.Module = FeatureExtractorInceptionV3(
                "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
            )
    except Exception as error:
        raise UsageError(
            f"'{path}' does not hold the weights of Inception-v3 ({type(error).__name__}): {REMEDY}"
        ) from error
    return net


def weights_path() -> Path:
    """Where the published weights lie, or would lie."""
    return data_home() / "detectors" / WEIGHTS_URL.rpartition("/")[2]


def installed_digest() -> str:
    """First 16 hex digits of the digest of the installed weights.

    Raises:
        Unavailable: They are not there, or no longer what was published.
    """
    path = weights_path()
    if not path.is_file():
        raise Unavailable(f"the Inception weights are not on this machine: {REMEDY}")
    digest = file_digest(path)
    if not digest.startswith(SHA256_START):
        raise Unavailable(f"the installed Inception weights are damaged: {REMEDY}")
    return digest[:16]


def load_inception() -> Inception:
    """The detector with the published weights, the only one that may be called ``inception``.

    Raises:
        Unavailable: As ``installed_digest``.
    """
    installed_digest()
    return Inception(weights_path(), name="inception")


def import_weights(file: Path) -> Path:
    """Installs the published weights from a file; intact ones are left alone.

    Raises:
        UsageError: No such file, not the published weights, or nowhere to put them.
    """
    try:
        if not file.is_file():
            raise UsageError(f"'{file}' is no file: give the path of the Inception weights")
        source = file.open("rb")
    except OSError as error:
        raise UsageError(
            f"'{file}' cannot be read ({error.strerror or error}): give the path of the Inception "
            "weights"
        ) from error
    with source:
        return _install(partial(shutil.copyfileobj, source), f"'{file}'")


def fetch_weights(url: str = WEIGHTS_URL) -> Path:
    """Downloads and installs the published weights; intact ones are left alone.

    Raises:
        UsageError: No network, not the published weights, or nowhere to put them.
    """

    def download(part: BinaryIO) -> None:
        try:
            with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer:  # noqa: S310 - https
                shutil.copyfileobj(answer, part)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise UsageError(f"the download of {url} failed ({reason}): {REMEDY}") from error

    return _install(download, "the download")


def _install(fill: Callable[[BinaryIO], None], where: str) -> Path:
    """What ``fill`` writes becomes the weights if its digest is right; all or nothing."""
    path = weights_path()
    with install_lock("inception"):
        if path.is_file() and file_digest(path).startswith(SHA256_START):
            return path
        try:
            path.parent.mkdir(exist_ok=True)
            with written_whole(path) as file:
                fill(file)
                file.flush()
                digest = file_digest(Path(file.name))
                if not digest.startswith(SHA256_START):
                    raise UsageError(
                        f"{where} has the SHA-256 {digest[:16]}, expected {SHA256_START} for the "
                        f"published Inception weights, the only ones whose distance is called FID: "
                        f"{REMEDY}"
                    )
        except OSError as error:
            raise UsageError(
                f"the Inception weights cannot be stored in {path.parent} "
                f"({error.strerror or error}): free space there or set BENCH_DATA to another folder"
            ) from error
    return path


DETECTORS.add(
    "inception",
    DetectorKind(
        summary="Inception-v3 with the original TensorFlow weights (rule 9), any images",
        fixed=Fixed(
            dim=DIM,
            digest=installed_digest,
            load=load_inception,
            weights=Obtainable(fetch=fetch_weights, install=import_weights),
        ),
    ),
)
