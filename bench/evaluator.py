"""Samples once, caches features, runs the metrics and pictures that apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.contracts import Detector, EvalFns, Need, Nets, Noise, Seen
from bench.datasets import Splits
from bench.images import Picture, to_bytes
from bench.labels import draw_labels
from bench.metrics import METRICS, NotApplicable
from bench.pictures import PICTURES
from bench.records import DataSpec
from bench.runtime import DeviceNoise, generator

CHUNK = 500


class HeldData:
    """The splits on a device and what a detector says of them, shared by the runs of a process.

    Args:
        splits: The data set.
        device: Where images and features live.
        detector: Feature network, or None where the data set has none.
    """

    def __init__(self, splits: Splits, device: torch.device, detector: Detector | None) -> None:
        self.spec, self.device, self.detector = splits.spec, device, detector
        parts = {"train": splits.train, "val": splits.val, "test": splits.test}
        self._images = {k: torch.from_numpy(v.images).to(device) for k, v in parts.items()}
        self._labels = {
            k: None if v.labels is None else torch.from_numpy(v.labels).to(device)
            for k, v in parts.items()
        }
        self._orders: dict[str, Tensor] = {}
        self._seen: dict[str, Seen] = {}

    def facts(self) -> dict[str, str]:
        """Tags that say which data and which detector a run's numbers come from."""
        detector = self.detector
        known = ("", "", "") if detector is None else (detector.name, detector.digest, detector.dim)
        names = ("detector", "detector_digest", "detector_dim")
        tags = dict(zip(names, map(str, known), strict=True))
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

    def real(self, split: str, n: int) -> Seen:
        """The detector on the first n images in that order (nested in n)."""
        known = self._seen.get(split)
        have = 0 if known is None else len(known.features)
        if n > have:
            index, labels = self.order(split)[have:n], self._labels[split]
            chosen = None if labels is None else labels[index]
            more = look(self.detector, self._images[split][index], chosen)
            self._seen[split] = more if known is None else _joined(known, more)
        return _first(self._seen[split], n)


class Generated:
    """The samples of one state of a model and their features, drawn once for all its views.

    Args:
        held: Device and detector.
        nets: Modules; they must not change while this lives.
        fns: The model's functions.
    """

    def __init__(self, held: HeldData, nets: Nets, fns: EvalFns) -> None:
        self.held, self.nets, self.fns = held, nets, fns
        self._samples: Tensor | None = None
        self._labels: Tensor | None = None
        self._seen: Seen | None = None

    def samples(self, n: int, at_least: int) -> Tensor:
        """The first n samples, uint8; drawn for ``at_least`` so that sets are nested in n."""
        if self._samples is None or len(self._samples) < n:
            count, device = max(n, at_least), self.held.device
            noise = DeviceNoise(generator("evaluation", "samples"), device)
            if self.fns.conditional:
                label_noise = DeviceNoise(generator("evaluation", "sample_labels"), device)
                self._labels = draw_labels(self.held.spec, count, label_noise)
            self._samples = draw(self.nets, self.fns, count, noise, self._labels)
        return self._samples[:n]

    def seen(self, n: int, at_least: int) -> Seen:
        """The detector on the first n samples."""
        if self._seen is None or len(self._seen.features) < n:
            images = self.samples(max(n, at_least), at_least)
            self._seen = look(self.held.detector, images, self._labels)
        return _first(self._seen, n)


