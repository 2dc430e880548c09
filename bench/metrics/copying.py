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
Digests = NDArray[np.bytes_]


@metric("copying")
def copying(view: View) -> dict[str, float]:
    """Share of samples nearer to a training image than to any of as many held-out images.

    0.5 means no copying. Distances are Euclidean in detector features; the reference is equally
    many random images of train and of the view's own split, which no model was trained on. The
    idea is that of Meehan et al. 2020 (arXiv 2004.05675), who ask whether samples are nearer to
    training images than held-out images are; against two references of one size, samples that
    are merely poor give 0.5 and not less. The interval is Wilson's, at 95 %, for as many samples
    as ``effective_number`` says: poor ones often have the same few neighbours.
    """
    n = min(len(view.images("train")), view.counts[-1])
    fake = view.generated_features(view.counts[-1]).features
    to_train, of_train = nearest(fake, view.real_features("train", n).features)
    to_held, of_held = _nearest_held(view, n)
    nearer = to_train < to_held
    share = float(nearer.double().mean())
    low, high = wilson_interval(share, effective_number(torch.where(nearer, of_train, n + of_held)))
    return {"copying": share, "copying_low": low, "copying_high": high}


@metric("exact_copies")
def exact_copies(view: View) -> dict[str, float]:
    """Share of samples equal to a training image in every pixel, with that of held-out images.

    Against the whole train split, uint8 pixels. A copy that differs by one gray level is none
    here; ``copying`` sees it.
    """
    known = view.remembered("train digests", lambda: np.unique(_digests(view.images("train"))))
    sides = view.samples(view.counts[-1]), view.subset(view.split, view.counts[-1])[0]
    return beside_real("exact_copies", partial(_share_in, known), sides)


def _nearest_held(view: View, n: int) -> tuple[Tensor, Tensor]:
    """What ``nearest`` finds of the samples among n images of the view's split."""
    count = view.counts[-1]
    if n == count:
        known = pairs(view, n)
        return known.nearest, known.which
    return nearest(
        view.generated_features(count).features, view.real_features(view.split, n).features
    )


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
