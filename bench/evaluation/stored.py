"""One split's images: where they lie, and how batches of them come to the device."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from bench.datasets import Arrays, Images, Packed
from bench.memory import memory_there


class Stored:
    """Images on a device, or on the host from where batches are brought to it; the same bits.

    Args:
        images: uint8 ``[N, C, H, W]``; not on the device where that has no room for all of them.
        device: Where batches are wanted.
        file: What the images lie in, where that is larger than memory.
    """

    def __init__(self, images: Tensor, device: torch.device, file: Packed | None = None) -> None:
        self.all, self.device, self._file = images, device, file
        self._pinned = _Pinned() if images.device.type != device.type else None

    def __len__(self) -> int:
        return len(self.all)

    def take(self, index: Tensor) -> Tensor:
        """The images at ``index``, int64 ``[n]`` and best where ``all`` lies, on the device."""
        index = index.to(self.all.device)
        if self._pinned is not None:
            with self._pinned.buffer((len(index), *self.all.shape[1:])) as batch:
                return self._gathered(index, batch).to(self.device, non_blocking=True)
        if self._file is None:
            return self.all.index_select(0, index)
        return self._gathered(index, self.all.new_empty((len(index), *self.all.shape[1:])))

    def _gathered(self, index: Tensor, batch: Tensor) -> Tensor:
        if self._file is None:
            return torch.index_select(self.all, 0, index, out=batch)
        self._file.read(self.all.numpy(), index.tolist(), batch.numpy())
        return batch


class _Pinned:
    """Two buffers that a device reads while the host goes on, by turns."""

    def __init__(self) -> None:
        self._buffers, self._turn = [torch.empty(0), torch.empty(0)], 0
        self._read = [torch.cuda.Event(), torch.cuda.Event()]

    @contextmanager
    def buffer(self, shape: tuple[int, ...]) -> Iterator[Tensor]:
        """One that nobody reads; what is asked of the device inside is waited for before its next turn."""
        turn = self._turn = 1 - self._turn
        self._read[turn].synchronize()
        if self._buffers[turn].shape != shape:
            self._buffers[turn] = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        yield self._buffers[turn]
        self._read[turn].record()


def placed(
    parts: Mapping[str, Arrays], device: torch.device, packed: Packed | None
) -> dict[str, Stored]:
    """The images of some splits, on the device in this order as long as half of its memory lasts.

    The host needs no copy of what lies in a file: its memory holds the file, for all processes.
    """
    room = 0 if device.type == "cpu" else memory_there(device) // 2
    file = None if packed is None or packed.fits else packed
    found = {}
    for name, part in parts.items():
        images, there = _on_host(part.images), part.images.nbytes <= room
        room -= there * images.nbytes
        found[name] = Stored(images.to(device), device) if there else Stored(images, device, file)
    return found


def _on_host(images: Images) -> Tensor:
    """The same memory as a tensor, which nobody may write to where it cannot be written."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(images)
