"""Real images in the order of a run: shuffled epochs one after another, cut into batches."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.images import to_unit
from bench.runtime import generator


class Batches:
    """An endless stream of epochs; a batch may end one and begin the next.

    Args:
        images: The resident train split, uint8 ``[N, C, H, W]``, on the device.
        labels: int64 ``[N]`` on the device, or None.
        size: Images of a batch.
        seed: All that the order depends on.
    """

    def __init__(self, images: Tensor, labels: Tensor | None, *, size: int, seed: int) -> None:
        self._images, self._labels = images, labels
        self._size, self._seed = size, seed
        self._order: tuple[int, Tensor] | None = None

    def at(self, images_seen: int) -> tuple[Tensor, Tensor | None]:
        """The batch behind so many images: float ``[N, C, H, W]`` in [0, 1], and its labels."""
        index = self._index(images_seen)
        labels = None if self._labels is None else self._labels.index_select(0, index)
        return to_unit(self._images.index_select(0, index)), labels

    def _index(self, images_seen: int) -> Tensor:
        wanted, parts = self._size, []
        epoch, start = divmod(images_seen, len(self._images))
        while wanted > 0:
            part = self._permutation(epoch)[start : start + wanted]
            parts.append(part)
            wanted -= len(part)
            epoch, start = epoch + 1, 0
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _permutation(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            order = torch.randperm(
                len(self._images), generator=generator("order", self._seed, epoch)
            )
            self._order = (epoch, order.to(self._images.device))
        return self._order[1]
