"""The images of a data set on a device, and what the detectors say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from bench.contracts import Detector, Seen
from bench.datasets import Splits
from bench.evaluation.feature_cache import BlockKey, FeatureCache, Told
from bench.runtime import generator

BLOCK = 500
"""Real images that a detector sees at once: what it says of them does not depend on what was
asked for before, to the last bit."""


class HeldData:
    """The splits on a device and what detectors say of them, shared by the runs of a process.

    Args:
        splits: The data set.
        device: Where images and features live.
        detector: The feature network that selection reads; None where the data set has none.
        also: Further ones, for the measures at the end of a run.
        lacking: Name of the distance of each further one that cannot be had, to the reason.
        cache: Where features of real images outlive the process; None keeps none.
    """

    def __init__(
        self,
        splits: Splits,
        device: torch.device,
        detector: Detector | None,
        *,
        also: Sequence[Detector] = (),
        lacking: Mapping[str, str] | None = None,
        cache: FeatureCache | None = None,
    ) -> None:
        self.spec, self.device, self.detector = splits.spec, device, detector
        own = None if detector is None else detector.name
        self.also = tuple(other for other in also if other.name != own)
        self.lacking, self._cache = dict(lacking or {}), cache
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
        key, n = (detector.name, split), min(n, len(self._images[split]))
        known = self._seen.get(key)
        have = 0 if known is None else len(known.features)
        if n > have:
            blocks = [self._block(split, start, detector) for start in range(have, n, BLOCK)]
            self._seen[key] = _joined([known, *blocks] if known else blocks)
        return first(self._seen[key], n)

    def _block(self, split: str, start: int, detector: Detector) -> Seen:
        """A detector on the images from ``start`` on, a whole block or what is left."""
        index = self.order(split)[start : start + BLOCK]
        labels = self._labels[split]

        def compute() -> Told:
            return detector(self._images[split][index])

        if self._cache is None:
            told = compute()
        else:
            key = BlockKey(
                data_digest=self.spec.digest,
                split=split,
                start=start,
                size=len(index),
                detector=detector.name,
                detector_digest=detector.digest,
                device=self.device,
            )
            told = self._cache.told(key, compute)
        return Seen(*told, None if labels is None else labels[index])


def first(seen: Seen, n: int) -> Seen:
    """What was said of the first n images."""
    return Seen(
        seen.features[:n],
        None if seen.probs is None else seen.probs[:n],
        None if seen.labels is None else seen.labels[:n],
    )


def _joined(parts: Sequence[Seen]) -> Seen:
    def whole(pick: Callable[[Seen], Tensor | None]) -> Tensor | None:
        found = [values for part in parts if (values := pick(part)) is not None]
        return torch.cat(found) if found else None

    features = torch.cat([part.features for part in parts])
    return Seen(features, whole(lambda part: part.probs), whole(lambda part: part.labels))
