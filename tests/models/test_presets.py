"""The published experiments' models stand in the registry with their sizes."""

import dataclasses
import itertools

import pytest
import torch
from references import PRESETS
from torch import nn

from bench.errors import UsageError
from bench.models import MODELS, configure, find
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, seeded_modules

MNIST = DataSpec(
    name="made",
    shape=(1, 28, 28),
    num_classes=10,
    class_prior=(0.1,) * 10,
    levels=256,
    digest="0" * 16,
)
STACKS = dataclasses.replace(MNIST, shape=(3, 28, 28))
POINTS = dataclasses.replace(MNIST, shape=(1, 1, 2), levels=65_536, extent=(-6.0, 6.0))
WU2017 = [(10, 64), (64, 256), (256, 256), (256, 1024), (1024, 784)]
EXPERIMENTS = {
    "a": {"vae_mlp", "gan_mlp", "gan"},
    "b": {"vae_mlp", "gan_mlp"},
    "c": {"vae_mlp", "vae", "gan_mlp", "gan"},
    "d": {"gan", "cgan"},
    "e": {"vae", "gan", "wgan"},
}


def parts(reference, module, kind):
    """The layers of a kind of one module on MNIST, in order."""
    with seeded_modules(0):
        modules = find(reference)[1].build(configure(reference).model, MNIST).modules
    return [part for part in modules[module].modules() if isinstance(part, kind)]


def linear_sizes(reference, module):
    """(in, out) of the linear layers of one module on MNIST, in order."""
    layers = parts(reference, module, nn.Linear)
    return [(layer.in_features, layer.out_features) for layer in layers]


@pytest.mark.parametrize(("name", "key"), PRESETS)
def test_every_preset_names_its_source(name, key):
    preset = MODELS.get(name).presets[key]
    assert len(preset.source) > 10
    if key.startswith("experiment_"):
        assert f"experiment {key[11].upper()}" in preset.source


@pytest.mark.parametrize("letter", EXPERIMENTS)
def test_each_experiment_has_its_models(letter):
    having = {name for name, key in PRESETS if key.startswith(f"experiment_{letter}")}
    assert having == EXPERIMENTS[letter]


@pytest.mark.parametrize(
    ("reference", "module", "sizes"),
    [
        ("vae_mlp:experiment_a", "encoder", [(784, 512), (512, 256), (256, 2 + 2)]),
        ("vae_mlp:experiment_a", "decoder", [(2, 256), (256, 512), (512, 784)]),
        ("vae_mlp:experiment_a_full_covariance", "encoder", [(784, 512), (512, 256), (256, 2 + 3)]),
        ("gan_mlp:experiment_a", "generator", [(100, 256), (256, 512), (512, 784)]),
        ("gan_mlp:experiment_a", "discriminator", [(784, 512), (512, 256), (256, 1)]),
        ("vae_mlp:experiment_b", "encoder", [(784, 256), (256, 2 * 20)]),
        ("vae_mlp:experiment_b", "decoder", [(20, 256), (256, 784)]),
        ("vae_mlp:experiment_c", "decoder", [(8, 400), (400, 784)]),
        ("cgan:experiment_d", "discriminator", [(4096, 400), (400 + 10, 1)]),
        ("cgan:experiment_d_100", "discriminator", [(4096, 100), (100 + 10, 1)]),
        (
            "cgan:experiment_d_embedding_200",
            "discriminator",
            [(4096, 400), (400 + 200, 1)],
        ),
        ("cgan:experiment_d_projection", "discriminator", [(4096, 400), (400, 1)]),
        ("cgan:experiment_d", "generator", [(100 + 10, 4096)]),
        ("cgan:experiment_d_200", "discriminator", [(4096, 200), (200 + 10, 1)]),
        ("cgan:experiment_d_batch_norm", "discriminator", [(4096, 400), (400 + 10, 1)]),
        ("cgan:experiment_d_embedding_10", "discriminator", [(4096, 400), (400 + 10, 1)]),
        ("cgan:experiment_d_embedding_10", "generator", [(100 + 10, 4096)]),
        ("cgan:experiment_d_embedding_200", "generator", [(100 + 200, 4096)]),
        (
            "cgan:experiment_d_embedding_200_discriminator",
            "discriminator",
            [(4096, 400), (400 + 200, 1)],
        ),
        ("cgan:experiment_d_embedding_200_discriminator", "generator", [(100 + 10, 4096)]),
        (
            "cgan:experiment_d_extra_layers",
            "discriminator",
            [(4096, 400), *[(400 + 10, 400 + 10)] * 2, (400 + 10, 1)],
        ),
        ("gan:experiment_d", "generator", [(100, 4096)]),
        ("gan:experiment_d", "discriminator", [(4096, 128), (128, 1)]),
        ("vae:experiment_c", "encoder", [(1024, 128), (128, 2 * 32)]),
        ("vae:experiment_c", "decoder", [(32, 1024)]),
        ("vae:experiment_e", "encoder", [(1024, 128), (128, 2 * 100)]),
        ("vae:experiment_e", "decoder", [(100, 1024)]),
        ("gan:experiment_e", "generator", [(100, 1024)]),
        ("wgan:experiment_e", "generator", [(100, 1024)]),
        ("wgan:experiment_e", "critic", [(1024, 128), (128, 1)]),
        ("vae_mlp:wu2017", "decoder", WU2017),
        ("gan_mlp:wu2017", "generator", WU2017),
    ],
)
def test_experiments_have_their_layer_sizes(reference, module, sizes):
    assert linear_sizes(reference, module) == sizes


