"""What metrics and pictures see of a model's state: samples drawn once, features kept."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from bench.contracts import Density, Detector, Encoder, EvalFns, Features, Inference, Nets, Rng
from bench.datasets import Mixture, channels_of
from bench.errors import NotApplicable, required
from bench.evaluation.reference import ReferenceData, first
from bench.images import to_pixels
from bench.labels import draw_labels
from bench.pieces import piece, stoppable
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator

CHUNK = 500
T = TypeVar("T")


class SealedSplit(RuntimeError):  # noqa: N818 - a rule of the protocol, not a user's mistake
    """Something that serves selection asked for the test split."""


class Generated:
    """The samples of one state of a model and their features, drawn once for all its views.

    Args:
        reference: Device and detectors.
        nets: Modules; they must not change while this lives.
        fns: The model's functions.
    """

    def __init__(self, reference: ReferenceData, nets: Nets, fns: EvalFns) -> None:
        self.reference, self.nets, self.fns = reference, nets, fns
        self._samples: Tensor | None = None
        self._labels: Tensor | None = None
        self._features: dict[str, Features] = {}
        self._remembered: dict[str, Any] = {}

    @property
    def available(self) -> int | None:
        """How many there are at all, where no model draws more."""
        return None

    def samples(self, n: int, at_least: int) -> Tensor:
        """The first n samples, uint8; drawn for ``at_least`` so that sets are nested in n."""
        if self._samples is None or len(self._samples) < n:
            count, device = max(n, at_least), self.reference.device
            noise = DeviceRng(generator("evaluation", "samples"), device)
            if self.fns.conditional:
                label_noise = DeviceRng(generator("evaluation", "sample_labels"), device)
                self._labels = draw_labels(self.reference.spec, count, label_noise)
            top = self.reference.spec.top
            self._samples = draw(self.nets, self.fns, count, noise, self._labels, top=top)
        return self._samples[:n]

    def features(self, n: int, at_least: int, detector: Detector) -> Features:
        """A detector on the first n samples."""
        known = self._features.get(detector.name)
        if known is None or len(known.features) < n:
            images = self.samples(max(n, at_least), at_least)
            known = self._features[detector.name] = Features(*detector(images), self._labels)
        return first(known, n)

    def remembered(self, key: str, compute: Callable[[], T]) -> T:
        """What was computed under this key, now where it is asked for the first time."""
        if key not in self._remembered:
            self._remembered[key] = compute()
        value: T = self._remembered[key]
        return value


@dataclass(kw_only=True)
class View:
    """All that a metric or a picture may look at: one state of a model, seen on one held-out split.

    A view of the validation split refuses to show the test split (protocol rule 2). What the
    model or the data set may lack is given or refused with the reason, as ``NotApplicable``.

    Attributes:
        generated: Samples of the model's state, shared with other views of it.
        split: ``val`` or ``test``.
        counts: Sample counts for distances, ascending.
        max_samples: Samples to draw at once; at least the largest count.
        with_floors: Measure real against real as well.
        other: One of the data's further detectors, to look through it instead.
        likelihood_images: Images of the split for the likelihood measures that are dear.
        ais_sigma: Of the noise of ``ais``: a number, or ``val`` to choose it on validation.
    """

    generated: Generated
    split: str
    counts: tuple[int, ...]
    max_samples: int
    with_floors: bool = False
    other: Detector | None = None
    likelihood_images: int = 1_000
    ais_sigma: str = "val"

    @property
    def reference(self) -> ReferenceData:
        """Real images and their features."""
        return self.generated.reference

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
        return self.reference.spec

    @property
    def is_stacked(self) -> bool:
        """Whether images are stacks of others, whose classes are the true modes."""
        return bool(channels_of(self.spec.name))

    def images(self, split: str) -> Tensor:
        """uint8 ``[N, C, H, W]``."""
        return self.reference.images(self._opened(split))

    def labels(self, split: str) -> Tensor | None:
        """int64 ``[N]``, or None."""
        return self.reference.labels(self._opened(split))

    def noise(self, *purpose: Any) -> Rng:
        """The same numbers for every model, seed and device."""
        return DeviceRng(generator("evaluation", *purpose), self.reference.device)

    def subset(self, split: str, n: int) -> tuple[Tensor, Tensor | None]:
        """A fixed random subset of a split: images and labels."""
        return self.reference.subset(self._opened(split), n)

    def samples(self, n: int) -> Tensor:
        """The first n samples, uint8."""
        return self.generated.samples(n, self.max_samples)

    def generated_features(self, n: int) -> Features:
        """The detector on ``samples(n)``."""
        return self.generated.features(n, self.max_samples, self.detector())

    def real_features(self, split: str, n: int) -> Features:
        """The detector on a fixed random subset of a split, nested in n."""
        return self.reference.real_features(self._opened(split), n, self.detector())

    def sides(self, n: int) -> tuple[Features, Features]:
        """The detector on n samples, and on as many real images of the view's split."""
        return self.generated_features(n), self.real_features(self.split, n)

    def features(self, n: int) -> tuple[Tensor, Tensor]:
        """The features alone of both, ``[n, d]`` each, or fewer real ones."""
        fake, real = self.sides(n)
        return fake.features, real.features

    def detect(self, images: Tensor) -> Features:
        """The detector on images that a metric has made, uint8 ``[N, C, H, W]``."""
        return Features(*self.detector()(images))

    def remembered(self, key: str, compute: Callable[[], T]) -> T:
        """Shared with the other views of the state."""
        return self.generated.remembered(key, compute)

    def constant(self, name: str, compute: Callable[..., Tensor], *of: Tensor) -> Tensor:
        """What follows from tensors that every model has in common; see ``ReferenceData``."""
        return self.reference.constant(name, compute, *of)

    def _opened(self, split: str) -> str:
        """The split, unless it is the sealed one (protocol rule 2)."""
        if split == "test" and self.split != "test":
            raise SealedSplit(f"a view of the {self.split} split may not read the test split")
        return split

    def detector(self) -> Detector:
        """The feature network to look through."""
        return required(self.other or self.reference.detector, missing_detector(self.spec))

    def classifier(self) -> Detector:
        """The feature network, where it knows the data set's classes."""
        detector = self.other or self.reference.detector
        if detector is None or not detector.own_classes:
            raise NotApplicable(f"no detector here knows the classes of '{self.spec.name}'")
        return detector

    def truth(self) -> Mixture:
        """The density that the data are drawn from."""
        return required(
            self.reference.truth, f"the true density of '{self.spec.name}' is not known"
        )

    def probs(self, seen: Features) -> Tensor:
        """Class probabilities of what the detector said, ``[N, K]``."""
        return required(seen.probs, f"detector '{self.detector().name}' names no classes")

    def density(self) -> Density:
        """log p(x), or a bound on it."""
        return required(self.fns.density, "the model has no likelihood")

    def inference(self) -> Inference:
        """The density of a latent variable model: a bound with an encoder behind it."""
        self.density()
        return required(self.fns.inference, "the model has no encoder")

    def encoder(self) -> Encoder:
        """``(nets, images, labels, noise) -> q(z|x)`` of images in [0, 1]."""
        return required(self.fns.encode, "the model has no encoder")

    def latent_dim(self, at_least: int = 1) -> int:
        """Dimensions of the continuous latent space, one or two at least."""
        few = "no latent space" if at_least == 1 else "fewer than two latents"
        found = self.fns.latent_dim or 0
        return required(found if found >= at_least else None, f"the model has {few}")

    def num_classes(self) -> int:
        """Classes that a conditional model makes images for."""
        count = self.spec.num_classes if self.fns.conditional else None
        return required(count, "the model is not conditional")

    def counts_from(self, fewest: int, why: str) -> list[int]:
        """The sample counts, each once, that are as large; why there must be so many images."""
        counts = [n for n in sorted(set(self.counts)) if n >= fewest]
        return required(counts or None, f"{self.counts[-1]} images are too few{why}")

    def labelled(self, split: str, n: int) -> tuple[Tensor, Tensor]:
        """A ``subset`` of a split whose labels are known."""
        images, labels = self.subset(split, n)
        return images, required(labels, f"'{self.spec.name}' has no labels")


