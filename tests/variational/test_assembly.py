"""VAEs put together of every likelihood, posterior, prior and objective."""

import itertools
import math

import pytest
import torch

from bench.config import TrainSettings
from bench.contracts import OptimSpec, Step
from bench.errors import UsageError
from bench.models import configure, find
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.training.trainer import Trainer
from bench.variational.elbo import elbo_terms, free_bits_kl, importance_bound
from bench.variational.likelihoods import LIKELIHOODS
from bench.variational.posteriors import POSTERIORS
from bench.variational.priors import PRIORS

SHAPE = (1, 4, 4)
SPEC = DataSpec(
    name="made",
    shape=SHAPE,
    num_classes=3,
    class_prior=(0.5, 0.25, 0.25),
    levels=17,
    digest="0" * 16,
)
NO_LABELS = DataSpec(
    name="bare", shape=SHAPE, num_classes=0, class_prior=(), levels=17, digest="0" * 16
)
TINY = {"hidden": "8", "latent_dim": 3, "prior_layers": 2, "prior_hidden": 4, "prior_components": 4}
IMAGES = torch.randint(256, (40, *SHAPE), generator=generator("images"), dtype=torch.uint8)
LABELS = torch.arange(40) % 3
OBJECTIVES = {"elbo": {}, "free_bits": {"free_nats": 0.1}, "importance": {"num_importance": 3}}


def built(model="vae_mlp", spec=SPEC, **values):
    sizes = TINY if model == "vae_mlp" else {"depth": 1, "width": 2, "prior_components": 4}
    config = configure(model, {**sizes, **values})
    with seeded_modules(0):
        trainable = find(model)[1].build(config.model, spec)
    if trainable.initialise is not None:
        trainable.initialise(trainable.modules, IMAGES)
    return trainable


def step(n=8):
    images = IMAGES[:n].float() / 255
    return Step(images, LABELS[:n], torch.tensor(0.5), DeviceRng(generator("step")))


def terms_of(trainable, seen):
    inference, nets = trainable.eval_fns.inference, trainable.modules
    return elbo_terms(inference, nets, seen.images, seen.labels, seen.noise)[:2]


def trained_loss(trainable):
    (phase,) = trainable.phases
    return float(phase.loss(trainable.modules, step())[0].detach())


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("model", ["vae", "vae_mlp"])
@pytest.mark.parametrize(
    ("kl_weight", "kl_warmup", "factor"),
    [(1.0, 0.0, 1.0), (3.0, 0.0, 3.0), (1.0, 0.8, 0.625), (3.0, 0.8, 1.875), (3.0, 0.2, 3.0)],
)
def test_trained_elbo_weighs_the_kl_as_the_settings_say(
    kl_weight, kl_warmup, factor, model, conditional
):
    trainable = built(model, kl_weight=kl_weight, kl_warmup=kl_warmup, conditional=conditional)
    log_likelihood, kl = terms_of(trainable, step())
    assert kl.mean() > 1e-3
    expected = (factor * kl - log_likelihood).mean()
    assert trained_loss(trainable) == pytest.approx(float(expected.detach()))


@pytest.mark.parametrize("free_nats", [0.05, 2.0])
@pytest.mark.parametrize("model", ["vae", "vae_mlp"])
def test_trained_elbo_leaves_free_as_many_nats_as_the_settings_say(model, free_nats):
    trainable = built(model, free_nats=free_nats, kl_weight=3.0, kl_warmup=0.8)
    inference, nets, seen = trainable.eval_fns.inference, trainable.modules, step()
    log_likelihood, _ = terms_of(trainable, step())
    q = inference.posterior(nets, inference.observe(seen.images, seen.noise), seen.labels)
    assert (q.kl_per_latent().mean(0) < free_nats).any()
    kl = free_bits_kl(q.kl_per_latent(), free_nats)
    expected = 1.875 * kl - log_likelihood.mean()
    assert trained_loss(trainable) == pytest.approx(float(expected.detach()))


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("k", [2, 7])
@pytest.mark.parametrize("model", ["vae", "vae_mlp"])
def test_trained_bound_has_as_many_draws_as_the_settings_say(model, k, conditional):
    values = {"num_importance": k, "kl_warmup": 0.0, "conditional": conditional}
    trainable, seen = built(model, **values), step()
    expected = importance_bound(
        trainable.eval_fns.inference,
        trainable.modules,
        *(seen.images, seen.labels, seen.noise),
        k=k,
    ).mean()
    assert trained_loss(trainable) == pytest.approx(-float(expected.detach()))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_encoder_and_decoder_of_a_conditional_vae_see_the_class_of_the_image(objective):
    trainable, seen = built(conditional=True, **OBJECTIVES[objective]), step()
    given = {}
    for name in ("encoder", "decoder"):
        trainable.modules[name].register_forward_pre_hook(
            lambda _, args, name=name: given.update({name: args})
        )
    trainable.phases[0].loss(trainable.modules, seen)
    assert torch.equal(given["encoder"][1], seen.labels)
    draws = OBJECTIVES[objective].get("num_importance", 1)
    (joined,) = given["decoder"]
    assert joined.shape == (draws * 8, TINY["latent_dim"] + SPEC.num_classes)
    classes = joined[:, TINY["latent_dim"] :].argmax(1)
    assert torch.equal(classes, seen.labels.repeat(draws))


