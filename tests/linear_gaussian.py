"""A model whose log p(x) is known exactly: z ~ N(0, I), x = W z + noise, both Gaussian."""

import math

import torch
from torch.distributions import MultivariateNormal

from bench.contracts import Inference
from bench.runtime import DeviceRng, generator
from bench.variational.posteriors.diagonal import DiagonalGaussian
from bench.variational.priors import PriorShape
from bench.variational.priors.standard import StandardNormal

DIM, LATENT, SIGMA = 16, 3, 0.3
PRIOR = StandardNormal(
    PriorShape(latent_dim=LATENT, image_shape=(1, 4, 4), num_layers=1, hidden=1, num_components=1)
)
# Orthogonal columns of length 2, 1 and 0.5: the exact posterior is diagonal.
BASIS = torch.linalg.qr(torch.randn(DIM, LATENT, generator=generator("basis")).double()).Q
WEIGHT = BASIS * torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)


def observed(n):
    rng = DeviceRng(generator("linear"))
    z, e = rng.normal(n, LATENT).double(), rng.normal(n, DIM).double()
    return z @ WEIGHT.T + SIGMA * e


def log_evidence(x):
    cov = WEIGHT @ WEIGHT.T + SIGMA**2 * torch.eye(DIM).double()
    return MultivariateNormal(torch.zeros(DIM).double(), cov).log_prob(x)


def posterior(x, widen=1.0):
    precision = 1 + (WEIGHT**2).sum(0) / SIGMA**2
    mu = x @ WEIGHT / SIGMA**2 / precision
    logvar = (widen**2 / precision).log().expand_as(mu)
    return DiagonalGaussian(torch.cat([mu, logvar], dim=1))


def log_likelihood(x, z):
    squares = ((x - z @ WEIGHT.T) ** 2).sum(-1) / SIGMA**2
    return -0.5 * (squares + DIM * math.log(2 * math.pi * SIGMA**2))


def linear_model(*, widen=1.0, closed_kl=True):
    return Inference(
        likelihood_name="linear",
        kind="density",
        observe=lambda images, noise: images,
        posterior=lambda nets, x, labels: posterior(x, widen),
        prior_log_prob=lambda nets, z: PRIOR.log_prob(z, posterior),
        log_likelihood=lambda nets, x, z, labels: log_likelihood(x, z),
        kl=lambda nets, q: PRIOR.kl(q) if closed_kl else None,
    )
