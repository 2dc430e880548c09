"""What batch statistics do to samples: the same noise decoded in training and in evaluation mode."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from bench.contracts import Nets
from bench.distances.frechet import frechet_distance, moments
from bench.evaluation.view import View
from bench.images import to_pixels
from bench.measures import feature_name
from bench.metrics import NotApplicable, metric
from bench.pieces import stoppable

MOST = 2_000
BATCH = 64
"""Samples that share their statistics, about as many as in training."""


@metric("train_mode")
def train_mode(view: View) -> dict[str, float]:
    """Frechet distances of samples in both modes, to each other and each to real images.

    Protocol rule 7. Both modes decode the same latents, so that networks whose running
    statistics agree with those of their batches are at 0 whatever n is. It is a matter of
    health, which reads validation alone: no value on the test split.
    """
    detector = view.detector().name
    view.latent_dim()
    if view.split == "test":
        raise NotApplicable("a matter of health, which is measured on validation")
    n = min(view.counts[-1], MOST)
    real = view.real_features(view.split, n).features
    if n <= real.shape[1]:
        raise NotApplicable(
            f"{n} samples are too few for {real.shape[1]} features: use a smaller detector"
        )
    evaluated, trained = (
        moments(view.detect(images).features) for images in _in_both_modes(view, n)
    )
    return {
        feature_name("train_mode_gap", detector, n): frechet_distance(trained, evaluated),
        feature_name("train_mode_fd", detector, n): frechet_distance(trained, moments(real)),
        feature_name("eval_mode_fd", detector, n): frechet_distance(evaluated, moments(real)),
    }


def _in_both_modes(view: View, n: int) -> tuple[Tensor, Tensor]:
    """n samples of the same latents in evaluation and in training mode, uint8.

    Raises:
        NotApplicable: Nothing that makes a sample keeps running statistics.
    """
    nets: Nets = {name: copy.deepcopy(module) for name, module in view.nets.items()}
    used: list[nn.Module] = []
    for part in (part for module in nets.values() for part in module.modules()):
        if getattr(part, "running_mean", None) is not None:
            part.register_forward_hook(lambda module, *_: used.append(module))
    z = view.fns.latent(view.nets, n, view.noise("train_mode"))
    labels = view.generated_features(n).labels
    evaluated = _decoded(view, nets, z, labels)
    if not used:
        raise NotApplicable("nothing that makes samples differs between training and evaluation")
    for module in nets.values():
        module.train()
    return evaluated, _decoded(view, nets, z, labels)


def _decoded(view: View, nets: Nets, z: Tensor, labels: Tensor | None) -> Tensor:
    """Samples in batches of about ``BATCH``, none of them a rest of a few."""
    parts = max(1, len(z) // BATCH)
    classes = [None] * parts if labels is None else labels.tensor_split(parts)
    images = [
        view.fns.decode(nets, part, chosen)
        for part, chosen in stoppable(zip(z.tensor_split(parts), classes, strict=True))
    ]
    return torch.cat([to_pixels(part, view.spec.top) for part in images])
