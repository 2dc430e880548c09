"""Likelihoods p(x|z): registered kinds, named in a model's ``likelihood`` setting.

A file here registers a factory ``(spec, sigma) -> Likelihood``.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.contracts import Likelihood
from bench.records import DataSpec
from bench.registry import Registry

LIKELIHOODS: Registry[Callable[[DataSpec, float], Likelihood]] = Registry(
    "likelihood", "bench.likelihoods"
)
