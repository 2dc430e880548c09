"""Are the samples training images? In detector features, and pixel by pixel."""

from __future__ import annotations

import hashlib
import math

from torch import Tensor

from bench.contracts import View
from bench.metrics import metric
from bench.neighbours import nearest

Z95 = 1.959964
CHUNK = 1_000


@metric("copying", needs=("detector",))
def copying(view: View) -> dict[str, float]:
    """Share of samples nearer to a training image than to any of as many held-out images.

    0.5 means no copying. Distances are Euclidean in detector features; the reference is equally
    many random images of train and of the view's own split, which no model was trained on; the
    interval is Wilson's, at 95 %. The idea is that of Meehan et al. 2020 (arXiv 2004.05675),
    who ask whether samples are nearer to training images than held-out images are; against two
    references of one size, samples that are merely poor give 0.5 and not less.
    """
    n = min(len(view.images("train")), view.counts[-1])
    fake = view.fake(view.counts[-1]).features
    to_train = nearest(fake, view.real("train", n).features)
    to_held = nearest(fake, view.real(view.split, n).features)
    share = float((to_train < to_held).double().mean())
    low, high = wilson_interval(share, len(fake))
    return {"copying": share, "copying_low": low, "copying_high": high}


@metric("exact_copies")
def exact_copies(view: View) -> dict[str, float]:
    """Share of samples equal to a training image in every pixel, with that of held-out images.

    Against the whole train split, uint8 pixels. A copy that differs by one gray level is none
    here; ``copying`` sees it.
    """
    known = set(_digests(view.images("train")))
    found = {
        "exact_copies": view.samples(view.counts[-1]),
        "exact_copies_real": view.some(view.split, view.counts[-1])[0],
    }
    return {name: _share_in(known, images) for name, images in found.items()}


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a binomial share (Wilson 1927)."""
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return centre - half, centre + half


def _digests(images: Tensor) -> list[bytes]:
    """16 bytes for each image's pixels: the images themselves would be held twice."""
    return [
        hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        for part in images.split(CHUNK)
        for image in part.cpu().numpy()
    ]


def _share_in(known: set[bytes], images: Tensor) -> float:
    digests = _digests(images)
    return sum(digest in known for digest in digests) / len(digests)
