"""Experiment D: how the class reaches the generator, and the measures that see whether it did."""

import dataclasses

import pytest
import torch

from bench.contracts import EvalFns, NullLogger
from bench.datasets import Splits
from bench.datasets._splits import Arrays
from bench.errors import UsageError
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, SealedSplit, View
from bench.metrics._evaluate import evaluate
from bench.models import MODELS, configure
from bench.records import DataSpec
from bench.runtime import generator, seeded_modules
from bench.training.parts import reference_data
from bench.training.run import Run

SHAPE, CLASSES = (1, 8, 8), 4
SPEC = DataSpec(
    name="made",
    shape=SHAPE,
    num_classes=CLASSES,
    class_prior=(0.25,) * CLASSES,
    levels=256,
    digest="0" * 16,
)


def built(**values):
    config = configure("cgan", {"depth": 2, "width": 4, "h_dim": 12, **values})
    with seeded_modules(0):
        return MODELS.get("cgan").build(config.model, SPEC)


def gradient_directions(**values):
    """Unit gradients of the score at the images of one batch, under each class: [classes, N, D]."""
    discriminator = built(**values).modules["discriminator"]
    with torch.no_grad():  # embeddings and weights far from zero, as after training
        rng = generator("weights")
        for parameter in discriminator.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=rng))
    images = torch.rand(6, *SHAPE, generator=generator("images")).requires_grad_()
    directions = []
    for label in range(CLASSES):
        scores = discriminator(images, torch.full((6,), label))
        (gradient,) = torch.autograd.grad(scores.sum(), images)
        directions.append(torch.nn.functional.normalize(gradient.flatten(1).double(), dim=1))
    return torch.stack(directions)


def smallest_cosine(directions):
    """Over images and pairs of classes."""
    return float(torch.einsum("and,bnd->abn", directions, directions).min())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"h_dim": 40},
        {"class_dim": 5},
        {"class_dim": 20, "generator_class_dim": 20},
        {"feature_norm": True},
    ],
)
def test_affine_head_gives_the_image_the_same_gradient_direction_for_all_classes(values):
    # Float32 gradients of one direction: their cosine is 1 up to rounding.
    directions = gradient_directions(head="affine", **values)
    assert smallest_cosine(directions) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        {"head": "projection"},
        {"head": "affine", "extra_layers": 1},
        {"head": "affine", "extra_layers": 2, "class_dim": 10},
    ],
)
def test_projection_and_extra_layers_turn_the_gradient_with_the_class(values):
    assert smallest_cosine(gradient_directions(**values)) < 0.9


