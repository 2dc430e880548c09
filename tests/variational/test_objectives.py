"""Training objectives of VAEs: the ELBO, free bits and the importance-weighted bound."""

import dataclasses
import math

import pytest
import torch
from linear_gaussian import (
    LATENT,
    PRIOR,
    linear_model,
    log_evidence,
    log_likelihood,
    observed,
    posterior,
)

from bench.contracts import Step
from bench.errors import UsageError
from bench.models import configure
from bench.runtime import DeviceRng, generator
from bench.variational.elbo import (
    bound_loss,
    elbo_loss,
    elbo_terms,
    free_bits_kl,
    free_bits_loss,
    importance_bound,
    kl_warmup,
    negative_elbo,
)


class Given:
    """Noise that was drawn beforehand, ``[k, N, D]``, for one image after the other."""

    def __init__(self, eps):
        self.eps, self.used = eps, 0

    def normal(self, k, n, dim):
        part = self.eps[:, self.used : self.used + n]
        self.used += n
        return part


def drawn(k, n):
    return torch.randn(k, n, LATENT, generator=generator("eps"), dtype=torch.float64)


def bound(x, k, *, noise=None, labels=None, model=None, **options):
    noise = noise or DeviceRng(generator("bound"))
    return importance_bound(model or linear_model(**options), {}, x, labels, noise, k=k)


def step(x, progress=1.0):
    return Step(x, None, torch.tensor(progress), DeviceRng(generator("step")))


def test_warmup_rises_over_its_share_and_stays_at_one():
    factors = [float(kl_warmup(torch.tensor(p), 0.5)) for p in (0.0, 0.25, 0.5, 1.0)]
    assert factors == [0, 0.5, 1, 1]
    assert float(kl_warmup(torch.tensor(0.0), 0.0)) == 1


def test_negative_elbo_is_a_mean_over_images_of_sums():
    log_likelihood, kl = torch.tensor([-100.0, -50.0]), torch.tensor([10.0, 30.0])
    assert float(negative_elbo(log_likelihood, kl, 1.0)) == 95
    assert float(negative_elbo(log_likelihood, kl, 0.5)) == 85


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.2, 1.2), (0.5, 3.0), (1.0, 3.0)])
def test_elbo_loss_weighs_the_kl_by_its_factor_and_the_warmup(progress, factor):
    x = observed(50)
    terms = elbo_terms(linear_model(), {}, x, None, DeviceRng(generator("step")))
    loss, scalars = elbo_loss(linear_model(), kl_weight=3.0, warmup=0.5)({}, step(x, progress))
    assert float(loss) == pytest.approx(float((factor * terms[1] - terms[0]).mean()), rel=1e-6)
    assert float(scalars["kl_nats"]) == float(terms[1].mean())
    assert float(scalars["reconstruction_nats"]) == float(terms[0].mean())


