"""What every GAN shares: what keeps the opponent smooth, and the phases of the game."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.config import TrainSettings
from bench.contracts import Step
from bench.errors import UsageError
from bench.losses import LOSSES
from bench.models import MODELS, configure, find
from bench.records import DataSpec
from bench.runtime import DeviceNoise, generator, seeded_modules
from bench.trainer import Trainer

SPEC = DataSpec(
    name="made",
    shape=(1, 8, 8),
    num_classes=10,
    class_prior=(0.1,) * 10,
    levels=17,
    digest="0" * 16,
)
IMAGES = torch.randint(256, (64, 1, 8, 8), generator=generator("images"), dtype=torch.uint8)
LABELS = torch.arange(64) % 10
GANS = [name for name, kind in MODELS.items() if "lipschitz" in kind.settings.model_fields]
PENALTIES = [{"lipschitz": "gradient_penalty"}, {"r1_weight": 1.0}]


def built(reference, spec=SPEC, **values):
    with seeded_modules(0):
        return find(reference)[1].build(configure(reference, values).model, spec)


def opponent_of(trainable):
    (name,) = trainable.modules.keys() - {"generator"}
    return trainable.modules[name]


def score(trainable, images, labels):
    opponent = opponent_of(trainable)
    return opponent(images, labels) if trainable.eval_fns.conditional else opponent(images)


def step(n=8):
    rng = generator("step")
    return Step(
        torch.rand(n, 1, 8, 8, generator=rng), LABELS[:n], torch.tensor(0.5), DeviceNoise(rng)
    )


def trained(trainable, num_steps):
    train = TrainSettings(num_images=16 * num_steps, batch_size=16, num_logs=1, num_validations=1)
    trainer = Trainer(trainable, IMAGES, LABELS, train)
    for _ in trainer:
        pass
    return trainer


def test_r1_phase_is_rare_and_heavy_and_shares_the_discriminators_optimizer():
    trainable = built("gan", r1_weight=3.0, r1_every=4)
    discriminator, r1, _ = trainable.phases
    assert (r1.name, r1.optimizer) == ("r1", discriminator.optimizer)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
    nn.init.constant_(linear[1].weight, 0.5)  # squared norm 16
    loss, scalars = r1.loss({**trainable.modules, "discriminator": linear}, step())
    assert float(scalars["r1_penalty"].detach()) == pytest.approx(8)
    assert float(loss.detach()) == pytest.approx(4 * 3.0 * 8)
    assert trained(trainable, 9).updates == {"discriminator": 9, "r1": 2, "generator": 9}


def test_r1_comes_at_every_step_by_default_as_in_its_paper():
    assert trained(built("gan", r1_weight=1.0), 3).updates["r1"] == 3


@pytest.mark.parametrize("values", PENALTIES)
@pytest.mark.parametrize("name", GANS)
def test_under_a_penalty_one_images_score_is_its_own(name, values):
    trainable = built(name, **values)
    assert not [m for m in opponent_of(trainable).modules() if isinstance(m, _BatchNorm)]
    opponent_of(trainable).train()
    one, other = step(8).images, torch.rand(8, 1, 8, 8, generator=generator("other"))
    mixed = torch.cat([one[:1], other[1:]])
    a, b = (score(trainable, x, LABELS[:8])[0] for x in (one, mixed))
    assert torch.equal(a, b)


@pytest.mark.parametrize(("norm", "same"), [("layer", True), ("none", True), ("batch", False)])
def test_of_the_norms_only_batch_norm_lets_images_see_each_other(norm, same):
    trainable = built("gan", norm=norm)
    opponent_of(trainable).train()
    images = step(8).images
    a, b = (
        score(trainable, x, None)[0]
        for x in (images, images * torch.arange(8).ne(1).view(-1, 1, 1, 1))
    )
    assert torch.equal(a, b) == same


@pytest.mark.parametrize("values", PENALTIES)
@pytest.mark.parametrize("name", [n for n in GANS if "norm" in MODELS.get(n).settings.model_fields])
def test_batch_norm_under_a_penalty_is_refused_in_one_sentence(name, values):
    with pytest.raises(UsageError, match=r"^model: norm=batch .* take norm=layer or none$"):
        configure(name, {"norm": "batch", **values})


def parametrised(module):
    return [m for m in module.modules() if hasattr(m, "parametrizations")]


@pytest.mark.parametrize("name", GANS)
def test_spectral_norm_brings_every_largest_singular_value_to_one(name):
    trainable = built(name, lipschitz="spectral_norm")
    opponent = opponent_of(trainable).train()
    for _ in range(100):
        score(trainable, step().images, LABELS[:8])
    layers = parametrised(opponent)
    assert len(layers) == sum(isinstance(m, nn.Linear | nn.Conv2d) for m in opponent.modules())
    opponent.eval()
    for layer in layers:
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
        # Power iteration is slow where the two largest values are close, and then it errs little.
        assert float(largest) == pytest.approx(1, abs=0.01)


def test_spectral_norm_stands_still_in_evaluation_and_survives_a_checkpoint():
    trainable = built("gan", lipschitz="spectral_norm")
    trained(trainable, 3)
    opponent = opponent_of(trainable)
    training = {k: v.clone() for k, v in opponent.named_buffers()}
    assert training
    score(trainable, step().images, None)
    assert not all(torch.equal(v, training[k]) for k, v in opponent.named_buffers())

    opponent.eval()
    before = {k: v.clone() for k, v in opponent.named_buffers()}
    expected = score(trainable, step().images, None)
    assert all(torch.equal(v, before[k]) for k, v in opponent.named_buffers())
    fresh = opponent_of(built("gan", lipschitz="spectral_norm", latent_dim=8))
    assert not torch.equal(fresh.eval()(step().images), expected)
    fresh.load_state_dict(opponent.state_dict())
    assert torch.equal(fresh(step().images), expected)


def test_generator_moves_after_n_steps_of_its_opponent():
    trainer = trained(built("gan", n_critic=3), 8)
    assert trainer.updates == {"discriminator": 8, "generator": 2}


@pytest.mark.parametrize("loss", LOSSES.names())
def test_clipping_goes_with_every_loss(loss):
    trainable = built("gan", loss=loss, lipschitz="clip", clip_value=0.01, lr=0.01)
    trained(trainable, 2)
    largest = max(float(p.detach().abs().max()) for p in opponent_of(trainable).parameters())
    assert largest == pytest.approx(0.01)


def test_clipped_weights_stay_clipped_after_an_r1_step():
    trainable = built("gan", lipschitz="clip", clip_value=0.01, lr=0.01, r1_weight=1.0, r1_every=1)
    trained(trainable, 2)
    largest = max(float(p.detach().abs().max()) for p in opponent_of(trainable).parameters())
    assert largest == pytest.approx(0.01)


@pytest.mark.parametrize("loss", sorted(set(LOSSES.names()) - {"least_squares"}))
def test_sigmoid_is_for_least_squares_alone(loss):
    with pytest.raises(UsageError, match=f"sigmoid=True is for loss=least_squares.*: {loss} takes"):
        configure("gan", {"sigmoid": True, "loss": loss})


def test_sigmoid_squashes_the_score():
    trainable = built("gan:sigmoid")
    raw = opponent_of(trainable)[0](step().images)
    torch.testing.assert_close(score(trainable, step().images, None), raw.sigmoid())


def test_classes_of_fakes_come_from_the_training_prior():
    rare = dataclasses.replace(SPEC, class_prior=(0.0, 0.5, 0.0, 0.5, *(0.0,) * 6))
    seen = []
    for name in GANS:
        trainable = built(name, rare)
        if trainable.eval_fns.conditional:
            trainable.modules["generator"].register_forward_pre_hook(
                lambda _, given: seen.append(given[1])
            )
            trained(trainable, 2)
    assert seen
    assert set(torch.cat(seen).tolist()) == {1, 3}


PAPERS = {
    "arjovsky2017": {"optimizer": "rmsprop", "lr": 5e-5, "clip_value": 0.01, "n_critic": 5},
    "gulrajani2017": {"lr": 1e-4, "beta1": 0.0, "beta2": 0.9, "gp_weight": 10.0, "n_critic": 5},
}


@pytest.mark.parametrize("preset", PAPERS)
def test_preset_named_after_its_paper_has_the_papers_numbers(preset):
    model = configure(f"wgan:{preset}").model
    assert {key: getattr(model, key) for key in PAPERS[preset]} == PAPERS[preset]