@pytest.mark.parametrize("model", ["vae", "vae_mlp"])
@pytest.mark.parametrize("prior", PRIORS.names())
def test_one_adam_moves_every_part_with_the_lr_of_the_settings(model, prior):
    trainable = built(model, prior=prior, lr=0.0125)
    (phase,) = trainable.phases
    spec = OptimSpec(modules=tuple(trainable.modules), kind="adam", lr=0.0125)
    assert trainable.optimizers == {phase.optimizer: spec}
    assert trainable.modules.keys() == {"encoder", "decoder", "prior", "likelihood"}


@pytest.mark.parametrize("model", ["vae", "vae_mlp"])
def test_prior_has_the_sizes_of_the_settings(model):
    flow = built(model, prior="flow", latent_dim=5, prior_layers=3, prior_hidden=7)
    assert [
        [(part.in_features, part.out_features) for part in coupling.net if hasattr(part, "weight")]
        for coupling in flow.modules["prior"].couplings
    ] == [[(5, 7), (7, 7), (7, 2 * 5)]] * 3
    vamp = built(model, prior="vamp", prior_components=9)
    assert vamp.modules["prior"].pseudo_inputs.shape == (9, *SHAPE)


def refusal(posterior, prior, conditional, objective):
    """Words of the reason why these do not go together, or None."""
    if conditional and prior == "vamp":
        return "encoded images without a class"
    if objective == "free_bits" and (posterior != "diagonal" or prior != "standard"):
        return "free_nats=0.1 needs the KL of each latent in closed form"
    return None


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize(
    ("likelihood", "posterior", "prior"),
    list(itertools.product(LIKELIHOODS.names(), POSTERIORS.names(), PRIORS.names())),
)
def test_every_combination_trains_and_has_an_elbo_or_is_refused_with_the_reason(
    likelihood, posterior, prior, conditional, objective
):
    values = {"likelihood": likelihood, "posterior": posterior, "prior": prior}
    values |= {"conditional": conditional, **OBJECTIVES[objective]}
    reason = refusal(posterior, prior, conditional, objective)
    if reason is not None:
        with pytest.raises(UsageError, match=reason):
            built(**values)
        return
    trainable = built(**values)
    loss, _ = trainable.phases[0].loss(trainable.modules, step())
    loss.backward()
    assert torch.isfinite(loss)
    for name, module in trainable.modules.items():
        for parameter in module.parameters():
            assert torch.isfinite(parameter.grad).all(), name
            assert (parameter.grad != 0).any(), name
    inference, seen = trainable.eval_fns.inference, step()
    terms = elbo_terms(inference, trainable.modules, seen.images, seen.labels, seen.noise)
    assert torch.isfinite(torch.stack(terms[:2])).all()
    assert inference.likelihood_name.endswith("_given_class") == conditional


def test_data_set_without_labels_has_no_conditional_vae():
    with pytest.raises(UsageError, match=r"conditional VAE .* data set 'bare' has no labels: take"):
        built(spec=NO_LABELS, conditional=True)


def trained(trainable, num_images=400):
    settings = TrainSettings(num_images=num_images, batch_size=20, num_logs=1, num_validations=1)
    for _ in Trainer(trainable, IMAGES, LABELS, settings):
        pass
    return trainable


@torch.no_grad()
def test_conditional_vae_makes_another_image_of_the_same_latent_for_another_class():
    with torch.enable_grad():
        trainable = trained(built(conditional=True))
    fns, z = trainable.eval_fns, torch.zeros(3, TINY["latent_dim"])
    images = fns.decode(trainable.modules, z, torch.arange(3))
    assert fns.conditional
    for a, b in itertools.combinations(images, 2):
        assert (a - b).abs().max() > 1e-3


