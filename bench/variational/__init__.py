"""Models with a likelihood: likelihoods, posteriors, priors, and what trains them."""

from __future__ import annotations

from bench import names_moved

__getattr__ = names_moved(__name__, "bench.variational.assembly")
