"""Priors p(z): registered kinds; a file here registers a factory ``latent_dim -> Prior module``."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from bench.registry import Registry

PRIORS: Registry[Callable[[int], nn.Module]] = Registry("prior", "bench.priors")
