"""What every GAN shares: what keeps the discriminator smooth, and the phases of the game."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.adversarial import game
from bench.adversarial.game import AdversarialGame
from bench.adversarial.losses import LOSSES, AdversarialLoss
from bench.config import TrainSettings
from bench.contracts import OptimSpec, Step
from bench.errors import UsageError
from bench.models import MODELS, configure, find
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.training.optimizers import build_optimizer
from bench.training.trainer import Trainer

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
PENALTIES = [{"lipschitz": "gradient_penalty"}, {"lipschitz": "r1_r2"}, {"r1_weight": 1.0}]


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
        torch.rand(n, 1, 8, 8, generator=rng), LABELS[:n], torch.tensor(0.5), DeviceRng(rng)
    )


def trained(trainable, num_steps):
    train = TrainSettings(num_images=16 * num_steps, batch_size=16, num_logs=1, num_validations=1)
    trainer = Trainer(trainable, IMAGES, LABELS, train)
    for _ in trainer:
        pass
    return trainer


REAL = torch.tensor([[0.1, 0.9], [0.4, 0.6], [1.0, 0.0], [0.7, 0.2]]).view(4, 1, 1, 2)
REAL_CLASSES, FAKE_CLASSES = torch.tensor([5, 6, 7, 8]), torch.tensor([1, 1, 3, 3])
Z = torch.linspace(-1, 1, 8).view(4, 2)
U = torch.tensor([0.125, 0.375, 0.625, 0.875])
ONES_AND_THREES = dataclasses.replace(SPEC, class_prior=(0.0, 0.5, 0.0, 0.5, *(0.0,) * 6))


class Drawn:
    """Noise that was drawn beforehand; half the fakes are ones by it, half are threes."""

    def normal(self, *shape):
        return Z.view(shape)

    def uniform(self, *shape):
        return U.view(shape)


class Generator(nn.Module):
    """z as an image of two pixels, brighter by a tenth of its class."""

    def forward(self, z, labels=None):
        self.classes = labels
        self.images = z.view(-1, 1, 1, 2) + (0 if labels is None else labels.view(-1, 1, 1, 1) / 10)
        return self.images


class Opponent(nn.Module):
    """(1 + class) |x|^2 / 2, so that the gradient at x is (1 + class) x."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images, labels=None):
        self.seen.append((images.detach(), labels))
        return slopes(labels) * images.flatten(1).square().sum(1) / 2


def slopes(labels):
    return torch.ones(4) if labels is None else 1.0 + labels


def played(name, phase, **values):
    """One phase's loss on the small networks, the networks, and the classes of real and fake."""
    trainable = built(name, ONES_AND_THREES, latent_dim=2, **values)
    (opponent,) = trainable.modules.keys() - {"generator"}
    nets = {"generator": Generator(), opponent: Opponent()}
    (found,) = [p for p in trainable.phases if p.name == (phase or opponent)]
    loss, scalars = found.loss(nets, Step(REAL, REAL_CLASSES, torch.tensor(0.5), Drawn()))
    classes = (REAL_CLASSES, FAKE_CLASSES) if trainable.eval_fns.conditional else (None, None)
    return float(loss.detach()), scalars, nets["generator"], nets[opponent].seen, classes


def assert_seen(seen, expected):
    """The opponent was given these images with these classes, in this order, and no others."""
    assert len(seen) == len(expected)
    for (images, labels), (wanted, classes) in zip(seen, expected, strict=True):
        torch.testing.assert_close(images, wanted)
        assert same(labels, classes)


def same(labels, classes):
    if labels is None or classes is None:
        return labels is classes
    return torch.equal(labels, classes)


def half_squares(images, labels):
    return slopes(labels) * images.flatten(1).square().sum(1) / 2