@dataclass(kw_only=True)
class Evaluation:
    """One state of a model seen on one held-out split; see ``contracts.View``.

    Attributes:
        generated: Samples of the model's state, shared with other views of it.
        split: ``val`` or ``test``.
        counts: Sample counts for distances, ascending.
        most: Samples to draw at once; at least the largest count.
        with_floors: Measure real against real as well.
    """

    generated: Generated
    split: str
    counts: tuple[int, ...]
    most: int
    with_floors: bool = False

    @property
    def held(self) -> HeldData:
        """Real images and their features."""
        return self.generated.held

    @property
    def nets(self) -> Nets:
        """Modules; ``evaluate`` puts them in evaluation mode."""
        return self.generated.nets

    @property
    def fns(self) -> EvalFns:
        """The model's functions."""
        return self.generated.fns

    @property
    def spec(self) -> DataSpec:
        """The data set."""
        return self.held.spec

    @property
    def detector_name(self) -> str | None:
        """Name of the feature network, or None."""
        return None if self.held.detector is None else self.held.detector.name

    def images(self, split: str) -> Tensor:
        """uint8 ``[N, C, H, W]``."""
        return self.held.images(split)

    def labels(self, split: str) -> Tensor | None:
        """int64 ``[N]``, or None."""
        return self.held.labels(split)

    def noise(self, *purpose: Any) -> Noise:
        """The same numbers for every model, seed and device."""
        return DeviceNoise(generator("evaluation", *purpose), self.held.device)

    def some(self, split: str, n: int) -> tuple[Tensor, Tensor | None]:
        """A fixed random subset of a split: images and labels."""
        return self.held.some(split, n)

    def samples(self, n: int) -> Tensor:
        """The first n samples, uint8."""
        return self.generated.samples(n, self.most)

    def fake(self, n: int) -> Seen:
        """The detector on ``samples(n)``."""
        return self.generated.seen(n, self.most)

    def real(self, split: str, n: int) -> Seen:
        """The detector on a fixed random subset of a split."""
        return self.held.real(split, n)

    def lacks(self, needs: tuple[Need, ...]) -> str | None:
        """Why something with these needs does not apply, or None."""
        num_latents = self.fns.latent_dim or 0
        reasons: dict[Need, tuple[bool, str]] = {
            "inference": (self.fns.inference is not None, "the model has no likelihood"),
            "encoder": (self.fns.encode is not None, "the model has no encoder"),
            "no_encoder": (self.fns.encode is None, "the model has an encoder"),
            "classes": (self.fns.conditional, "the model is not conditional"),
            "latent_space": (num_latents > 0, "the model has no latent space"),
            "two_latents": (num_latents > 1, "the model has fewer than two latents"),
            "plane": (num_latents == 2, "the model's latent space has not two dimensions"),
            "labels": (self.spec.num_classes > 0, f"'{self.spec.name}' has no labels"),
            "detector": (self.held.detector is not None, missing_detector(self.spec.name)),
            "floors": (self.with_floors, ""),
        }
        return next((reason for need in needs for met, reason in [reasons[need]] if not met), None)


@torch.no_grad()
def draw(nets: Nets, fns: EvalFns, n: int, noise: Noise, labels: Tensor | None = None) -> Tensor:
    """n samples in evaluation mode as uint8 ``[n, C, H, W]`` (protocol rules 6 and 7).

    ``labels``, int64 ``[n]``, are the classes to make, for a conditional model.
    """
    evaluation_mode(nets)
    z = fns.latent(nets, n, noise)
    parts = [
        fns.decode(nets, z[i : i + CHUNK], None if labels is None else labels[i : i + CHUNK])
        for i in range(0, n, CHUNK)
    ]
    return torch.cat([to_bytes(part) for part in parts])


@torch.no_grad()
def evaluate(view: Evaluation, *, validation_only: bool) -> tuple[dict[str, float], dict[str, str]]:
    """Runs every metric that applies.

    Args:
        view: What to look at.
        validation_only: Only the metrics that are measured during training.

    Returns:
        Values by name, and for the metrics that do not apply the reason.
    """
    evaluation_mode(view.nets)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name, kind in METRICS.items():
        if validation_only and not kind.validate:
            continue
        reason = view.lacks(kind.needs)
        try:
            values |= {} if reason is not None else kind.measure(view)
        except NotApplicable as answer:
            reason = str(answer)
        if reason:
            reasons[name] = reason
    return values, reasons


@torch.no_grad()
def draw_pictures(view: Evaluation, *, at_end: bool) -> dict[str, Picture]:
    """Every picture that applies, by name; ``at_end`` those of the trained model as well."""
    evaluation_mode(view.nets)
    return {
        name: kind.draw(view)
        for name, kind in PICTURES.items()
        if (at_end or not kind.at_end) and view.lacks(kind.needs) is None
    }


def evaluation_mode(nets: Nets) -> None:
    """Batch norm uses its running statistics."""
    for module in nets.values():
        module.eval()


def look(detector: Detector | None, images: Tensor, labels: Tensor | None) -> Seen:
    """The detector on uint8 images, with their labels beside it."""
    assert detector is not None
    return Seen(*detector(images), labels)


def _joined(a: Seen, b: Seen) -> Seen:
    labels = None if a.labels is None or b.labels is None else torch.cat([a.labels, b.labels])
    return Seen(torch.cat([a.features, b.features]), torch.cat([a.probs, b.probs]), labels)


def _first(seen: Seen, n: int) -> Seen:
    labels = None if seen.labels is None else seen.labels[:n]
    return Seen(seen.features[:n], seen.probs[:n], labels)


def missing_detector(dataset: str) -> str:
    """Why a measure that needs a detector cannot be had, with the remedy."""
    return f"no detector for '{dataset}': make one with `bench detectors train {dataset}`"
