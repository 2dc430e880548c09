"""Real images in the order of a run: shuffled epochs one after another, cut into batches."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.evaluation.stored import Stored
from bench.images import to_unit
from bench.runtime import generator


class Batches:
    """An endless stream of epochs; a batch may end one and begin the next.

    Args:
        images: The train split, uint8 ``[N, C, H, W]``, on the device or on its way there.
        labels: int64 ``[N]`` on the device, or None.
        size: Images of a batch.
        seed: All that the order depends on.
    """

    def __init__(
        self, images: Tensor | Stored, labels: Tensor | None, *, size: int, seed: int
    ) -> None:
        self._images = images if isinstance(images, Stored) else Stored(images, images.device)
        self._labels = labels
        self._size, self._seed = size, seed
        self._order: tuple[int, Tensor] | None = None

    def at(self, images_seen: int) -> tuple[Tensor, Tensor | None]:
        """The batch behind so many images: float ``[N, C, H, W]`` in [0, 1], and its labels."""
        index = self._index(images_seen)
        images = to_unit(self._images.take(index))
        if self._labels is None:
            return images, None
        return images, self._labels.index_select(0, index.to(self._labels.device))

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
            self._order = (epoch, order.to(self._images.all.device))
        return self._order[1]