@pytest.mark.parametrize(
    ("variant", "discriminator", "generator"),
    [
        ("", [], []),
        ("_embedding_10", [(10, 10)], []),
        ("_embedding_200", [(10, 200)], [(10, 200)]),
        ("_embedding_200_discriminator", [(10, 200)], []),
        ("_projection", [(10, 400)], []),
    ],
)
def test_experiment_d_learns_a_vector_for_each_class_only_where_it_says_so(
    variant, discriminator, generator
):
    for module, sizes in (("discriminator", discriminator), ("generator", generator)):
        found = parts(f"cgan:experiment_d{variant}", module, nn.Embedding)
        assert [(table.num_embeddings, table.embedding_dim) for table in found] == sizes


@pytest.mark.parametrize(("variant", "sizes"), [("", []), ("_batch_norm", [400])])
def test_experiment_d_has_batch_norm_on_the_features_only_in_that_variant(variant, sizes):
    found = parts(f"cgan:experiment_d{variant}", "discriminator", nn.BatchNorm1d)
    assert [norm.num_features for norm in found] == sizes


def test_experiment_c_has_leaky_relu_in_the_encoder_and_relu_in_the_decoder():
    for reference in ("vae_mlp:experiment_c", "vae:experiment_c"):
        with seeded_modules(0):
            modules = find(reference)[1].build(configure(reference).model, MNIST).modules
        for module, kind in (("encoder", nn.LeakyReLU), ("decoder", nn.ReLU)):
            kinds = {type(m) for m in modules[module].modules() if "ReLU" in type(m).__name__}
            assert kinds
            assert all(issubclass(found, kind) for found in kinds), (reference, module)


def test_generator_of_experiment_c_has_leaky_relu():
    assert parts("gan:experiment_c", "generator", nn.LeakyReLU)
    assert not parts("gan:experiment_c", "generator", nn.ReLU)


