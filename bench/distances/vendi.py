"""The Vendi score: how many different points a set has, by the eigenvalues of their similarities."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def vendi_score(points: Tensor) -> float:
    """exp of the entropy of the eigenvalues of K / n, of ``[n, d]``: 1 to the smaller of n and d.

    Friedman and Dieng 2022, arXiv 2210.02410, K being the cosines of all pairs. Its
    eigenvalues over n are those of the mean of x x^T of the points at unit length, ``[d, d]``.
    A point at 0 is unlike every other one, as in scikit-learn's ``normalize``, and adds nothing.
    """
    unit = torch.nn.functional.normalize(points.double())
    gram = unit.T @ unit if unit.shape[1] < len(unit) else unit @ unit.T
    values = torch.linalg.eigvalsh(gram / len(unit)).clamp(min=0)
    return math.exp(float(torch.special.entr(values).sum()))
