"""One protocol for VAEs, GANs and Wasserstein GANs: train, measure, compare, report."""

__version__ = "0.2.0"
