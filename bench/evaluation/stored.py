"""One split's images: where they lie, and how batches of them come to the device."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor

from bench.datasets import Arrays, Images, Packed
from bench.memory import memory_there

KEPT_BYTES = 64 * 2**20
"""Of a file that does not fit into memory, what this process holds between two times of forgetting."""


class Stored:
    """Images on a device, or on the host from where batches are brought to it; the same bits.

    Args:
        images: uint8 ``[N, C, H, W]``; not on the device where that has no room for all of them.
        device: Where batches are wanted.
        file: What the images lie in, where that is larger than memory: its parts are asked for
            before they are read, and soon forgotten.
    """

    def __init__(self, images: Tensor, device: torch.device, file: Packed | None = None) -> None:
        self.all, self.device, self._file = images, device, file
        self._pinned = _Pinned(device) if images.device.type != device.type else None
        self._held = 0

    def __len__(self) -> int:
        return len(self.all)

    def take(self, index: Tensor) -> Tensor:
        """The images at ``index``, int64 ``[n]`` and best where ``all`` lies, on the device."""
        index = index.to(self.all.device)
        if self._file is not None:
            self._turn_pages(self._file, index)
        if self._pinned is None:
            return self.all.index_select(0, index)
        return self._pinned.brought(self.all, index)

    def _turn_pages(self, file: Packed, index: Tensor) -> None:
        if self._held > KEPT_BYTES:
            file.forget()
            self._held = 0
        self._held += file.ask_for(self.all.numpy(), index.tolist())


class _Pinned:
    """Two buffers that a device reads while the host goes on, by turns."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._buffers, self._turn = device, [torch.empty(0), torch.empty(0)], 0
        self._read = [torch.cuda.Event(), torch.cuda.Event()]

    def brought(self, images: Tensor, index: Tensor) -> Tensor:
        """A copy on the device."""
        turn = self._turn = 1 - self._turn
        self._read[turn].synchronize()
        shape = (len(index), *images.shape[1:])
        if self._buffers[turn].shape != shape:
            self._buffers[turn] = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        torch.index_select(images, 0, index, out=self._buffers[turn])
        copy = self._buffers[turn].to(self._device, non_blocking=True)
        self._read[turn].record()
        return copy


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