@torch.no_grad()
def draw(
    nets: Nets, fns: EvalFns, n: int, noise: Rng, labels: Tensor | None = None, *, top: int = 255
) -> Tensor:
    """n samples in evaluation mode, 0..top, ``[n, C, H, W]`` (protocol rules 6 and 7).

    ``labels``, int64 ``[n]``, are the classes to make, for a conditional model.
    """
    evaluation_mode(nets)
    # However small a piece is, chunks are of one size: they decide in which order noise is drawn.
    chunk, size = CHUNK if fns.latent_in_chunks else n, piece(CHUNK)
    parts = []
    for start in range(0, n, chunk):
        z = fns.latent(nets, min(chunk, n - start), noise)
        for i in stoppable(range(0, len(z), size)):
            part = slice(start + i, start + i + size)
            made = fns.decode(nets, z[i : i + size], None if labels is None else labels[part])
            parts.append(to_pixels(made, top))
    return torch.cat(parts)


def evaluation_mode(nets: Nets) -> None:
    """Batch norm uses its running statistics."""
    for module in nets.values():
        module.eval()


def missing_detector(spec: DataSpec) -> str:
    """Why a measure that needs a detector cannot be had, with the remedy."""
    own = f"make one with `bench detectors train {shlex.quote(spec.name)}`, or"
    return (
        f"no detector for '{spec.name}': {own if spec.num_classes else 'it has no labels to make one:'} "
        "look through an untrained network with --set detector=random"
    )