@torch.no_grad()
def test_conditional_vae_encodes_the_same_image_otherwise_under_another_class():
    trainable = built(conditional=True, likelihood="bernoulli_gray")
    images = (IMAGES[:1].float() / 255).expand(3, *SHAPE)
    noise = DeviceRng(generator("encode"))
    means = trainable.eval_fns.encode(trainable.modules, images, torch.arange(3), noise).mean
    assert not torch.equal(means[0], means[1])
    assert not torch.equal(means[1], means[2])


@pytest.mark.parametrize("likelihood", LIKELIHOODS.names())
def test_elbo_of_a_conditional_vae_never_shares_a_column_with_a_plain_one(likelihood):
    plain, given = (
        built(likelihood=likelihood, conditional=conditional).eval_fns.inference.likelihood_name
        for conditional in (False, True)
    )
    assert given == f"{plain}_given_class"


def test_sigma_of_the_settings_is_that_of_the_likelihood():
    fixed = built(likelihood="gaussian", sigma=0.2)
    assert fixed.eval_fns.inference.likelihood_name == "gaussian_sigma0.2"


def test_every_likelihood_has_a_name_of_its_own():
    names = [
        built(likelihood=name).eval_fns.inference.likelihood_name for name in LIKELIHOODS.names()
    ]
    assert len(set(names)) == len(names)


def test_evaluated_elbo_has_kl_factor_one_and_no_free_nats_whatever_is_trained():
    expected, *others = (
        elbo_terms(
            trainable.eval_fns.inference,
            trainable.modules,
            *(step().images, step().labels),
            DeviceRng(generator("eval")),
        )[:2]
        for trainable in (
            built(),
            built(kl_weight=7.0, kl_warmup=1.0),
            built(free_nats=2.0),
            built(num_importance=4),
        )
    )
    for terms in others:
        assert torch.equal(torch.stack(terms), torch.stack(expected))


def test_pseudo_inputs_start_as_evenly_spaced_train_images():
    pseudo_inputs = built(prior="vamp").modules["prior"].pseudo_inputs
    assert torch.equal((pseudo_inputs * 255).round().byte(), IMAGES[[0, 10, 20, 30]])


def test_pseudo_inputs_learn_and_stay_images():
    trainable = built(prior="vamp", lr=0.05)
    before = trainable.modules["prior"].pseudo_inputs.detach().clone()
    after = trained(trainable).modules["prior"].pseudo_inputs.detach()
    assert (after - before).abs().max() > 0.05
    assert after.min() == 0
    assert after.max() == 1


def test_running_statistics_of_batch_norm_are_those_of_real_images_alone():
    plain, vamp = built("vae"), built("vae", prior="vamp")
    vamp.modules["encoder"].load_state_dict(plain.modules["encoder"].state_dict())
    for trainable in (plain, vamp):
        trainable.phases[0].loss(trainable.modules, step())
    for (name, a), (_, b) in zip(
        plain.modules["encoder"].named_buffers(),
        vamp.modules["encoder"].named_buffers(),
        strict=True,
    ):
        assert torch.equal(a, b), name
    assert all(part.training for part in vamp.modules["encoder"].modules())


def test_model_with_a_vamp_prior_samples_what_it_scores():
    """Draws of the prior have the mean log-density that its components' mixture has."""
    trainable = trained(built(prior="vamp", latent_dim=1))
    fns, nets = trainable.eval_fns, trainable.modules
    with torch.no_grad():
        z = fns.latent(nets, 4000, DeviceRng(generator("z")))
        density = fns.inference.prior_log_prob(nets, z)
        grid = torch.linspace(-12, 12, 4001).unsqueeze(1)
        on_grid = fns.inference.prior_log_prob(nets, grid)
    mass = on_grid.exp() * 24 / 4000
    error = float(density.std()) / math.sqrt(len(z))
    assert float(mass.sum()) == pytest.approx(1, abs=1e-3)
    assert float(density.mean()) == pytest.approx(float((mass * on_grid).sum()), abs=4 * error)


@pytest.mark.parametrize("likelihood", LIKELIHOODS.names())
def test_decoder_starts_at_the_mean_of_the_train_images(likelihood):
    mean = (IMAGES.float() / 255).mean(0)
    fully, convolutional = built(likelihood=likelihood), built("vae", likelihood=likelihood)
    part = fully.modules["likelihood"]
    bias = fully.modules["decoder"].layers[-1].bias
    torch.testing.assert_close(bias[:16], part.start(mean).flatten())
    channel = convolutional.modules["decoder"].layers[-1].bias[0]
    torch.testing.assert_close(channel, part.start(mean.mean()))
    if part.params_per_value == 2:
        assert bias[16:].abs().max() < 0.5  # the sigmas' half keeps its own start
