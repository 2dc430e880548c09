"""Annealed importance sampling where log p(x) is known, and on models of every family."""

import dataclasses
import math

import pytest
import torch
from linear_gaussian import DIM, LATENT, SIGMA, WEIGHT, log_evidence, log_likelihood
from torch.distributions import MultivariateNormal

from bench.contracts import EvalFns
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.distances.gaussians import standard_log_prob
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.images import dequantise, to_unit
from bench.metrics._annealing import Chains, Target, find_steps, log_mean_weight, sigmoid_schedule
from bench.metrics._evaluate import evaluate
from bench.metrics.ais import FITTING, GROUP, Effort, best_sigma, measure
from bench.models import configure
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator
from bench.training.parts import build, reference_data
from bench.variational.posteriors.diagonal import DiagonalGaussian

CPU = torch.device("cpu")
CHAINS = 16


def noise(*purpose):
    return DeviceRng(generator("annealing", *purpose))


def simulated(n):
    """z from the prior and x from p(x|z)."""
    rng = noise("simulated")
    z = rng.normal(n, LATENT).double()
    return z, z @ WEIGHT.T + SIGMA * rng.normal(n, DIM).double()


def target_of(x):
    return Target(standard_log_prob, lambda z: log_likelihood(x[:, None], z))


def draws(n, chains):
    return noise("draws", chains).normal(n, chains, LATENT).double()


def errors_of_both_bounds(n, num_temperatures):
    """From below and from above, less the exact value, ``[n]`` each."""
    z, x = simulated(n)
    target, b = target_of(x), sigmoid_schedule(num_temperatures)
    steps = find_steps(target, draws(n, 4), b, noise("pilots"))
    below = log_mean_weight(target, draws(n, CHAINS), b, steps, noise("below"))
    starts = z[:, None].expand(-1, CHAINS, -1)
    above = -log_mean_weight(target, starts, b.flip(0), steps.flip(0), noise("above"))
    return below - log_evidence(x), above - log_evidence(x)


def in_standard_errors(errors):
    return float(errors.mean() / (errors.std() / math.sqrt(len(errors))))


def test_temperatures_rise_from_0_to_1_by_the_smallest_steps_at_both_ends():
    b = sigmoid_schedule(10)
    assert (b[0], b[-1], len(b)) == (0, 1, 11)
    rises = b.diff()
    assert (rises[:5].diff() > 0).all()
    torch.testing.assert_close(rises, rises.flip(0))
    assert sigmoid_schedule(1).tolist() == [0, 1]


def test_annealed_log_evidence_is_the_exact_one_within_three_standard_errors():
    below, _ = errors_of_both_bounds(100, 100)
    assert abs(in_standard_errors(below)) < 3
    assert below.std() < 0.4


def test_one_temperature_misses_most_of_the_posterior():
    below, _ = errors_of_both_bounds(200, 1)
    assert in_standard_errors(below) < -5
    assert below.mean() < -2


@pytest.mark.parametrize("num_temperatures", [3, 10])
def test_exact_log_evidence_lies_between_the_two_bounds(num_temperatures):
    below, above = errors_of_both_bounds(1_000, num_temperatures)
    assert in_standard_errors(below) < -4
    assert in_standard_errors(above) > 4


def test_gap_between_the_bounds_closes_with_more_temperatures():
    few, more, many = (
        float((above - below).mean())
        for below, above in (errors_of_both_bounds(200, t) for t in (3, 30, 100))
    )
    assert few > 2 * more > 4 * many > 0


@pytest.mark.parametrize("b", [0.0, 0.1, 1.0])
def test_moves_leave_the_annealed_distribution_as_it_is(b):
    """Chains that start at exact draws and stay at one temperature are exact draws at the end."""
    _, x = simulated(20)
    precision = 1 + b * (WEIGHT**2).sum(0) / SIGMA**2
    mean, spread = b * x @ WEIGHT / SIGMA**2 / precision, precision.rsqrt()
    z = mean[:, None] + spread * draws(20, 500)
    chains = Chains.starting(target_of(x), z, noise("moves", b))
    step = torch.full((20,), 1.5 * float(spread.min())).double()
    accepted = torch.stack([chains.move(b, step).mean() for _ in range(30)]).mean()
    # Neither are all moves taken nor none: both ways are tried.
    assert 0.5 < accepted < 0.95
    assert (chains.point.z != z).any(-1).all()
    for values in ((chains.point.z - mean[:, None]) / spread, chains.momentum):
        # 10,000 draws: four standard errors of a mean and of a variance.
        assert values.flatten(0, 1).mean(0).abs().max() < 0.04
        assert (values.flatten(0, 1).var(0) - 1).abs().max() < 0.057


