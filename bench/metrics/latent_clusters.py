"""How well classes, which no training loss has seen, lie apart in latent space (experiment B)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.contracts import View
from bench.distances.neighbours import nearest_classes, silhouette
from bench.images import to_unit
from bench.metrics import NotApplicable, metric

NUM_CODES = 2_000
NUM_NEIGHBOURS = 5
CHUNK = 500


@metric("latent_clusters", needs=("encoder", "labels", "latent_space"))
def latent_clusters(view: View) -> dict[str, float]:
    """Class accuracy of five nearest neighbours among posterior means, and their silhouette.

    ``knn_accuracy``: held-out images by the classes of the nearest of 2,000 training images, in
    0 to 1. ``silhouette`` of up to 2,000 held-out images by class, in -1 to 1: above 0 where
    classes lie apart (Rousseeuw 1987, J. Comput. Appl. Math. 20, 53-65).
    """
    if view.fns.conditional:
        raise NotApplicable("the encoder is told the class")
    (codes, classes), (held, held_classes) = _codes(view, "train"), _codes(view, view.split)
    predicted = nearest_classes(held, codes, classes, k=NUM_NEIGHBOURS)
    return {
        "knn_accuracy": float((predicted == held_classes).double().mean()),
        "silhouette": silhouette(held, held_classes),
    }


def _codes(view: View, split: str) -> tuple[Tensor, Tensor]:
    """E[z|x] float64 ``[n, D]`` of a fixed random subset, and its classes ``[n]``."""
    encode = view.fns.encode
    images, labels = view.some(split, NUM_CODES)
    assert encode is not None
    assert labels is not None
    noise = view.noise("latent_clusters")
    parts = images.split(CHUNK)
    means = [encode(view.nets, to_unit(part), None, noise).mean for part in parts]
    return torch.cat(means).double(), labels
