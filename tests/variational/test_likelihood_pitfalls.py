"""Mistakes seen in published VAE code, each held by a test that fails where it is made.

What is evaluated and what is trained are computed once more with torch.distributions, which
knows nothing of our conventions. Further ones are named in ``test_elbo.py`` (partial batches),
``test_importance.py`` and ``test_objectives.py`` (batch sizes), ``test_posteriors.py`` (sigma).
"""

import functools

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from bench.contracts import Step
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.images import to_unit
from bench.metrics._evaluate import evaluate
from bench.models import configure
from bench.runtime import DeviceRng, generator
from bench.training.parts import build, reference_data

CPU = torch.device("cpu")
LATENT_DIM = 5
SIZES = {"hidden": "24", "latent_dim": LATENT_DIM}


@functools.cache
def built(**values):
    """A VAE of digits whose posteriors are far from the prior, each of another width."""
    trainable = build(
        configure("vae_mlp", {**SIZES, **values}), reference_data("digits", "auto", CPU)
    )
    rng = generator("weights")
    with torch.no_grad():
        for parameter in trainable.modules["encoder"].parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=rng))
    evaluation_mode(trainable.modules)
    return trainable


@torch.no_grad()
def evaluated(**values):
    trainable = built(**values)
    generated = Generated(
        reference_data("digits", "auto", CPU), trainable.modules, trainable.eval_fns
    )
    view = View(generated=generated, split="val", counts=(10,), max_samples=10)
    return evaluate(view, "validation")[0], view


@torch.no_grad()
def terms(nets, images, noise):
    """log p(x|z) and KL per image by torch.distributions, from the same noise."""
    x = (noise.uniform(*images.shape) < images).float()
    mu, logvar = nets["encoder"](x, None).chunk(2, dim=1)
    q = Normal(mu, logvar.mul(0.5).exp())
    z = q.mean + q.stddev * noise.normal(1, *mu.shape)[0]
    log_likelihood = Bernoulli(logits=nets["decoder"](z)).log_prob(x).flatten(1).sum(1)
    return log_likelihood, kl_divergence(q, Normal(0.0, 1.0)).sum(1), q


def expected_terms():
    values, view = evaluated()
    images = to_unit(view.images("val"))  # 297: all in one chunk of noise
    return values, terms(view.nets, images, view.noise("elbo"))


def test_evaluated_kl_and_reconstruction_are_both_sums():
    """KL averaged over latents while reconstruction is summed, or the reverse (pitfalls)."""
    values, (log_likelihood, kl, _) = expected_terms()
    name = "bernoulli_resampled"
    assert values[f"reconstruction_{name}"] == pytest.approx(float(log_likelihood.mean()), rel=1e-5)
    assert values[f"kl_{name}"] == pytest.approx(float(kl.mean()), rel=1e-5)
    # An average would be another number.
    assert float(kl.mean()) > 1
    assert float(log_likelihood.mean()) < -10


def test_kl_is_positive_and_lowers_the_evaluated_elbo():
    """A flipped KL sign (protocol.md, pitfalls)."""
    values, (log_likelihood, kl, _) = expected_terms()
    elbo = values["elbo_bernoulli_resampled"]
    assert elbo == pytest.approx(float((log_likelihood - kl).mean()), rel=1e-5)
    assert elbo < values["reconstruction_bernoulli_resampled"] - 1
    assert values["kl_bernoulli_resampled"] > 1


def test_second_half_of_the_encoders_values_is_log_sigma_squared():
    """log sigma^2 taken for sigma, or for log sigma (protocol.md, pitfalls)."""
    values, (_, kl, q) = expected_terms()
    trainable, noise = built(), DeviceRng(generator("draws"))
    x = to_unit(reference_data("digits", "auto", CPU).images("val")[:4])
    with torch.no_grad():
        logvar = trainable.modules["encoder"](x, None)[:, LATENT_DIM:]
        z = trainable.eval_fns.inference.posterior(trainable.modules, x, None).rsample(
            40_000, noise
        )
    # 40,000 draws: the ratio of standard deviations has a standard error of 0.0035.
    torch.testing.assert_close(z.std(0), (0.5 * logvar).exp(), rtol=0.02, atol=0)
    assert (logvar.abs() > 0.3).any()  # where sigma, sigma^2 and log sigma^2 differ
    as_sigma = kl_divergence(Normal(q.mean, q.variance), Normal(0.0, 1.0)).sum(1)
    assert abs(float((as_sigma - kl).mean())) > 0.05
    assert values["kl_bernoulli_resampled"] == pytest.approx(float(kl.mean()), rel=1e-5)


@pytest.mark.parametrize(
    "values",
    [{"kl_warmup": 1.0}, {"kl_weight": 4.0}, {"free_nats": 2.0}, {"num_importance": 3}],
    ids=lambda values: next(iter(values)),
)
def test_evaluated_elbo_does_not_know_how_the_model_was_trained(values):
    """KL warm-up leaking into the evaluated ELBO, as a weight or free bits would (pitfalls)."""
    plain, other = evaluated()[0], evaluated(**values)[0]
    for name in ("elbo", "reconstruction", "kl"):
        key = f"{name}_bernoulli_resampled"
        assert other[key] == plain[key]


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.25, 0.5), (1.0, 1.0)])
def test_trained_loss_weighs_the_kl_by_the_warmup_at_its_own_progress(progress, factor):
    """The same mistakes in the loss: sums, sign and sigma (protocol.md, pitfalls)."""
    trainable = built(kl_warmup=0.5)
    images = to_unit(reference_data("digits", "auto", CPU).images("train")[:32])
    step = Step(images, None, torch.tensor(progress), DeviceRng(generator("step")))
    loss, scalars = trainable.phases[0].loss(trainable.modules, step)
    log_likelihood, kl, _ = terms(trainable.modules, images, DeviceRng(generator("step")))
    expected = float((factor * kl - log_likelihood).mean())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(scalars["kl_nats"].detach()) == pytest.approx(float(kl.mean()), rel=1e-5)