def test_steps_are_found_at_which_most_moves_are_taken():
    n, b = 50, sigmoid_schedule(200)
    target = target_of(simulated(n)[1])
    steps = find_steps(target, draws(n, 4), b, noise("pilots"))
    assert steps.shape == (199, n)
    chains = Chains.starting(target, draws(n, CHAINS), noise("chains"))
    accepted = [
        chains.move(inner, size) for inner, size in zip(b[1:-1].tolist(), steps, strict=True)
    ]
    assert float(torch.stack(accepted)[50:].mean()) == pytest.approx(0.8, abs=0.05)


MIXING = 0.2 * torch.randn(LATENT, DIM, generator=generator("mixing"))
SHIFT = torch.tensor([-0.1, 0.0, 0.1])


def linear_fns(*, conditional=False, **more):
    """Images that are linear in z, and of which log p(x) is known."""

    def decode(nets, z, labels):
        images = 0.5 + (z @ MIXING if labels is None else z @ MIXING + SHIFT[labels, None])
        return images.view(-1, 1, 4, 4)

    return EvalFns(
        latent=lambda nets, n, noise: noise.normal(n, LATENT),
        decode=decode,
        **{
            "latent_dim": LATENT,
            "prior_log_prob": lambda nets, z: standard_log_prob(z),
            "conditional": conditional,
            **more,
        },
    )


def made_view(fns, *, n=25, levels=17, **more):
    images = torch.randint(levels, (n, 1, 4, 4), generator=generator("pixels"))
    pixels = (images * 255 / (levels - 1)).round().byte().numpy()
    arrays = Arrays(pixels, (torch.arange(n) % 3).numpy())
    spec = DataSpec(
        name="made",
        shape=(1, 4, 4),
        num_classes=3,
        class_prior=(1 / 3,) * 3,
        levels=levels,
        digest="0" * 16,
    )
    reference = ReferenceData(Splits(spec=spec, train=arrays, val=arrays, test=arrays), CPU, None)
    generated = Generated(reference, {}, fns)
    return View(generated=generated, counts=(n,), max_samples=n, **{"split": "val"} | more)


def exact_mean(view, n, sigma, purpose=()):
    """Mean log p(x) of the dequantised images that the metric sees."""
    levels, (images, labels) = view.spec.levels, view.subset("val", n)
    parts = []
    for i, part in enumerate(images.split(GROUP)):
        u = view.noise("ais", *purpose, i).uniform(*part.shape)
        parts.append(dequantise(to_unit(part), levels, u).flatten(1).double())
    weight = MIXING.double() * (levels - 1) / levels
    cov = weight.T @ weight + sigma**2 * torch.eye(DIM).double()
    centre = torch.full((len(images), DIM), 0.5).double()
    if view.fns.conditional:
        centre = centre + SHIFT[labels, None] * (levels - 1) / levels
    return float(MultivariateNormal(centre, cov).log_prob(torch.cat(parts)).mean())


EFFORT = Effort(num_images=15, num_temperatures=100, num_simulated=10)


@pytest.mark.parametrize("conditional", [False, True])
def test_value_is_log_p_of_the_dequantised_image_given_its_class_where_the_model_sees_one(
    conditional,
):
    view = made_view(linear_fns(conditional=conditional))
    values = measure(view, EFFORT)
    given = "_given_class" if conditional else ""
    name = f"ais_gaussian_sigma0.1{given}_n15_c16_t100"
    assert set(values) == {name, f"{name}_gap"}
    # 15 bounds, each 0.4 from its exact value: three standard errors. A class is worth 8 nats.
    assert values[name] == pytest.approx(exact_mean(view, 15, 0.1), abs=0.3)
    assert 0 < values[f"{name}_gap"] < 1.5


def test_sigma_is_the_most_probable_one_on_validation():
    view = made_view(linear_fns())
    found = best_sigma(view, dataclasses.replace(FITTING, num_images=25, num_temperatures=40))
    at = {by: exact_mean(view, 25, by * found, ("sigma", 2)) for by in (0.93, 1, 1.07)}
    assert max(at, key=at.get) == 1


