"""What every registered model promises, with every part that it can be made of."""

import copy
import itertools

import pytest
import torch
from references import PRESETS, REFERENCES, TRAINED, VARIANTS, split

from bench.config import TrainSettings
from bench.contracts import Step, Trainable
from bench.evaluation.view import draw
from bench.models import MODELS, configure, find
from bench.records import DataSpec
from bench.runtime import DeviceNoise, generator, seeded_modules
from bench.training.trainer import Trainer

DIGITS, MNIST, COLOUR = (1, 8, 8), (1, 28, 28), (3, 32, 32)
DEEP = [name for name in MODELS.names() if "depth" in find(name)[1].settings.model_fields]
IMAGES = torch.randint(256, (64, *DIGITS), generator=generator("images"), dtype=torch.uint8)
LABELS = torch.arange(64) % 10


def spec_of(shape):
    return DataSpec(
        name="made",
        shape=shape,
        num_classes=10,
        class_prior=(0.1,) * 10,
        levels=256,
        digest="0" * 16,
    )


def built(reference, shape=DIGITS, seed=0, **values) -> Trainable:
    reference, chosen = split(reference)
    config = configure(reference, chosen | values)
    with seeded_modules(seed):
        trainable = find(reference)[1].build(config.model, spec_of(shape))
    if trainable.initialise is not None:
        images = torch.randint(256, (64, *shape), generator=generator("fit"), dtype=torch.uint8)
        trainable.initialise(trainable.modules, images)
    return trainable


def step(shape=DIGITS, n=8):
    rng = generator("step")
    images = torch.rand(n, *shape, generator=rng)
    return Step(images, LABELS[:n], torch.tensor(0.5), DeviceNoise(rng))


def labels_for(trainable, n):
    return LABELS[:n] if trainable.eval_fns.conditional else None


def trainer_of(trainable, **values):
    settings = {"num_images": 64, "batch_size": 16, "num_logs": 2, "num_validations": 1}
    return Trainer(trainable, IMAGES, LABELS, TrainSettings(**{**settings, **values}))


def parameters(trainable):
    return {
        name: [p.detach().clone() for p in module.parameters()]
        for name, module in trainable.modules.items()
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_samples_are_uint8_images_that_repeat_with_their_noise(variant):
    trainable = built(variant)
    first, again = (
        draw(
            trainable.modules,
            trainable.eval_fns,
            5,
            DeviceNoise(generator("samples")),
            labels_for(trainable, 5),
        )
        for _ in range(2)
    )
    assert first.shape == (5, *DIGITS)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)


@pytest.mark.parametrize("variant", VARIANTS)
def test_decoded_images_lie_between_0_and_1(variant):
    trainable = built(variant)
    z = trainable.eval_fns.latent(trainable.modules, 6, DeviceNoise(generator("z")))
    images = trainable.eval_fns.decode(trainable.modules, z, labels_for(trainable, 6))
    assert not torch.equal(images[0], images[1])
    assert images.shape == (6, *DIGITS)
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize("variant", TRAINED)
def test_each_phase_changes_the_parameters_of_its_own_optimizer_only(variant):
    trainable = built(variant)
    trainer = trainer_of(trainable)
    for index, phase in enumerate(trainable.phases):
        before = parameters(trainable)
        trainer._run_phase(index, phase, step())
        after = parameters(trainable)
        own = trainable.optimizers[phase.optimizer].modules
        for name, values in before.items():
            same = [torch.equal(a, b) for a, b in zip(values, after[name], strict=True)]
            if name in own:
                # The last bias of a Wasserstein critic cancels: no gradient, no move.
                still = [
                    p for p, s in zip(trainable.modules[name].parameters(), same, strict=True) if s
                ]
                assert all((p.grad == 0).all() for p in still), (
                    f"{phase.name} leaves {name} unmoved"
                )
                assert not all(same) or not same, f"{phase.name} moves nothing of {name}"
            else:
                assert all(same), f"{phase.name} moves {name}"


@pytest.mark.parametrize("variant", TRAINED)
def test_losses_are_finite_scalars_and_every_parameter_gets_a_gradient(variant):
    trainable = built(variant)
    for phase in trainable.phases:
        loss, scalars = phase.loss(trainable.modules, step())
        assert loss.shape == ()
        assert torch.isfinite(loss)
        assert all(value.shape == () and torch.isfinite(value) for value in scalars.values())
        for module in trainable.optimizers[phase.optimizer].modules:
            trainable.modules[module].zero_grad()
        loss.backward()
        for module in trainable.optimizers[phase.optimizer].modules:
            assert all(p.grad is not None for p in trainable.modules[module].parameters())


@pytest.mark.parametrize("variant", TRAINED)
def test_training_from_a_checkpoint_gives_the_same_bits(variant):
    whole = built(variant)
    for _ in trainer_of(whole):
        pass

    first = built(variant)
    interrupted = trainer_of(first)
    next(iter(interrupted))
    state = copy.deepcopy(interrupted.state_dict())

    second = built(variant, seed=1)
    resumed = trainer_of(second)
    resumed.load_state_dict(state)
    for _ in resumed:
        pass
    for name, values in parameters(whole).items():
        for a, b in zip(values, parameters(second)[name], strict=True):
            assert torch.equal(a, b), name


@pytest.mark.parametrize("variant", TRAINED)
def test_weights_depend_on_the_seed_alone(variant):
    torch.manual_seed(123)
    a = parameters(built(variant, seed=3))
    torch.manual_seed(321)
    b = parameters(built(variant, seed=3))
    c = parameters(built(variant, seed=4))
    assert all(torch.equal(x, y) for k in a for x, y in zip(a[k], b[k], strict=True))
    assert any(not torch.equal(x, y) for k in a for x, y in zip(a[k], c[k], strict=True))


@pytest.mark.parametrize(
    ("depth", "shape"),
    [
        *itertools.product([1, 5], [DIGITS, MNIST, COLOUR, (1, 5, 11)]),
        *itertools.product([2, 3, 4], [MNIST]),
    ],
)
@pytest.mark.parametrize("name", DEEP)
def test_every_depth_builds_and_samples_for_every_image_shape(name, depth, shape):
    trainable = built(name, shape, depth=depth, width=2)
    z = trainable.eval_fns.latent(trainable.modules, 2, DeviceNoise(generator("z")))
    labels = labels_for(trainable, 2)
    assert trainable.eval_fns.decode(trainable.modules, z, labels).shape == (2, *shape)
    loss, _ = trainable.phases[0].loss(trainable.modules, step(shape, 2))
    assert torch.isfinite(loss)


@pytest.mark.parametrize("reference", REFERENCES)
def test_settings_are_scalars_that_read_back_from_text(reference):
    from bench.models import config_from_params

    config = configure(reference)
    text = {key: str(value) for key, value in config.flat().items()}
    assert all(isinstance(value, int | float | str | bool) for value in config.flat().values())
    assert config_from_params(text) == config
    assert config_from_params(text).digest == config.digest


@pytest.mark.parametrize("reference", [f"{name}:{key}" for name, key in PRESETS])
def test_every_preset_builds_networks_with_parameters_to_train(reference):
    with torch.device("meta"):  # sizes without memory or time: a preset is values and no code
        trainable = find(reference)[1].build(configure(reference).model, spec_of(MNIST))
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
    assert kind.family in {"vae", "gan", "wgan", "hybrid", "baseline"}
