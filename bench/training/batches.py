"""Real images in the order of a run: shuffled epochs cut into batches, or stacks drawn anew."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.evaluation.stored import Stored
from bench.images import to_unit
from bench.runtime import generator


class Batches:
    """An endless stream of epochs; a batch may end one and begin the next.

    With ``channels`` there are no epochs: each batch is of stacks of so many images of one channel
    that are drawn with replacement, anew from the seed and the step (Metz et al. 2017, arXiv
    1611.02163).

    Args:
        images: The train split, uint8 ``[N, C, H, W]``, on the device or on its way there.
        labels: int64 ``[N]`` on the device, or None.
        size: Images of a batch.
        seed: All that the order depends on.
        channels: Images of a stack; 0 shows the images as they are.
    """

    def __init__(
        self,
        images: Tensor | Stored,
        labels: Tensor | None,
        *,
        size: int,
        seed: int,
        channels: int = 0,
    ) -> None:
        self._images = images if isinstance(images, Stored) else Stored(images, images.device)
        self._labels = labels
        self._size, self._seed, self._channels = size, seed, channels
        self._num_classes = 0 if labels is None else int(labels.max()) + 1
        self._order: tuple[int, Tensor] | None = None

    def at(self, images_seen: int) -> tuple[Tensor, Tensor | None]:
        """The batch behind so many images: float ``[N, C, H, W]`` in [0, 1], and its labels."""
        if self._channels:
            return self._stacks(images_seen // self._size)
        index = self._index(images_seen)
        images = to_unit(self._images.take(index))
        if self._labels is None:
            return images, None
        return images, self._labels.index_select(0, index.to(self._labels.device))

    def _stacks(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Float ``[N, channels, H, W]``, and of classes a, b, c of ten the class 100 a + 10 b + c."""
        rng, shape = generator("stacks", self._seed, step), (self._size, self._channels)
        index = torch.randint(len(self._images), shape, generator=rng)
        images = to_unit(self._images.take(index.flatten()))
        images = images.view(*shape, *images.shape[2:])
        if self._labels is None:
            return images, None
        labels = self._labels[index.to(self._labels.device)]
        places = self._num_classes ** torch.arange(self._channels - 1, -1, -1, device=labels.device)
        return images, (labels * places).sum(1)

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
