"""The vocabulary with tensors: what a model gives and what a loss sees."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from bench import names_moved
from bench.logger import (
    Logger as Logger,  # noqa: PLC0414 - plugins take it from here
    NullLogger as NullLogger,  # noqa: PLC0414
)

Nets = Mapping[str, nn.Module]
"""Modules by name: ``nets["generator"]``. Live, best or averaged, the same functions serve."""

Scalars = dict[str, Tensor]


class Rng(Protocol):
    """The only source of randomness that a loss or an evaluation may use."""

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, float32."""

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), float32."""

    def integers(self, high: int, *shape: int) -> Tensor:
        """Uniform in 0..high-1, int64."""


Noise = Rng
"""What plugins call ``Rng`` until 0.3.0."""


@dataclass(frozen=True)
class Step:
    """All that a loss sees of one training step.

    Attributes:
        images: Real images, float ``[N, C, H, W]`` in [0, 1].
        labels: int64 ``[N]``, or None where the data set has none.
        progress: Images seen / budget, a 0-d tensor in [0, 1].
        noise: Training noise on the device.
    """

    images: Tensor
    labels: Tensor | None
    progress: Tensor
    noise: Rng


Loss = Callable[[Nets, Step], tuple[Tensor, Scalars]]
"""A pure function of the modules it is given: the scalar to minimise, and scalars to log."""


@dataclass(frozen=True, kw_only=True)
class OptimSpec:
    """An optimizer as data; the trainer builds it.

    Attributes:
        modules: Names of the modules whose parameters it moves.
        kind: ``adam`` or ``rmsprop``.
        lr: Learning rate.
        betas: Adam's; ``rmsprop`` ignores them and uses torch's smoothing 0.99.
        eps: Adam's epsilon.
        num_stages: Stages of falling learning rate over the budget, see ``learning_rate``.
    """

    modules: tuple[str, ...]
    kind: str
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    num_stages: int = 1

    def learning_rate(self, progress: float) -> float:
        """The rate at a share of the budget, 0 to 1.

        Stage i of ``num_stages`` lasts 3^i units and has lr * 10^(-i/7), as in Burda et al. 2016
        (arXiv 1509.00519, section 5); one stage is a constant rate.
        """
        units = progress * (3**self.num_stages - 1) / 2
        ends = ((3 ** (i + 1) - 1) / 2 for i in range(self.num_stages - 1))
        stage = sum(units >= end for end in ends)
        return self.lr * math.pow(10.0, -stage / 7)


Role = Literal["samples", "encoder", "discriminator", "critic", "penalty"]
"""What a phase trains: what makes samples (with all else, where nothing is trained apart), an
encoder alone, what samples are told from real images by, or a penalty on its slope."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One update within a step.

    Attributes:
        name: Names the scalars it logs.
        optimizer: Key of ``Trainable.optimizers``.
        loss: What it minimises.
        role: What it trains; a run's health is judged by it.
        every: The phase runs at steps with ``(step + 1) % every == 0``.
        after_step: Called with the modules after each update (weight clipping).
    """

    name: str
    optimizer: str
    loss: Loss
    role: Role = "samples"
    every: int = 1
    after_step: Callable[[Nets], Scalars] | None = None


class Posterior(Protocol):
    """q(z|x) for a batch of N images."""

    @property
    def mean(self) -> Tensor:
        """E[z|x], ``[N, D]``."""

    def rsample(self, k: int, noise: Rng) -> Tensor:
        """k reparametrised draws per image, ``[k, N, D]``."""

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z|x) in nats, summed over latents: ``[..., N, D]`` to ``[..., N]``."""


Encode = Callable[[Tensor], Posterior]
"""x in the form that the likelihood observes, ``[N, C, H, W]``, to q(z|x)."""

Encoder = Callable[[Nets, Tensor, Tensor | None, Rng], Posterior]
"""``(nets, images, labels, noise) -> q(z|x)`` of images in [0, 1]."""


class Prior(Protocol):
    """p(z), a module whose parameters are trained jointly.

    One that starts from data has ``initialise(images)`` too: uint8 train images ``[N, C, H, W]``.
    ``encode`` is the model's own encoder, for a prior that is made of posteriors.
    """

    def sample(self, n: int, noise: Rng, encode: Encode) -> Tensor:
        """n draws, ``[n, D]``."""

    def log_prob(self, z: Tensor, encode: Encode) -> Tensor:
        """log p(z) in nats, summed over latents: ``[..., D]`` to ``[...]``."""

    def kl(self, posterior: Posterior) -> Tensor | None:
        """KL(q || p) per image in nats ``[N]``, or None where it has no closed form."""


