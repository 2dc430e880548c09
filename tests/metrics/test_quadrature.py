"""log p(x) by quadrature: closed forms, a grid of all points, and the bounds below it."""

import copy

import pytest
import torch
from torch.distributions import MultivariateNormal

from bench.evaluation.view import Generated, View, evaluation_mode
from bench.images import to_unit
from bench.metrics import METRICS, NotApplicable, ais
from bench.metrics.importance import bound_of_image
from bench.metrics.quadrature import log_evidence
from bench.models import configure
from bench.training.parts import build, reference_data
from bench.training.trainer import Trainer

CPU = torch.device("cpu")


def viewed(model, dataset="digits", n=5, **values):
    """A model as it starts, on images of validation."""
    reference = reference_data(dataset, "auto", CPU)
    trainable = build(configure(model, values), reference)
    if trainable.initialise is not None:
        trainable.initialise(trainable.modules, reference.images("train"))
    evaluation_mode(trainable.modules)
    return trainable, View(
        generated=Generated(reference, trainable.modules, trainable.eval_fns),
        split="val",
        counts=(10,),
        max_samples=10,
        likelihood_images=n,
    )


@torch.no_grad()
def measured(view, name="quadrature"):
    return METRICS.get(name).measure(view)


def doubled(view):
    return {name: copy.deepcopy(net).double() for name, net in view.nets.items()}


def observed(view):
    """The images' forms x and their labels, as the bounds see them."""
    images, labels = view.subset("val", view.likelihood_images)
    for i in range(len(images)):
        noise = view.noise("importance", i)
        x = view.fns.inference.observe(to_unit(images[i : i + 1]), noise).double()
        yield x, None if labels is None else labels[i : i + 1]


@torch.no_grad()
def linear_evidence(view):
    """The mean over images of log N(x; b, W W^T + sigma^2 I)."""
    nets = doubled(view)
    last = nets["decoder"].layers[0]
    sigma = nets["likelihood"].split(torch.zeros(1))[1].exp()
    eye = torch.eye(len(last.bias), dtype=torch.float64)
    truth = MultivariateNormal(last.bias, last.weight @ last.weight.T + sigma**2 * eye)
    return float(torch.stack([truth.log_prob(x.flatten()) for x, _ in observed(view)]).mean())


@pytest.mark.parametrize(
    ("model", "dataset", "values"),
    [
        ("ppca", "digits", {}),
        # An encoder that knows nothing, and a posterior of a thousandth of the prior's width.
        ("vae_linear", "ring8", {"sigma": 0.001}),
    ],
)
def test_linear_vae_has_its_closed_form(model, dataset, values):
    _, view = viewed(model, dataset, latent_dim=2, **values)
    (name, value), (_, gap) = measured(view).items()
    assert name == "quadrature_gaussian_linear_n5"
    assert value == pytest.approx(linear_evidence(view), abs=1e-6)
    assert 0 <= gap <= 1e-4


@pytest.mark.parametrize("values", [{"conditional": True}, {"prior": "flow"}, {"prior": "vamp"}])
@torch.no_grad()
def test_value_is_that_of_a_grid_of_all_points(values):
    """Where p(x|z) is wide enough for one: sums at equal distances err by less than 1e-9."""
    _, view = viewed(
        "vae_mlp", n=2, hidden="6", latent_dim=2, likelihood="gaussian", sigma=1.0, **values
    )
    nets, inference = doubled(view), view.fns.inference
    along = torch.linspace(-8, 8, 201, dtype=torch.float64)
    z, area = torch.cartesian_prod(along, along), float(along[1] - along[0]) ** 2
    for x, label in observed(view):
        labels = label.expand(len(z)) if view.fns.conditional else None
        log_likelihood = inference.log_likelihood(nets, x.expand(len(z), *x.shape[1:]), z, labels)
        log_joint = inference.prior_log_prob(nets, z) + log_likelihood
        expected = float(log_joint.logsumexp(0) + torch.tensor(area).log())
        found = log_evidence(inference, nets, x, label)
        assert found.log == pytest.approx(expected, abs=1e-4)


def trained(n, **values):
    """A VAE of two latents that has seen 6,000 digits, and n images of validation."""
    model = {"hidden": "64", "latent_dim": 2, "likelihood": "gaussian_learned", **values}
    trainable, view = viewed("vae_mlp", n=n, **model)
    train = configure("vae_mlp", {"num_images": 6_000, "batch_size": 50}).train
    for _ in Trainer(trainable, view.reference.images("train"), None, train):
        pass
    evaluation_mode(trainable.modules)
    return view


def assert_unbiased(log_ratio):
    """exp(estimate - log p(x)) is 1 in the mean over images, within four standard errors."""
    ratio = log_ratio.exp()
    error = float(ratio.std()) / len(ratio) ** 0.5
    assert abs(float(ratio.mean()) - 1) < 4 * error
    assert error < 0.1  # else nothing was tested


@torch.no_grad()
def exact(view):
    nets = doubled(view)
    found = [log_evidence(view.fns.inference, nets, x, label) for x, label in observed(view)]
    return torch.tensor([one.log for one in found], dtype=torch.float64)


@torch.no_grad()
def bounds(view, k):
    """The importance-weighted bound and the ELBO of each image, ``[N, 2]``."""
    images, _ = view.subset("val", view.likelihood_images)
    of = [
        bound_of_image(
            view.fns.inference, view.nets, to_unit(image), None, view.noise("importance", i), k=k
        )
        for i, image in enumerate(images.split(1))
    ]
    return torch.stack([bound() for bound in of])


def test_bounds_stand_below_it_and_the_mean_of_their_weights_is_p_of_x():
    """Burda et al. 2016, theorem 1, of the same images and forms x."""
    view = trained(40)
    iwae, elbo = bounds(view, 64).T - exact(view)
    assert float(elbo.mean()) < float(iwae.mean()) < 0
    assert_unbiased(iwae)


@pytest.mark.slow
def test_elbo_bounds_of_64_and_5000_draws_and_annealing_stand_in_their_order():
    """Under one fixed sigma annealing speaks of the same p(x)."""
    view = trained(100, likelihood="gaussian", sigma=0.2)
    few, many = bounds(view, 64), bounds(view, 5_000)
    effort, noise = ais.Effort(num_chains=8, num_temperatures=200, sigma=0.2), view.noise("ais", 0)
    x = torch.cat([x for x, _ in observed(view)]).float()
    with torch.no_grad():
        annealed = ais._Anneal(view, effort, x, None, noise).from_below()[0]
    truth = exact(view)
    elbo, iwae_64, iwae_5000 = few[:, 1] - truth, few[:, 0] - truth, many[:, 0] - truth
    assert float(elbo.mean()) < float(iwae_64.mean()) < float(iwae_5000.mean())
    for estimate in (iwae_64, iwae_5000, annealed - truth):
        assert float(estimate.mean()) < 3 * float(estimate.std()) / len(truth) ** 0.5
        assert_unbiased(estimate)


def test_other_numbers_of_latents_are_refused_in_one_sentence():
    _, view = viewed("vae_mlp", hidden="4", latent_dim=3)
    with pytest.raises(NotApplicable, match="over a plane, and z has 3 dimensions: train with"):
        measured(view)


def test_model_without_a_likelihood_is_refused():
    _, view = viewed("gan_mlp", latent_dim=2)
    with pytest.raises(NotApplicable, match="the model has no likelihood"):
        measured(view)
