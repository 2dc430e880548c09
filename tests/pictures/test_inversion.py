"""Inversion finds what the generator can show, and moves nothing but z."""

import copy
from itertools import pairwise

import pytest
import torch

from bench.config import TrainSettings
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.models import configure
from bench.pictures import draw_pictures
from bench.pictures._inversion import _Adam, invert, squared_error
from bench.runtime import DeviceRng, generator
from bench.training.parts import build, reference_data
from bench.training.trainer import Trainer

CPU = torch.device("cpu")
CONDITIONAL = "cgan"


@pytest.fixture(scope="module")
def reference():
    return reference_data("digits", "auto", CPU)


def small(model, reference):
    return build(configure(model, {"width": 4, "latent_dim": 4}), reference)


def trained(model, reference, num_images=640):
    trainable = small(model, reference)
    settings = TrainSettings(num_images=num_images, batch_size=32, num_logs=4, num_validations=2)
    for _ in Trainer(trainable, reference.images("train"), reference.labels("train"), settings):
        pass
    evaluation_mode(trainable.modules)
    return trainable


def noise():
    return DeviceRng(generator("inversion test"))


def own_images(trainable, n):
    """Images that the generator makes itself, and their classes."""
    nets, fns = trainable.modules, trainable.eval_fns
    z = fns.latent(nets, n, DeviceRng(generator("targets")))
    labels = torch.arange(n) % 10
    with torch.no_grad():
        return fns.decode(nets, z, labels if fns.conditional else None), labels


def test_steps_are_those_of_torchs_adam_to_the_last_bit():
    z, wanted = torch.ones(5, 7), torch.ones(5, 7).requires_grad_()
    ours, torchs = _Adam(z, 0.1), torch.optim.Adam([wanted], lr=0.1)
    for _ in range(50):
        gradient = (z - torch.linspace(-2, 3, 35).view(5, 7)) ** 3
        wanted.grad = gradient.clone()
        ours.move(z, gradient)
        torchs.step()
        assert torch.equal(z, wanted)


@pytest.mark.parametrize("model", ["gan", CONDITIONAL])
def test_image_that_the_generator_made_is_found_again(model, reference):
    trainable = trained(model, reference)
    images, labels = own_images(trainable, 6)
    nets, fns = trainable.modules, trainable.eval_fns
    nearest = invert(nets, fns, images, labels, noise(), num_steps=0)
    found = invert(nets, fns, images, labels, noise())
    assert (nearest.error > 0).all()
    # It can be reached exactly; a tenth leaves room for targets behind a hill.
    assert (found.error < nearest.error).all()
    assert found.error.mean() < 0.1 * nearest.error.mean()
    assert torch.allclose(found.error, squared_error(found.images, images))


def test_first_guess_is_the_nearest_draw_of_the_prior(reference):
    trainable = trained("gan", reference)
    nets, fns = trainable.modules, trainable.eval_fns
    images, labels = own_images(trainable, 4)
    draws = fns.latent(nets, 256, noise())
    with torch.no_grad():
        errors = torch.stack([squared_error(fns.decode(nets, draws, None), x) for x in images])
    found = invert(nets, fns, images, labels, noise(), num_steps=0)
    assert torch.equal(found.z, draws[errors.argmin(1)])
    assert torch.allclose(found.error, errors.min(1).values)


def test_more_steps_never_make_an_image_worse(reference):
    trainable = trained("gan", reference)
    nets, fns = trainable.modules, trainable.eval_fns
    images = reference.images("val")[:8] / 255.0
    errors = [
        invert(nets, fns, images, None, noise(), num_steps=steps, lr=3.0).error
        for steps in (0, 1, 5, 20)  # a step this wide often misses
    ]
    for fewer, more in pairwise(errors):
        # The same z decoded beside other images: float32 sums in another order.
        assert (more <= fewer * (1 + 1e-4)).all()


def test_conditional_inversion_decodes_the_images_own_class(reference):
    trainable = trained(CONDITIONAL, reference)
    nets, fns = trainable.modules, trainable.eval_fns
    images, labels = own_images(trainable, 4)
    found = invert(nets, fns, images, labels, noise(), num_steps=3)
    other = invert(nets, fns, images, (labels + 1) % 10, noise(), num_steps=3)
    with torch.no_grad():
        assert torch.equal(fns.decode(nets, found.z, labels), found.images)
    assert found.error.mean() < other.error.mean()


def test_inversion_leaves_weights_buffers_flags_and_gradients_as_they_were(reference):
    trainable = trained("gan", reference)
    nets = trainable.modules
    parameters = [p for net in nets.values() for p in net.parameters()]
    flags = [i % 2 == 0 for i in range(len(parameters))]
    for parameter, on in zip(parameters, flags, strict=True):
        parameter.requires_grad_(on)
        parameter.grad = torch.full_like(parameter, 3.0)
    before = {name: copy.deepcopy(net.state_dict()) for name, net in nets.items()}
    with torch.no_grad():
        found = invert(nets, trainable.eval_fns, reference.images("val")[:4] / 255.0, None, noise())
    assert not found.z.requires_grad
    assert not found.images.requires_grad
    assert [p.requires_grad for p in parameters] == flags
    assert all((p.grad == 3.0).all() for p in parameters)
    for name, net in nets.items():
        for key, value in net.state_dict().items():
            assert torch.equal(value, before[name][key]), f"{name}.{key}"


@pytest.mark.parametrize("model", ["gan", CONDITIONAL, "vae"])
def test_training_with_pictures_gives_the_same_bits_as_without(model, reference):
    def train(*, with_pictures):
        trainable = small(model, reference)
        settings = TrainSettings(num_images=128, batch_size=32, num_logs=2, num_validations=2)
        trainer = Trainer(trainable, reference.images("train"), reference.labels("train"), settings)
        drawn = set()
        for _ in trainer:
            if with_pictures:
                generated = Generated(reference, trainer.evaluated, trainable.eval_fns)
                view = View(generated=generated, split="val", counts=(50,), max_samples=50)
                drawn |= draw_pictures(view, at_end=True).keys()
        return trainer.state_dict(), drawn

    (plain, none), (pictured, drawn) = (train(with_pictures=on) for on in (False, True))
    assert none == set()
    assert {"samples", "traversal", "latent_pca" if model == "vae" else "inversion"} <= drawn
    assert torch.equal(plain["rng"], pictured["rng"])
    for name, state in plain["modules"].items():
        for key, value in state.items():
            assert torch.equal(value, pictured["modules"][name][key]), f"{name}.{key}"