@pytest.mark.parametrize("name", GANS)
def test_opponent_scores_real_and_fake_images_under_the_classes_of_their_own(name):
    loss, scalars, generator, seen, (real_classes, fake_classes) = played(name, None)
    assert same(generator.classes, fake_classes)
    assert_seen(seen, [(REAL, real_classes), (generator.images, fake_classes)])
    real, fake = half_squares(REAL, real_classes), half_squares(generator.images, fake_classes)
    rule = LOSSES.get(configure(name).model.loss)
    assert loss == pytest.approx(float(rule.discriminator(real, fake)))
    assert float(scalars["score_real"]) == pytest.approx(float(real.mean()))
    assert float(scalars["score_fake"]) == pytest.approx(float(fake.mean()))


@pytest.mark.parametrize("name", GANS)
def test_gradient_penalty_is_taken_between_real_and_fake_under_the_reals_class_and_weighed(name):
    plain, *_ = played(name, None, lipschitz="none")
    loss, scalars, generator, seen, (real_classes, fake_classes) = played(
        name, None, lipschitz="gradient_penalty", gp_weight=3.0
    )
    share = U.view(4, 1, 1, 1)
    between = share * REAL + (1 - share) * generator.images
    assert_seen(
        seen,
        [(REAL, real_classes), (generator.images, fake_classes), (between, real_classes)],
    )
    norms = slopes(real_classes) * between.flatten(1).norm(dim=1)
    penalty = float(((norms - 1) ** 2).mean())
    assert float(scalars["gradient_penalty"].detach()) == pytest.approx(penalty)
    assert loss == pytest.approx(plain + 3.0 * penalty)


@pytest.mark.parametrize("name", GANS)
def test_r1_penalty_is_taken_at_real_images_under_their_class(name):
    loss, _, _, seen, (real_classes, _) = played(name, "r1", r1_weight=3.0, r1_every=4)
    assert_seen(seen, [(REAL, real_classes)])
    squares = (slopes(real_classes).view(4, 1) * REAL.flatten(1)).square().sum(1)
    assert loss == pytest.approx(4 * 3.0 * float(squares.mean()) / 2)


@pytest.mark.parametrize("name", GANS)
def test_r1_and_r2_are_taken_at_real_and_fake_images_under_their_classes_and_weighed(name):
    plain, *_ = played(name, None, lipschitz="none")
    loss, scalars, generator, seen, (real_classes, fake_classes) = played(
        name, None, lipschitz="r1_r2", gp_weight=3.0
    )
    real, fake = (REAL, real_classes), (generator.images, fake_classes)
    assert_seen(seen, [real, fake, real, fake])
    r1, r2 = (
        float((slopes(labels).view(4, 1) * x.flatten(1)).square().sum(1).mean()) / 2
        for x, labels in (real, fake)
    )
    assert float(scalars["r1_penalty"].detach()) == pytest.approx(r1)
    assert float(scalars["r2_penalty"].detach()) == pytest.approx(r2)
    assert loss == pytest.approx(plain + 3.0 * (r1 + r2))


def test_r1_is_not_asked_for_twice():
    with pytest.raises(UsageError, match=r"lipschitz=r1_r2 has R1 in it.*leave r1_weight at 0"):
        configure("gan_mlp", {"lipschitz": "r1_r2", "r1_weight": 1.0})


@pytest.mark.parametrize("name", GANS)
def test_generator_is_scored_on_fakes_alone_under_the_classes_they_were_made_for(name):
    loss, _, generator, seen, (_, fake_classes) = played(name, "generator")
    assert same(generator.classes, fake_classes)
    assert_seen(seen, [(generator.images, fake_classes)])
    rule = LOSSES.get(configure(name).model.loss)
    assert loss == pytest.approx(
        float(rule.generator(half_squares(generator.images, fake_classes)))
    )


