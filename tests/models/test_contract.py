"""What every registered model promises, with every part that it can be made of."""

import itertools

import pytest
import torch
from references import PRESETS, REFERENCES, TRAINED, VARIANTS, has_width, split

from bench.models import MODELS, configure, find
from bench.runtime import DeviceRng, generator
from bench.testing import (
    DIGITS,
    MODEL_PROMISES,
    labels_for,
    made_model,
    made_spec,
    made_step,
    settings_read_back_from_text,
)

MNIST, COLOUR = (1, 28, 28), (3, 32, 32)
DEEP = [name for name in MODELS.names() if "depth" in find(name)[1].settings.model_fields]
OF_SAMPLES = ["samples_repeat_with_their_noise", "decoded_images_lie_between_0_and_1"]
OF_TRAINING = sorted(MODEL_PROMISES.keys() - {*OF_SAMPLES, settings_read_back_from_text.__name__})


@pytest.mark.parametrize(
    ("promise", "variant"),
    [*itertools.product(OF_SAMPLES, VARIANTS), *itertools.product(OF_TRAINING, TRAINED)],
)
def test_every_model_keeps_its_promises(promise, variant):
    reference, values = split(variant)
    MODEL_PROMISES[promise](reference, values | ({"width": "4"} if has_width(reference) else {}))


@pytest.mark.parametrize(
    ("depth", "shape"),
    [
        *itertools.product([1, 5], [DIGITS, MNIST, COLOUR, (1, 5, 11)]),
        *itertools.product([2, 3, 4], [MNIST]),
    ],
)
@pytest.mark.parametrize("name", DEEP)
def test_every_depth_builds_and_samples_for_every_image_shape(name, depth, shape):
    trainable = made_model(name, {"depth": str(depth), "width": "2"}, spec=made_spec(shape))
    z = trainable.eval_fns.latent(trainable.modules, 2, DeviceRng(generator("z")))
    labels = labels_for(trainable, 2)
    assert trainable.eval_fns.decode(trainable.modules, z, labels).shape == (2, *shape)
    loss, _ = trainable.phases[0].loss(trainable.modules, made_step(2, shape))
    assert torch.isfinite(loss)


@pytest.mark.parametrize("reference", REFERENCES)
def test_settings_of_every_preset_read_back_from_text(reference):
    settings_read_back_from_text(reference)


@pytest.mark.parametrize("reference", [f"{name}:{key}" for name, key in PRESETS])
def test_every_preset_builds_networks_with_parameters_to_train(reference):
    with torch.device("meta"):  # sizes without memory or time: a preset is values and no code
        trainable = find(reference)[1].build(configure(reference).model, made_spec(MNIST))
    trained = {name for spec in trainable.optimizers.values() for name in spec.modules}
    assert trained <= trainable.modules.keys()
    having = {name for name, part in trainable.modules.items() if list(part.parameters())}
    assert having
    assert having <= trained


@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_names_its_source_and_sums_itself_up(name):
    kind = MODELS.get(name)
    assert kind.summary.endswith(".")
    assert kind.paper
    assert kind.family in {
        "vae",
        "gan",
        "wgan",
        "hybrid",
        "baseline",
        "flow",
        "autoregressive",
        "diffusion",
    }
