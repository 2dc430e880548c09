"""What detectors say of real images, kept on disk block by block, and what follows from it.

A block's file is read only where the same bits would be computed: its folder names the data set,
the detector by the digest of its weights, the split, and what decides the order of the sums.
A block of 500 images takes 0.17 MB through MNIST's classifier and 6.1 MB through Inception. What
follows from features (floors, the reach of neighbours) is found by the digest of the features.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.files import data_home
from bench.tensor_file import read_tensors, write_tensors

VERSION = 1
"""Of what a file holds: raised when the order of a split, the form of the files or a constant changes."""

KEEP_SECONDS = 0.05
"""What took less is not kept.

Seconds that 500 images take on one thread of an AMD EPYC: digits through their classifier 0.01,
MNIST 0.07, Inception above 60; reading a block takes 0.0003 to 0.005, writing one 0.001 to 0.01.
"""

VALUES = "values"
"""What the one tensor of a constant is called in its file."""

Tensors = dict[str, Tensor]

Outputs = tuple[Tensor, Tensor | None]
"""What a detector gives: features ``[N, dim]`` and class probabilities ``[N, K]``, float64."""


@dataclass(frozen=True, kw_only=True)
class BlockKey:
    """Which images were seen by what.

    Attributes:
        data_digest: Of the data set.
        split: ``train``, ``val`` or ``test``.
        start: Place of the first image in the split's fixed random order.
        size: Images.
        detector: Its name, for whoever looks into the folder.
        detector_digest: Of its weights.
        device: Where it computed.
    """

    data_digest: str
    split: str
    start: int
    size: int
    detector: str
    detector_digest: str
    device: torch.device

    @property
    def path(self) -> Path:
        """Where the block lies, below the cache's folder."""
        return Path(
            self.data_digest,
            f"{self.detector}_{self.detector_digest}",
            f"{self.split}_{_conditions(self.device)}",
            f"{self.start:06d}_{self.size}.safetensors",
        )


class FeatureCache:
    """Blocks below a folder; where it cannot be read or written they are computed.

    Args:
        folder: May be deleted at any time.
        keep_seconds: What takes less to compute is not kept.
    """

    def __init__(self, folder: Path, *, keep_seconds: float = KEEP_SECONDS) -> None:
        self.folder, self._keep_seconds = folder, keep_seconds

    def outputs(self, key: BlockKey, compute: Callable[[], Outputs]) -> Outputs:
        """A block from its file, else computed; bit by bit the same."""

        def block() -> Tensors:
            features, probs = compute()
            return {"features": features} | ({} if probs is None else {"probs": probs})

        known = self._kept(key.path, block, lambda found: len(found["features"]) == key.size)
        probs = known.get("probs")
        return (
            known["features"].to(key.device).double(),
            None if probs is None else probs.to(key.device).double(),
        )

    def constant(self, name: str, compute: Callable[..., Tensor], *of: Tensor) -> Tensor:
        """What follows from these tensors alone, float64: from its file, else computed."""
        device, shown = of[0].device, {str(i): values.cpu() for i, values in enumerate(of)}
        path = Path("constants", _conditions(device), f"{name}_{_digest(shown)[:32]}.safetensors")
        known = self._kept(path, lambda: {VALUES: compute(*of)}, lambda found: VALUES in found)
        return known[VALUES].to(device).double()

    def _kept(
        self, path: Path, compute: Callable[[], Tensors], fits: Callable[[Tensors], bool]
    ) -> Tensors:
        """From its file where that is whole and what was meant, else computed."""
        path = self.folder / path
        with suppress(OSError, KeyError):  # not there, damaged, or of another kind: made again
            if fits(found := _read(path)):
                return found
        started = time.perf_counter()
        tensors = compute()
        if time.perf_counter() - started >= self._keep_seconds:
            with suppress(OSError):  # a full disk or a folder of somebody else
                _write(path, tensors)
        return tensors


def user_cache() -> FeatureCache:
    """The one below the data folder, shared by all processes of a user."""
    return FeatureCache(data_home() / "features")


def _read(path: Path) -> Tensors:
    """What was computed, on the CPU.

    Raises:
        OSError: It is not there, or its bytes are not those that were written.
    """
    tensors, facts = read_tensors(path)
    if facts["digest"] != _digest(tensors):
        raise OSError(f"{path.name} is damaged")
    return tensors


def _write(path: Path, tensors: Tensors) -> None:
    short = {name: _short(values.cpu()) for name, values in tensors.items()}
    write_tensors(path, short, {"digest": _digest(short)})


def _short(values: Tensor) -> Tensor:
    """float32 where that loses nothing: networks compute in it."""
    short = values.float()
    return short if torch.equal(short.double(), values) else values


def _digest(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(tensors.items()):
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.contiguous().numpy().data)
    return digest.hexdigest()


def _products() -> str:
    """How a GPU rounds what its networks multiply."""
    rounded = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    return "tf32" if rounded else "fp32"


def _conditions(device: torch.device) -> str:
    """What decides the order in which a network's sums are taken, and so their last bits."""
    where = (
        f"{torch.cuda.get_device_name(device)}_{_products()}"
        if device.type == "cuda"
        else f"{torch.backends.cpu.get_cpu_capability()}_{torch.get_num_threads()}threads"
    )
    text = f"v{VERSION}_{device.type}_{where}_torch{torch.__version__}"
    return "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in text)
