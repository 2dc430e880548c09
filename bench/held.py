"""The images of a data set on a device, and what the detectors say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bench.contracts import Detector, Seen
from bench.datasets import Splits
from bench.runtime import generator


class HeldData:
    """The splits on a device and what detectors say of them, shared by the runs of a process.

    Args:
        splits: The data set.
        device: Where images and features live.
        detector: The feature network that selection reads; None where the data set has none.
        also: Further ones, for the measures at the end of a run.
        lacking: Name of each further one that cannot be had, to the reason.
    """

    def __init__(
        self,
        splits: Splits,
        device: torch.device,
        detector: Detector | None,
        *,
        also: Sequence[Detector] = (),
        lacking: Mapping[str, str] | None = None,
    ) -> None:
        self.spec, self.device, self.detector = splits.spec, device, detector
        self.also, self.lacking = tuple(also), dict(lacking or {})
        parts = {"train": splits.train, "val": splits.val, "test": splits.test}
        self._images = {k: torch.from_numpy(v.images).to(device) for k, v in parts.items()}
        self._labels = {
            k: None if v.labels is None else torch.from_numpy(v.labels).to(device)
            for k, v in parts.items()
        }
        self._orders: dict[str, Tensor] = {}
        self._seen: dict[tuple[str, str], Seen] = {}

    def facts(self) -> dict[str, str]:
        """Tags that say which data and which detectors a run's numbers come from."""
        detector = self.detector
        known = ("", "", "") if detector is None else (detector.name, detector.digest, detector.dim)
        names = ("detector", "detector_digest", "detector_dim")
        tags = dict(zip(names, map(str, known), strict=True))
        tags |= {f"detector_digest_{other.name}": other.digest for other in self.also}
        return {"data_digest": self.spec.digest, **tags}

    def images(self, split: str) -> Tensor:
        """uint8 ``[N, C, H, W]``."""
        return self._images[split]

    def labels(self, split: str) -> Tensor | None:
        """int64 ``[N]``, or None."""
        return self._labels[split]

    def order(self, split: str) -> Tensor:
        """A fixed random order of a split, int64 ``[N]``; files may be in order of class (rule 1)."""
        if split not in self._orders:
            order = torch.randperm(len(self._images[split]), generator=generator("subset", split))
            self._orders[split] = order.to(self.device)
        return self._orders[split]

    def some(self, split: str, n: int) -> tuple[Tensor, Tensor | None]:
        """The first n images in that order, uint8, with their labels."""
        index, labels = self.order(split)[:n], self._labels[split]
        return self._images[split][index], None if labels is None else labels[index]

    def real(self, split: str, n: int, detector: Detector) -> Seen:
        """A detector on the first n images in that order (nested in n)."""
        key = detector.name, split
        known = self._seen.get(key)
        have = 0 if known is None else len(known.features)
        if n > have:
            index, labels = self.order(split)[have:n], self._labels[split]
            chosen = None if labels is None else labels[index]
            more = Seen(*detector(self._images[split][index]), chosen)
            self._seen[key] = more if known is None else _joined(known, more)
        return first(self._seen[key], n)


def first(seen: Seen, n: int) -> Seen:
    """What was said of the first n images."""
    return Seen(
        seen.features[:n],
        None if seen.probs is None else seen.probs[:n],
        None if seen.labels is None else seen.labels[:n],
    )


def _joined(a: Seen, b: Seen) -> Seen:
    def both(x: Tensor | None, y: Tensor | None) -> Tensor | None:
        return None if x is None or y is None else torch.cat([x, y])

    return Seen(
        torch.cat([a.features, b.features]), both(a.probs, b.probs), both(a.labels, b.labels)
    )