def test_registered_metric_takes_the_best_sigma_and_tells_it(monkeypatch):
    monkeypatch.setattr("bench.metrics.ais.best_sigma", lambda view, effort: 0.25)
    monkeypatch.setattr(
        "bench.metrics.ais.measure", lambda view, effort, said: {said: effort.sigma}
    )
    view = made_view(linear_fns(), split="test")
    values, _ = evaluate(view, "end", also=("ais",))
    assert {"best_sigma": 0.25, "ais_sigma": 0.25}.items() <= values.items()
    _, reasons = evaluate(made_view(linear_fns()), "end", also=("ais",))
    assert reasons["ais"] == "its sigma is chosen on validation, which has no value of its own"


def test_one_sigma_for_all_can_be_asked_for(monkeypatch):
    monkeypatch.setattr("bench.metrics.ais.measure", lambda view, effort: {"asked": effort.sigma})
    values, _ = evaluate(made_view(linear_fns(), ais_sigma="0.1"), "end", also=("ais",))
    assert values["asked"] == 0.1


@pytest.mark.parametrize("wrong", ["0", "0.0", "-1", "test", "1e-3"])
def test_sigma_that_is_no_number_above_0_is_refused(wrong):
    with pytest.raises(UsageError, match=r"eval\.ais_sigma must be like 0\.1, got"):
        configure("vae_mlp", {"ais_sigma": wrong})


def test_gap_tells_of_too_few_temperatures():
    view = made_view(linear_fns())
    values = measure(view, dataclasses.replace(EFFORT, num_temperatures=3))
    missing = exact_mean(view, 15, 0.1) - values["ais_gaussian_sigma0.1_n15_c16_t3"]
    assert missing > 1
    assert values["ais_gaussian_sigma0.1_n15_c16_t3_gap"] > 1


def test_model_without_an_encoder_has_the_number_of_a_vae_with_its_decoder():
    def encode(nets, images, labels, noise):
        return DiagonalGaussian(torch.zeros(len(images), 2 * LATENT))

    gan, vae = made_view(linear_fns()), made_view(linear_fns(encode=encode))
    effort = dataclasses.replace(EFFORT, num_temperatures=10)
    assert measure(gan, effort) == measure(vae, effort)


def test_model_without_a_latent_space_or_a_prior_density_has_no_value_and_says_why():
    for missing, reason in (
        ("latent_dim", "the model has no latent space"),
        ("prior_log_prob", "the density of the model's prior is not known"),
    ):
        view = made_view(linear_fns(**{missing: None}), split="test")
        values, reasons = evaluate(view, "end", also=("ais",))
        assert reasons["ais"] == reason
        assert not [name for name in values if name.startswith("ais")]


def test_annealing_is_done_on_request_alone():
    view = made_view(linear_fns(latent_dim=None))
    _, reasons = evaluate(view, "end")
    assert "ais" not in reasons


def test_effort_of_the_registered_metric_is_that_of_its_documentation():
    assert Effort() == Effort(
        num_images=100, num_chains=16, num_temperatures=1000, num_simulated=20, sigma=0.1
    )


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("vae_mlp", {"hidden": "16"}),
        ("vae_mlp:vamp", {"hidden": "16", "prior_components": 4}),
        ("vae", {"width": 2, "prior": "flow", "conditional": True}),
        ("gan", {"width": 2}),
        ("cgan", {"width": 2}),
        ("vae_gan", {"width": 2}),
    ],
)
def test_every_family_has_a_value_and_keeps_its_weights(model, values):
    reference = reference_data("digits", "auto", CPU)
    trainable = build(configure(model, values), reference)
    evaluation_mode(trainable.modules)
    generated = Generated(reference, trainable.modules, trainable.eval_fns)
    view = View(generated=generated, split="val", counts=(40,), max_samples=40)
    before = [p.clone() for net in trainable.modules.values() for p in net.parameters()]
    with torch.no_grad():
        found = measure(
            view, Effort(num_images=4, num_chains=2, num_temperatures=3, num_simulated=2)
        )
    assert all(math.isfinite(value) for value in found.values())
    after = [p for net in trainable.modules.values() for p in net.parameters()]
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, after, strict=True))