@pytest.mark.parametrize("name", GANS)
def test_generator_of_a_relative_loss_sees_each_fake_against_its_real_pair(name, monkeypatch):
    given = []
    rule = AdversarialLoss(
        discriminator=lambda real, fake: (fake - real).mean(),
        generator=lambda gain: given.append(gain) or -gain.mean(),
        summary="keeps what it is given",
        relative=True,
    )
    monkeypatch.setattr(LOSSES, "get", lambda _: rule)
    _, _, generator, seen, (real_classes, fake_classes) = played(name, "generator")
    assert_seen(seen, [(generator.images, fake_classes), (REAL, real_classes)])
    gain = half_squares(generator.images, fake_classes) - half_squares(REAL, real_classes)
    torch.testing.assert_close(given[0], gain)


@pytest.mark.parametrize("kind", ["adam", "rmsprop"])
@pytest.mark.parametrize("name", GANS)
def test_each_player_has_the_optimizer_of_the_settings_for_itself(name, kind):
    trainable = built(name, optimizer=kind, lr=0.003, generator_lr=0, beta1=0.25, beta2=0.75)
    assert len(trainable.modules) == 2
    assert trainable.optimizers == {
        player: OptimSpec(modules=(player,), kind=kind, lr=0.003, betas=(0.25, 0.75))
        for player in trainable.modules
    }


def test_generator_may_have_a_rate_of_its_own_and_says_nothing_where_it_has_none():
    rates = {name: spec.lr for name, spec in built("gan", generator_lr=0.001).optimizers.items()}
    assert rates == {"discriminator": configure("gan").model.lr, "generator": 0.001}
    assert "model.generator_lr" not in configure("gan").flat()
    assert configure("gan", {"generator_lr": 0.001}).flat()["model.generator_lr"] == 0.001


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("adam", {"lr": 0.003, "betas": (0.25, 0.75)}), ("rmsprop", {"lr": 0.003, "alpha": 0.99})],
)
def test_optimizer_moves_by_the_numbers_of_its_recipe(kind, numbers):
    spec = OptimSpec(modules=("generator",), kind=kind, lr=0.003, betas=(0.25, 0.75))
    made = build_optimizer(spec, [nn.Parameter(torch.zeros(1))])
    assert type(made).__name__.lower() == kind
    assert {key: made.state_dict()["param_groups"][0][key] for key in numbers} == numbers


@pytest.mark.parametrize("name", GANS)
def test_opponent_moves_first_then_its_penalty_and_the_generator_every_n_steps(name):
    trainable = built(name, n_critic=4, r1_weight=1.0, r1_every=3)
    (opponent,) = trainable.modules.keys() - {"generator"}
    assert [(phase.name, phase.optimizer, phase.every) for phase in trainable.phases] == [
        (opponent, opponent, 1),
        ("r1", opponent, 3),
        ("generator", "generator", 4),
    ]


@pytest.mark.parametrize("name", GANS)
def test_each_step_of_the_opponent_and_of_no_other_clips_the_opponent_alone(name):
    trainable = built(name, lipschitz="clip", clip_value=0.001, r1_weight=1.0)
    *moves, generators = trainable.phases
    assert generators.after_step is None
    assert len(moves) == 2
    for phase in moves:
        for parameter in opponent_of(trainable).parameters():
            nn.init.constant_(parameter, 0.5)
        kept = {k: v.clone() for k, v in trainable.modules["generator"].state_dict().items()}
        phase.after_step(trainable.modules)
        assert all((p == 0.001).all() for p in opponent_of(trainable).parameters())
        for key, value in trainable.modules["generator"].state_dict().items():
            assert torch.equal(value, kept[key])


@pytest.mark.parametrize("lipschitz", ["none", "gradient_penalty", "spectral_norm"])
@pytest.mark.parametrize("name", GANS)
def test_without_clipping_nothing_follows_a_step(name, lipschitz):
    phases = built(name, lipschitz=lipschitz, r1_weight=1.0).phases
    assert [phase.after_step for phase in phases] == [None] * 3


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
    """Batch norm inside a gradient-penalty critic (protocol.md, pitfalls)."""
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
    """Batch norm inside a gradient-penalty critic (protocol.md, pitfalls)."""
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
    assert len(layers) == sum(
        isinstance(m, nn.Linear | nn.Conv2d | nn.Embedding) for m in opponent.modules()
    )
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
    seen = []
    for name in GANS:
        trainable = built(name, ONES_AND_THREES)
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