@pytest.mark.parametrize(
    ("variant", "players"),
    [("_200", 0), ("_embedding_10", 1), ("_embedding_200", 2)],
)
def test_class_embeddings_of_experiment_d_stand_behind_a_sigmoid(variant, players):
    reference = f"cgan:experiment_d{variant}"
    with seeded_modules(0):
        modules = find(reference)[1].build(configure(reference).model, MNIST).modules
    joins = [modules[player].join for player in ("discriminator", "generator")]
    behind = [j for j in joins if j.embedding is not None and isinstance(j.act, nn.Sigmoid)]
    assert len(behind) == players
    for join in behind:
        vectors = join(torch.zeros(10, 0), torch.arange(10))
        assert torch.equal(vectors, join.embedding.weight.sigmoid())


@pytest.mark.parametrize(("variant", "norms"), [("", 0), ("_output_norm", 1)])
def test_vae_of_experiment_e_ends_in_a_tanh_that_starts_at_the_mean_image(variant, norms):
    reference = f"vae:experiment_e{variant}"
    images = torch.full((4, *MNIST.shape), 64, dtype=torch.uint8)
    with seeded_modules(0):
        made = find(reference)[1].build(configure(reference).model, MNIST)
    decoder = made.modules["decoder"]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in decoder.layers[-1:]) == norms
    made.initialise(made.modules, images)
    with torch.no_grad():
        values = decoder(torch.zeros(64, 100)) / decoder.scale
    assert torch.tanh(values).mean().item() == pytest.approx(2 * 64.5 / 256 - 1, abs=0.1)


def test_tanh_that_no_likelihood_of_values_stands_behind_is_refused():
    with pytest.raises(UsageError, match=r"output=tanh is for the mean of .* got bernoulli"):
        configure("vae", {"output": "tanh"})
    with pytest.raises(UsageError, match=r"class_act=sigmoid is for a class embedding"):
        configure("cgan", {"class_act": "sigmoid"})


def test_experiment_e_is_of_depth_5_with_100_latents():
    for name in EXPERIMENTS["e"]:
        settings = configure(f"{name}:experiment_e").model
        assert (settings.depth, settings.latent_dim, settings.lr) == (5, 100, 3e-4)


def test_generator_with_tanh_shows_its_latents_before_it_is_trained():
    with seeded_modules(0):
        made = find("gan_mlp:wu2017")[1].build(configure("gan_mlp:wu2017").model, MNIST)
    z = torch.randn(64, 10, generator=generator("z"))
    # By torch's own start of linear layers it is 0.004, and the GAN of MNIST makes one image.
    assert made.eval_fns.decode(made.modules, z, None).std(0).mean() > 0.04


def test_gan_of_the_mixtures_has_the_published_networks():
    with seeded_modules(0):
        made = find("gan_maxout:pacgan4")[1].build(configure("gan_maxout:pacgan4").model, POINTS)
    sizes = {
        name: [
            (p.in_features, p.out_features, p.bias is not None)
            for p in net.modules()
            if isinstance(p, nn.Linear)
        ]
        for name, net in made.modules.items()
    }
    inner = [(400, 400, False)] * 3
    assert sizes["generator"] == [(2, 400, False), *inner, (400, 2, True)]
    assert sizes["discriminator"] == [(8, 1000, True), *[(200, 1000, True)] * 2, (200, 1, True)]
    weights = made.modules["generator"].layers[3].weight
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.02)  # 160,000 numbers
    assert configure("gan_maxout").train.batch_size == 100


def test_plain_gan_of_the_mixtures_has_the_published_networks():
    with seeded_modules(0):
        made = find("gan_plane")[1].build(configure("gan_plane").model, POINTS)
    sizes = {
        name: [(p.in_features, p.out_features) for p in net.modules() if isinstance(p, nn.Linear)]
        for name, net in made.modules.items()
    }
    assert sizes == {
        "generator": [(254, 128), (128, 128), (128, 2)],
        "discriminator": [(2, 128), (128, 1)],
    }
    first = made.modules["generator"].layers[0].weight.detach()
    assert float(first.abs().max()) == pytest.approx((6 / (254 + 128)) ** 0.5, rel=0.01)
    assert configure("gan_plane").train.batch_size == 500