def test_projection_is_the_score_plus_the_product_of_class_vector_and_features():
    discriminator = built(head="projection").modules["discriminator"].eval()
    images, labels = torch.rand(5, *SHAPE), torch.tensor([0, 1, 2, 3, 0])
    hidden = torch.nn.functional.leaky_relu(discriminator.features(images), 0.2)
    plain = hidden @ discriminator.score[0].weight[0] + discriminator.score[0].bias
    turned = (hidden * discriminator.directions.weight[labels]).sum(1)
    torch.testing.assert_close(discriminator(images, labels), plain + turned)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"extra_layers": 1}, "extra_layers=1 and class_dim=0 belong to head=affine"),
        ({"class_dim": 10}, "extra_layers=0 and class_dim=10 belong to head=affine"),
        (
            {"feature_norm": True, "lipschitz": "gradient_penalty"},
            "feature_norm=True makes one image's score depend on the others",
        ),
        (
            {"feature_norm": True, "lipschitz": "spectral_norm"},
            "feature_norm=True scales what spectral_norm has bounded",
        ),
        (
            {"norm": "batch", "lipschitz": "spectral_norm"},
            "norm=batch scales what spectral_norm has bounded",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        configure("cgan", values)


class BrightestQuarter:
    """A detector of images that are bright in one of four bands: the band is the class."""

    name, digest, dim, own_classes = "bands", "0" * 16, CLASSES, True

    def __call__(self, images):
        bands = images.double().view(len(images), CLASSES, -1).mean(2) / 255
        return bands, (bands * 50).softmax(1)


def banded(labels, noise):
    """Images ``[N, 1, 8, 8]`` in [0, 1] with the band of their class lit, and a little noise."""
    images = 0.3 * noise.view(-1, *SHAPE)
    rows = torch.arange(8).view(1, 1, 8, 1) // 2 == labels.view(-1, 1, 1, 1)
    return (images + 0.7 * rows).clamp(0, 1)


def view_of(follow, n=400):
    """A conditional model on banded images; ``follow`` turns the label into what is shown."""
    labels = torch.arange(n) % CLASSES
    images = banded(labels, torch.rand(n, 64, generator=generator("real")))
    arrays = Arrays(images.mul(255).byte().numpy(), labels.numpy())
    splits = Splits(spec=SPEC, train=arrays, val=arrays, test=arrays)
    reference = ReferenceData(splits, torch.device("cpu"), BrightestQuarter())
    fns = EvalFns(
        latent=lambda nets, n, noise: noise.uniform(n, 64),
        decode=lambda nets, z, labels: banded(follow(labels), z),
        latent_dim=64,
        conditional=True,
    )
    return View(generated=Generated(reference, {}, fns), split="val", counts=(n,), max_samples=n)


def values_of(follow):
    return evaluate(view_of(follow), "end")[0]


def test_model_that_follows_its_class_is_accurate_and_near_in_every_class():
    values = values_of(lambda labels: labels)
    assert values["class_accuracy"] == values["class_accuracy_real"] == 1
    (name,) = [name for name in values if name.startswith("class_fd_bands_n")]
    assert values[f"floor_train_{name}"] < 0.01
    assert 70 <= int(name.rpartition("n")[2]) <= 100  # the rarest of four classes in 400
    assert values[name] < 0.01


def test_model_that_shows_another_class_is_wrong_though_its_samples_as_a_whole_are_right():
    values = values_of(lambda labels: (labels + 1) % CLASSES)
    assert values["class_accuracy"] == 0
    assert values["fd_bands_n400"] < 0.01
    (name,) = [name for name in values if name.startswith("class_fd_bands_n")]
    # Two bands of 0.7 exchange their brightness (a little less by the clamp).
    assert values[name] == pytest.approx(2 * 0.7**2, rel=0.25)


def test_share_of_the_class_is_that_of_the_variance_it_makes():
    assert values_of(torch.zeros_like)["class_share"] == 0
    # Noise 0.3 u has variance 0.09 / 12; a band lit in one of four classes 0.49 * 3 / 16.
    expected = 0.49 * 3 / 16 / (0.49 * 3 / 16 + 0.09 / 12)
    assert values_of(lambda labels: labels)["class_share"] == pytest.approx(expected, rel=0.02)


def test_model_without_classes_has_no_class_accuracy_and_says_why():
    view = view_of(lambda labels: labels)
    fns = EvalFns(
        latent=view.fns.latent,
        decode=lambda nets, z, labels: banded(torch.zeros(len(z), dtype=torch.long), z),
    )
    plain = View(
        generated=Generated(view.reference, {}, fns), split="val", counts=(9,), max_samples=9
    )
    _, reasons = evaluate(plain, "end")
    for name in ("class_accuracy", "class_frechet", "class_share"):
        assert reasons[name] == "the model is not conditional"


def test_subset_of_a_split_in_class_order_is_random_nested_and_keeps_its_labels():
    images = torch.arange(200, dtype=torch.uint8).view(-1, 1, 1, 1).expand(200, 1, 8, 8)
    arrays = Arrays(images.numpy(), (torch.arange(200) // 50).numpy())
    splits = Splits(spec=SPEC, train=arrays, val=arrays, test=arrays)
    reference = ReferenceData(splits, torch.device("cpu"), BrightestQuarter())
    few, few_labels = reference.subset("val", 20)
    more, more_labels = reference.subset("val", 80)
    assert torch.equal(few, more[:20])
    assert torch.equal(few_labels, more_labels[:20])
    assert torch.equal(more[:, 0, 0, 0].long() // 50, more_labels)
    assert set(few_labels.tolist()) == {0, 1, 2, 3}
    assert torch.equal(reference.real_features("val", 80, BrightestQuarter()).labels, more_labels)


def test_reason_for_a_missing_measure_stands_only_where_neither_split_has_it(tmp_path):
    # 297 validation digits have too few of a class for 32 features, 500 test digits enough.
    config = configure("cgan", {"num_images": 64, "num_logs": 2, "num_validations": 1, "width": 4})
    run = Run(
        config=config,
        reference=reference_data("digits", "auto", torch.device("cpu")),
        folder=tmp_path,
        logger=NullLogger(),
    )
    result = run.execute()
    assert any(name.startswith("test/class_fd_digits_n") for name in result.metrics)
    assert not any(name.startswith("val/class_fd") for name in result.metrics)
    assert "class_frechet" not in result.not_applicable
    assert result.not_applicable["elbo"] == "the model has no likelihood"


def test_view_of_the_validation_split_never_shows_the_test_split():
    """Protocol rule 2: selection sees validation only."""
    view = view_of(lambda labels: labels)
    sealed = dataclasses.replace(view, split="val")
    for read in (
        lambda: sealed.images("test"),
        lambda: sealed.labels("test"),
        lambda: sealed.subset("test", 1),
        lambda: sealed.real_features("test", 1),
    ):
        with pytest.raises(SealedSplit, match="may not read the test split"):
            read()
    assert len(dataclasses.replace(view, split="test").images("test")) == 400
