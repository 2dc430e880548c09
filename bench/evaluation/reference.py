"""The images of a data set on a device, and what the detectors say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from bench.contracts import Detector, Features
from bench.datasets import Splits
from bench.evaluation.feature_cache import BlockKey, FeatureCache, Outputs
from bench.evaluation.stored import Stored, placed
from bench.pieces import piece
from bench.records import SplitInput
from bench.runtime import generator

BLOCK = 500
"""Real images that a detector sees at once: what it says of them does not depend on what was
asked for before, to the last bit."""


class ReferenceData:
    """The splits on a device and what detectors say of them, shared by the runs of a process.

    Args:
        splits: The data set.
        device: Where images and features live.
        detector: The feature network that selection reads; None where the data set has none.
        other_detectors: Further ones, for the measures at the end of a run.
        unavailable: Name of the distance of each further one that cannot be had, to the reason.
        cache: Where features of real images outlive the process; None keeps none.
    """

    def __init__(
        self,
        splits: Splits,
        device: torch.device,
        detector: Detector | None,
        *,
        other_detectors: Sequence[Detector] = (),
        unavailable: Mapping[str, str] | None = None,
        cache: FeatureCache | None = None,
    ) -> None:
        self.spec, self.device, self.detector = splits.spec, device, detector
        self.classes, self.notes, self.truth = splits.classes, splits.notes, splits.truth
        own = None if detector is None else detector.name
        self.other_detectors = tuple(other for other in other_detectors if other.name != own)
        self.unavailable, self._cache = dict(unavailable or {}), cache
        parts = {"test": splits.test, "val": splits.val, "train": splits.train}
        self._images = placed(parts, device, splits.packed)
        self._mapped = splits.packed is not None
        self._labels = {
            k: None if v.labels is None else torch.from_numpy(v.labels).to(device)
            for k, v in parts.items()
        }
        self._orders: dict[str, Tensor] = {}
        self._features: dict[tuple[str, str, int], Features] = {}

    def provenance_tags(self) -> dict[str, str]:
        """Tags that say which data and which detectors a run's numbers come from."""
        detector = self.detector
        known = ("", "", "") if detector is None else (detector.name, detector.digest, detector.dim)
        names = ("detector", "detector_digest", "detector_dim")
        tags = dict(zip(names, map(str, known), strict=True))
        tags |= {f"detector_digest_{other.name}": other.digest for other in self.other_detectors}
        # What makes epochs of the images that a run has seen.
        tags["train_images"] = str(len(self._images["train"]))
        return {"data_digest": self.spec.digest, **tags}

    def inputs(self) -> list[SplitInput]:
        """Every split, for a tracker that lists what a run was given."""
        return [self._input(split) for split in self._images]

    def _input(self, split: str) -> SplitInput:
        images = self.images(split)
        said = f"{self.spec.digest} {split} {len(images)}"
        return SplitInput(
            dataset=self.spec.name,
            split=split,
            digest=hashlib.sha256(said.encode()).hexdigest()[:16],
            shape=tuple(images.shape),
            dtype=str(images.dtype).removeprefix("torch."),
            has_labels=self.labels(split) is not None,
        )

    def images(self, split: str) -> Tensor:
        """uint8 ``[N, C, H, W]``; on the host where the device has no room for them."""
        return self._images[split].all

    def stored(self, split: str) -> Stored:
        """The same, of which batches come to the device."""
        return self._images[split]

    @property
    def own_bytes(self) -> int:
        """What every process that uses the images holds of them for itself."""
        images = [stored.all for stored in self._images.values()]
        return sum(each.nbytes for each in images if not (self._mapped and each.is_cpu))

    def labels(self, split: str) -> Tensor | None:
        """int64 ``[N]``, or None."""
        return self._labels[split]

    def order(self, split: str) -> Tensor:
        """A fixed random order of a split, int64 ``[N]``; files may be in order of class (rule 1)."""
        if split not in self._orders:
            order = torch.randperm(len(self._images[split]), generator=generator("subset", split))
            self._orders[split] = order.to(self.device)
        return self._orders[split]

    def subset(self, split: str, n: int) -> tuple[Tensor, Tensor | None]:
        """The first n images in that order, uint8, with their labels."""
        index, labels = self.order(split)[:n], self._labels[split]
        return self._images[split].take(index), None if labels is None else labels[index]

    def real_features(self, split: str, n: int, detector: Detector) -> Features:
        """A detector on the first n images in that order (nested in n)."""
        # In smaller pieces the last bits may be others: they serve no run that had the memory.
        key, n = (detector.name, split, piece(BLOCK)), min(n, len(self._images[split]))
        known = self._features.get(key)
        have = 0 if known is None else len(known.features)
        if n > have:
            blocks = [self._block(split, start, detector) for start in range(have, n, BLOCK)]
            self._features[key] = _joined([known, *blocks] if known else blocks)
        return first(self._features[key], n)

    def constant(self, name: str, compute: Callable[..., Tensor], *of: Tensor) -> Tensor:
        """What follows from tensors that every model has in common, float64: kept with features.

        Args:
            name: Of the computation.
            compute: What makes it of the tensors, where it is not kept yet.
            of: All that it depends on.
        """
        return compute(*of) if self._cache is None else self._cache.constant(name, compute, *of)

    def _block(self, split: str, start: int, detector: Detector) -> Features:
        """A detector on the images from ``start`` on, a whole block or what is left."""
        index = self.order(split)[start : start + BLOCK]
        labels = self._labels[split]

        def compute() -> Outputs:
            return detector(self._images[split].take(index))

        if self._cache is None or piece(BLOCK) < BLOCK:
            outputs = compute()
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
            outputs = self._cache.outputs(key, compute)
        return Features(*outputs, None if labels is None else labels[index])


def first(known: Features, n: int) -> Features:
    """What was said of the first n images."""
    return Features(
        known.features[:n],
        None if known.probs is None else known.probs[:n],
        None if known.labels is None else known.labels[:n],
    )


def _joined(parts: Sequence[Features]) -> Features:
    def whole(pick: Callable[[Features], Tensor | None]) -> Tensor | None:
        found = [values for part in parts if (values := pick(part)) is not None]
        return torch.cat(found) if found else None

    features = torch.cat([part.features for part in parts])
    return Features(features, whole(lambda part: part.probs), whole(lambda part: part.labels))