@pytest.mark.parametrize("name", ["gan_maxout", "gan_plane"])
def test_its_players_see_the_plane_and_clamp_in_evaluation_alone(name):
    with seeded_modules(0):
        made = find(name)[1].build(configure(name).model, POINTS)
    player, opponent = made.modules["generator"], made.modules["discriminator"]
    player.layers[-1].bias.data.fill_(9.0)
    z = torch.randn(50, made.eval_fns.latent_dim, generator=generator("z"))
    assert player(z).mean() > 1  # 9 lies beyond the square, and training is told so
    assert torch.equal(player.eval()(z), torch.ones(50, 1, 1, 2))
    seen = []
    opponent.layers[0].register_forward_hook(lambda _, args, __: seen.append(args[0]))
    opponent(torch.tensor([0.0, 0.75]).view(1, 1, 1, 2))
    assert seen[0].tolist() == [[-6.0, 3.0]]


@pytest.mark.parametrize(
    ("reference", "seen", "width"),
    [
        ("gan_stacks", 3, 2),
        ("gan_stacks:pac2", 6, 2),
        ("gan_stacks:pac3", 9, 2),
        ("gan_stacks:pac4", 12, 2),
        ("gan_stacks:half", 3, 4),
        ("gan_stacks:half_pac2", 6, 4),
        ("gan_stacks:half_pac3", 9, 4),
        ("gan_stacks:half_pac4", 12, 4),
    ],
)
def test_gan_of_stacks_has_the_published_networks(reference, seen, width):
    config = configure(reference)
    with seeded_modules(0):
        made = find(reference)[1].build(config.model, STACKS)
    convolutions = {
        name: [
            (part.in_channels, part.out_channels, part.kernel_size, part.stride)
            for part in net.modules()
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)
        ]
        for name, net in made.modules.items()
    }
    counts, three, two = [seen, width, 2 * width, 4 * width], (3, 3), (2, 2)
    up = [(64, 32, three, two), (32, 16, three, two), (16, 8, three, two)]
    assert convolutions["generator"] == [*up, (8, 3, three, (1, 1))]
    down = [(before, after, three, two) for before, after in itertools.pairwise(counts)]
    assert convolutions["discriminator"] == down
    for player, size in (("generator", (256, 1024)), ("discriminator", (4 * width * 16, 1))):
        (linear,) = (p for p in made.modules[player].modules() if isinstance(p, nn.Linear))
        assert (linear.in_features, linear.out_features) == size
    leaks = {
        p.negative_slope for p in made.modules["discriminator"].modules() if "Leaky" in str(type(p))
    }
    assert leaks == {0.3}
    rates = {name: (spec.lr, spec.betas) for name, spec in made.optimizers.items()}
    assert rates == {"discriminator": (2e-4, (0.5, 0.99)), "generator": (1e-4, (0.5, 0.99))}
    assert config.train.batch_size == 128
    z = made.eval_fns.latent(made.modules, 5, DeviceRng(generator("z")))
    assert z.shape == (5, 256)
    assert made.eval_fns.decode(made.modules, z, None).shape == (5, *STACKS.shape)


def test_weights_of_the_gan_of_stacks_start_as_in_the_authors_code():
    with seeded_modules(0):
        made = find("gan_stacks")[1].build(configure("gan_stacks", {"width": 64}).model, STACKS)
    generator_net = made.modules["generator"]
    normal, cut = generator_net.layers[2].weight.detach(), generator_net.layers[-2].weight.detach()
    assert float(normal.std()) == pytest.approx(0.02, rel=0.02)  # 1,179,648 numbers
    assert float(cut.abs().max()) <= 0.04
    # A normal cut at two deviations has 0.8796 of its deviation; 1,728 numbers.
    assert float(cut.std()) == pytest.approx(0.8796 * 0.02, rel=0.07)