def test_plugins_make_the_same_game_by_its_earlier_names():
    with pytest.warns(DeprecationWarning, match="'play' is now adversarial_game"):
        play = game.play
    with pytest.warns(DeprecationWarning, match="'conv_opponent' is now conv_discriminator"):
        assert game.conv_opponent is game.conv_discriminator
    networks = {"generator": nn.Identity(), "opponent": nn.Identity()}
    made = play(game.GanSettings(), SPEC, **networks)
    assert made.modules == {
        "generator": networks["generator"],
        "discriminator": networks["opponent"],
    }
    with pytest.raises(AttributeError, match="nothing"):
        _ = game.nothing


PACKED = [name for name in GANS if name != "cgan"]


def packing(m, **values):
    settings = configure("gan", {"pack": m, "loss": "wasserstein"} | values).model
    return AdversarialGame(
        settings=settings, spec=SPEC, loss=LOSSES.get("wasserstein"), conditional=False
    )


@pytest.mark.parametrize(
    ("n", "m", "seen"),
    [
        (4, 2, [[0, 1], [2, 3]]),
        (5, 2, [[0, 1], [2, 3], [4, 0]]),
        (2, 4, [[0, 1, 0, 1]]),
        (1, 3, [[0, 0, 0]]),
        (3, 1, [[0], [1], [2]]),
    ],
)
def test_neighbours_in_the_batch_are_seen_at_once_and_none_is_left_out(n, m, seen):
    images = torch.arange(n).float().view(n, 1, 1, 1).expand(n, 1, 8, 8)
    packed = packing(m).packed(images)
    assert packed.shape == (len(seen), m, 8, 8)
    assert packed[:, :, 0, 0].tolist() == seen


def test_channels_of_an_image_stay_together():
    colour = torch.arange(12).float().view(2, 3, 1, 2)
    assert torch.equal(packing(2).packed(colour), colour.view(1, 6, 1, 2))


def test_penalty_is_of_the_slope_over_all_that_is_seen_at_once():
    """Of a score that is the sum over its input, the slope is the root of how much it sees."""

    class Sum(torch.nn.Module):
        def forward(self, images):
            return images.flatten(1).sum(1)

    play = packing(2, lipschitz="gradient_penalty")
    nets = {"critic": Sum(), "generator": built("gan").modules["generator"]}
    _, scalars = play.discriminator_loss(nets, step(8))
    wanted = ((2 * 64) ** 0.5 - 1) ** 2
    assert float(scalars["gradient_penalty"]) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("m", [2, 4])
def test_every_game_trains_on_packed_samples_and_makes_single_ones(name, m):
    alone, packed = built(name), built(name, pack=m)
    assert packed.modules.keys() == alone.modules.keys()
    more = sum(p.numel() for p in opponent_of(packed).parameters())
    assert more > sum(p.numel() for p in opponent_of(alone).parameters())
    assert trained(packed, 3).images_seen == 48
    z = packed.eval_fns.latent(packed.modules, 2, step().noise)
    assert packed.eval_fns.decode(packed.modules, z, None).shape == (2, 1, 8, 8)


def test_conditional_game_refuses_to_pack():
    with pytest.raises(UsageError, match="pack=2 has one score for several images"):
        built("cgan", pack=2)


def test_a_step_of_one_image_is_packed_too():
    trainable = built("gan_mlp", pack=3)
    one = Step(IMAGES[:1] / 255, LABELS[:1], torch.tensor(0.5), step().noise)
    loss, _ = trainable.phases[0].loss(trainable.modules, one)
    assert torch.isfinite(loss)