LikelihoodKind = Literal["binary", "density", "levels"]
"""What p(x|z) is of: coins, a continuous x = (k + u) / L, or gray levels k (protocol rule 16)."""


class Likelihood(Protocol):
    """p(x|z) and the form of the data it speaks of (protocol rules 15 and 16).

    It is a module: what it learns beside the decoder (a global sigma) is trained jointly.

    Attributes:
        name: What every ELBO of this likelihood carries in its own name, such as
            ``bernoulli_resampled``: likelihood and data form.
        params_per_value: Numbers that the decoder gives for each channel of a pixel; the
            first ``C`` channels of its output belong to the first of them, and so on.
        kind: What ``log_prob`` is the logarithm of.
    """

    name: str
    params_per_value: int
    kind: LikelihoodKind

    def observe(self, images: Tensor, noise: Rng) -> Tensor:
        """The form of the data that encoder and likelihood see, ``[N, C, H, W]``."""

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over C, H, W: ``[N]``.

        ``params`` is the decoder's output ``[N, params_per_value * C, H, W]``.
        """

    def mean(self, params: Tensor) -> Tensor:
        """The image that E[x|z] shows, in [0, 1], ``[N, C, H, W]``."""

    def start(self, image: Tensor) -> Tensor:
        """What the first C channels of ``params`` are where p(x|z) stands at ``image``."""


class Bound(NamedTuple):
    """log p(x) of N images in nats, ``log_likelihood - kl``: exact, or bounded from below.

    Attributes:
        log_likelihood: log p(x), or of a bound E[log p(x|z)], minus the distortion, ``[N]``.
        kl: What a bound takes from it, the rate of the code (Alemi et al. 2018, arXiv
            1711.00464), ``[N]``; 0 where log p(x) is exact.
        sampled: Whether the KL has no closed form and is estimated by what was drawn.
    """

    log_likelihood: Tensor
    kl: Tensor
    sampled: bool = False


@dataclass(frozen=True, kw_only=True)
class Density(ABC):
    """What a model with a likelihood adds to ``EvalFns``: log p(x), or what bounds it from below.

    Attributes:
        likelihood_name: Name of the likelihood (protocol rule 15).
        kind: What the likelihood is of.
        observe: ``(images, noise) -> x``, the form of the data that the model sees.
        exact: Whether ``bound`` is log p(x) itself; its value is then no ``elbo``.
    """

    likelihood_name: str
    kind: LikelihoodKind
    observe: Callable[[Tensor, Rng], Tensor]
    exact: ClassVar[bool] = False

    @abstractmethod
    def bound(self, nets: Nets, x: Tensor, labels: Tensor | None, noise: Rng) -> Bound:
        """Of images in the form that ``observe`` gives."""


@dataclass(frozen=True, kw_only=True)
class ExactDensity(Density):
    """log p(x) as it is, of a normalising flow or whatever else has it.

    Attributes:
        log_prob: ``(nets, x, labels) -> log p(x)`` in nats, ``[N]``.
    """

    log_prob: Callable[[Nets, Tensor, Tensor | None], Tensor]
    exact: ClassVar[bool] = True

    def bound(self, nets: Nets, x: Tensor, labels: Tensor | None, noise: Rng) -> Bound:  # noqa: ARG002
        """No bound but the value."""
        log_px = self.log_prob(nets, x, labels)
        return Bound(log_px, torch.zeros_like(log_px))


@dataclass(frozen=True, kw_only=True)
class BoundedDensity(Density):
    """A bound on log p(x) of a model without an encoder, such as a diffusion model.

    Attributes:
        terms: ``(nets, x, labels, noise) -> Bound``.
    """

    terms: Callable[[Nets, Tensor, Tensor | None, Rng], Bound]

    def bound(self, nets: Nets, x: Tensor, labels: Tensor | None, noise: Rng) -> Bound:
        """As the model has it."""
        return self.terms(nets, x, labels, noise)


@dataclass(frozen=True, kw_only=True)
class Inference(Density):
    """The density of a latent variable model with an encoder; its bound is the ELBO.

    Attributes:
        posterior: ``(nets, x, labels) -> q(z|x)``.
        prior_log_prob: ``(nets, z) -> log p(z)`` in nats, ``[...]``.
        log_likelihood: ``(nets, x, z, labels) -> log p(x|z)`` in nats, ``[N]``.
        kl: ``(nets, q) -> KL(q || p)`` per image ``[N]``, or None without a closed form.
        kl_per_latent: ``(nets, q) -> [N, D]``, the same latent by latent; None where posterior
            and prior are not both products over latents.
        sigma: Of a Gaussian p(x|z) with one fixed standard deviation; None elsewhere.
    """

    posterior: Callable[[Nets, Tensor, Tensor | None], Posterior]
    prior_log_prob: Callable[[Nets, Tensor], Tensor]
    log_likelihood: Callable[[Nets, Tensor, Tensor, Tensor | None], Tensor]
    kl: Callable[[Nets, Posterior], Tensor | None]
    kl_per_latent: Callable[[Nets, Posterior], Tensor] | None = None
    sigma: float | None = None

    def bound(self, nets: Nets, x: Tensor, labels: Tensor | None, noise: Rng) -> Bound:
        """From one z per image; without a closed form the KL is log q(z|x) - log p(z) at it."""
        q = self.posterior(nets, x, labels)
        z = q.rsample(1, noise)[0]
        log_likelihood, kl = self.log_likelihood(nets, x, z, labels), self.kl(nets, q)
        if kl is None:
            return Bound(log_likelihood, q.log_prob(z) - self.prior_log_prob(nets, z), sampled=True)
        return Bound(log_likelihood, kl)


@dataclass(frozen=True, kw_only=True)
class EvalFns:
    """All that sampling and evaluation need, pure functions of the modules.

    Attributes:
        latent: ``(nets, n, noise) -> z`` from the model's own prior, ``[n, ...]``.
        decode: ``(nets, z, labels) -> images`` float ``[n, C, H, W]`` in [0, 1],
            differentiable in z; for a VAE the mean of p(x|z).
        latent_dim: D where z is a point of a continuous space, ``[n, D]``; None elsewhere.
        prior_log_prob: ``(nets, z) -> log p(z)`` in nats, ``[..., D]`` to ``[...]``, of what
            ``latent`` draws from; None where it is not known.
        conditional: Whether images are made for a class; ``labels`` are then int64 ``[n]``.
        encode: Images to q(z|x); None for a model without an encoder.
        density: log p(x) or a bound on it; None for a model without a likelihood.
        latent_in_chunks: Whether z is much larger than an image, such as the noise of every
            step of a chain: many samples then have theirs drawn some hundreds at a time.
    """

    latent: Callable[[Nets, int, Rng], Tensor]
    decode: Callable[[Nets, Tensor, Tensor | None], Tensor]
    latent_dim: int | None = None
    prior_log_prob: Callable[[Nets, Tensor], Tensor] | None = None
    conditional: bool = False
    encode: Encoder | None = None
    density: Density | None = None
    latent_in_chunks: bool = False

    @property
    def inference(self) -> Inference | None:
        """The density of a latent variable model; None elsewhere."""
        return self.density if isinstance(self.density, Inference) else None


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """All that a model builder returns.

    Attributes:
        modules: By name, on the CPU; the runner moves them.
        optimizers: By name; phases refer to them. Two phases may share one.
        phases: In the order in which they run within a step; empty for a model that is
            only fitted by ``initialise``.
        eval_fns: Sampling and likelihood.
        initialise: Called once before training with the modules and the resident uint8
            train images ``[N, C, H, W]``.
        average: Module name to the decay of a moving average of its weights, which is
            evaluated in its place.
    """

    modules: dict[str, nn.Module]
    optimizers: Mapping[str, OptimSpec] = field(default_factory=dict)
    phases: Sequence[Phase] = ()
    eval_fns: EvalFns
    initialise: Callable[[Nets, Tensor], None] | None = None
    average: Mapping[str, float] = field(default_factory=dict)


class Detector(Protocol):
    """A feature network; metrics get its outputs, never itself.

    Attributes:
        name: In every metric's name, ``fd_<name>_n<count>``.
        digest: First 16 hex digits of the SHA-256 of its weights.
        dim: Number of features.
        own_classes: Whether its classifier head knows the classes of the data set.
    """

    name: str
    digest: str
    dim: int
    own_classes: bool

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """uint8 ``[N, C, H, W]`` to features ``[N, dim]`` and class probabilities ``[N, K]``.

        Both float64; None in place of probabilities from a network without a head.
        """


@dataclass(frozen=True)
class Features:
    """What a detector says of a set of images.

    Attributes:
        features: float64 ``[N, dim]``.
        probs: float64 ``[N, K]``, class probabilities; None from a network without a head.
        labels: int64 ``[N]``: the classes of real images, those that samples were made for;
            None without.
    """

    features: Tensor
    probs: Tensor | None
    labels: Tensor | None = None


__getattr__ = names_moved(__name__, "bench.evaluation.view")