def test_bound_of_one_draw_is_the_elbo_at_the_same_draw():
    x = observed(200)
    noise = DeviceRng(generator("bound"))
    terms = elbo_terms(linear_model(widen=1.3, closed_kl=False), {}, x, None, noise)
    torch.testing.assert_close(bound(x, 1, widen=1.3), terms[0] - terms[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("k", [1, 5, 64])
def test_bound_is_log_evidence_for_every_image_under_the_exact_posterior(k):
    x = observed(100)
    torch.testing.assert_close(bound(x, k), log_evidence(x), rtol=1e-9, atol=0)


@pytest.mark.parametrize("widen", [0.7, 1.4])
def test_bound_grows_with_its_draws_towards_log_evidence_and_stays_below(widen):
    x = observed(4000)
    gaps = [bound(x, k, widen=widen) - log_evidence(x) for k in (1, 2, 8, 64)]
    means = [float(gap.mean()) for gap in gaps]
    errors = [float(gap.std()) / math.sqrt(len(x)) for gap in gaps]
    # Two neighbours differ by more than the three standard errors that their means have.
    for before, after, error in zip(means, means[1:], errors, strict=False):
        assert after - before > 3 * error
    assert all(mean < -2 * error for mean, error in zip(means[:3], errors[:3], strict=True))
    assert abs(means[3]) < 0.03


@pytest.mark.parametrize("size", [1, 3, 7])
def test_bound_of_an_image_does_not_depend_on_the_size_of_its_batch(size):
    x, eps = observed(7), drawn(10, 7)
    given = Given(eps)
    parts = [bound(part, 10, noise=given, widen=1.3) for part in x.split(size)]
    whole = bound(x, 10, noise=Given(eps), widen=1.3)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-12, atol=0)


def test_bound_is_the_log_of_the_mean_weight_of_its_single_draws():
    x, eps, labels = observed(7), drawn(10, 7), torch.arange(7)
    model = dataclasses.replace(
        linear_model(widen=1.3),
        log_likelihood=lambda nets, x, z, labels: log_likelihood(x, z) + labels,
    )
    weights = torch.stack(
        [bound(x, 1, noise=Given(one.unsqueeze(0)), labels=labels, model=model) for one in eps]
    )
    expected = weights.exp().mean(0).log()
    found = bound(x, 10, noise=Given(eps), labels=labels, model=model)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_bound_loss_is_its_negative_mean_over_images():
    x = observed(20)
    expected = bound(x, 5, noise=DeviceRng(generator("step")), widen=1.3).mean()
    loss, scalars = bound_loss(linear_model(widen=1.3), k=5)({}, step(x))
    assert float(loss) == -float(expected)
    assert float(scalars["bound_nats"]) == float(expected)


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("kl_weight", 2.0, "kl_weight=1.0"),
        ("kl_warmup", 0.5, "kl_warmup=0.0"),
        ("free_nats", 0.1, "free_nats=0.0"),
    ],
)
def test_bound_refuses_settings_that_weigh_a_kl_term(key, value, remedy):
    with pytest.raises(UsageError, match=f"bound without a KL term.* {key}=.*: set {remedy}$"):
        configure("vae_mlp", {"num_importance": 5, key: value})


def test_free_bits_raise_the_mean_of_a_latent_to_the_threshold():
    kl = torch.tensor([[0.0, 2.0], [0.8, 4.0]])
    # Means 0.4 and 3: the first costs 0.5, whatever it is for the single images.
    assert float(free_bits_kl(kl, 0.5)) == 3.5
    assert float(free_bits_kl(kl, 5.0)) == 10


def test_free_bits_leave_a_kl_alone_that_is_above_in_every_latent():
    kl = torch.tensor([[0.6, 2.0], [0.8, 4.0]])
    assert float(free_bits_kl(kl, 0.5)) == pytest.approx(float(kl.sum(1).mean()))


def test_free_bits_push_no_latent_that_is_below():
    kl = torch.tensor([[0.0, 2.0], [0.8, 4.0]], requires_grad=True)
    free_bits_kl(kl, 0.5).backward()
    assert kl.grad.tolist() == [[0, 0.5], [0, 0.5]]


def free_loss(free_nats, **values):
    loss = free_bits_loss(
        linear_model(), lambda nets, q: PRIOR.kl_per_latent(q), free_nats=free_nats, **values
    )
    return lambda x, progress: loss({}, step(x, progress))


@pytest.mark.parametrize("progress", [0.0, 0.1, 1.0])
def test_free_bits_loss_is_the_elbo_loss_where_every_latent_is_above(progress):
    x, values = observed(50), {"kl_weight": 3.0, "warmup": 0.5}
    assert (PRIOR.kl_per_latent(posterior(x)).mean(0) > 0.01).all()
    free, scalars = free_loss(0.01, **values)(x, progress)
    plain, plain_scalars = elbo_loss(linear_model(), **values)({}, step(x, progress))
    # The same sums in another order.
    assert float(free) == pytest.approx(float(plain), rel=1e-6)
    for name, value in plain_scalars.items():
        assert float(scalars[name]) == pytest.approx(float(value), rel=1e-6)


def test_free_bits_loss_costs_the_threshold_of_each_latent_that_is_below():
    x = observed(50)
    loss, scalars = free_loss(40.0, kl_weight=3.0, warmup=0.5)(x, 0.25)
    assert float(loss + scalars["reconstruction_nats"]) == pytest.approx(1.5 * LATENT * 40)
    expected = float(posterior(x).kl_standard().mean())
    assert float(scalars["kl_nats"]) == pytest.approx(expected, rel=1e-6)
