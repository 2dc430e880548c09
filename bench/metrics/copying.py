"""Are the samples training images? In detector features, and pixel by pixel."""

from __future__ import annotations

import hashlib
import math
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.distances.neighbours import nearest
from bench.evaluation.view import View
from bench.metrics import beside_real, metric
from bench.metrics._pairs import pairs
from bench.pieces import stoppable

Z95 = 1.959964
CHUNK = 1_000
MOST_TRAINING = 50_000
"""Training images that samples are held against, of a larger split a random part."""

Digests = NDArray[np.bytes_]


@metric("copying")
def copying(view: View) -> dict[str, float]:
    """Share of samples that are copies of training images: 0 where none is, 1 where all are.

    Distances are Euclidean in detector features; asked is whether a sample's nearest real image
    is one of m training images or one of n of the view's own split, which no model was trained on
    (the idea of Meehan et al. 2020, arXiv 2004.05675). Without copying that is a training image in
    m / (m + n) of the samples, however poor they are, and with nothing but copies in all of those
    whose original is among the m: the share is rescaled to the two, and may be below 0 by chance.
    The interval is Wilson's, at 95 %, for as many samples as ``effective_number`` says: poor ones
    often have the same few neighbours.
    """
    n, num_train = view.counts[-1], len(view.images("train"))
    m = min(num_train, MOST_TRAINING)
    fake = view.generated_features(n).features
    to_train, of_train = nearest(fake, view.real_features("train", m).features)
    held = pairs(view, n)
    nearer = to_train < held.nearest
    share = float(nearer.double().mean())
    num = effective_number(torch.where(nearer, of_train, m + held.which))
    low, high = wilson_interval(share, num)
    by_chance = m / (m + n)
    found = {"copied": share, "copied_low": low, "copied_high": high}
    scale = m / num_train * (1 - by_chance)
    return {name: (value - by_chance) / scale for name, value in found.items()}


@metric("exact_copies")
def exact_copies(view: View) -> dict[str, float]:
    """Share of samples equal to a training image in every pixel, with that of held-out images.

    Against the whole train split, uint8 pixels. A copy that differs by one gray level is none
    here; ``copying`` sees it.
    """
    known = view.remembered("train digests", lambda: np.unique(_digests(view.images("train"))))
    sides = view.samples(view.counts[-1]), view.subset(view.split, view.counts[-1])[0]
    return beside_real("exact_copies", partial(_share_in, known), sides)


def effective_number(neighbours: Tensor) -> float:
    """Independent answers among those of N samples with these nearest real images, int ``[N]``.

    N^2 / sum m^2 over the images, each the nearest one of m samples (Kish 1965): all of those
    say the same, and without copying it is chance whether their image is a training image.
    """
    shared = neighbours.unique(return_counts=True)[1].double()
    return len(neighbours) ** 2 / float(shared.square().sum())


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a binomial share (Wilson 1927)."""
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)  # rounding may leave the range


def _digests(images: Tensor) -> Digests:
    """16 bytes for each image's pixels, and nothing else: there may be many images."""
    parts = [
        b"".join(
            hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            for image in part.cpu().numpy()
        )
        for part in stoppable(images.split(CHUNK))
    ]
    return np.frombuffer(b"".join(parts), "S16")


def _share_in(known: Digests, images: Tensor) -> float:
    found = np.isin(_digests(images), known)
    return int(found.sum()) / len(found)
