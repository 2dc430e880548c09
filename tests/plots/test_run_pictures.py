"""Every picture of every kind of model: when it applies, what it shows, that it repeats."""

import functools

import numpy as np
import pytest
import torch

from bench.contracts import EvalFns, NullLogger
from bench.errors import NotApplicable
from bench.evaluation.latents import normal_quantiles
from bench.evaluation.view import Generated, View, evaluation_mode
from bench.images import display_scale, grid, heading, to_pixels, to_png
from bench.models import configure
from bench.pictures import PICTURES, draw_pictures
from bench.pictures._chart import HEAD, headed
from bench.plots.boards import read_tiles
from bench.runtime import DeviceRng, generator
from bench.training.parts import build, reference_data
from bench.training.run import Run

CPU = torch.device("cpu")
# Together they have whatever a picture may need; each stands for a kind of its own.
MODELS = {
    "vae": ("vae", {"width": 4}),
    "conditional vae": ("vae_mlp", {"conditional": True, "hidden": "32"}),
    "plane": ("vae_mlp", {"latent_dim": 2, "hidden": "32"}),
    "single latent": ("vae_mlp", {"latent_dim": 1, "hidden": "32"}),
    "gan": ("gan", {"width": 4}),
    "conditional gan": ("cgan", {"width": 4}),
    "gan plane": ("gan_mlp", {"latent_dim": 2, "hidden": "32"}),
    "no latent space": ("pixel_gaussian", {}),
}
ALWAYS = {"samples", "samples_5x5"}
WITH_LATENTS = ALWAYS | {"interpolation", "traversal"}
WITH_ENCODER = WITH_LATENTS | {"reconstructions", "latent_codes", "latent_pca"}
VAE = WITH_ENCODER | {"kl_per_latent"}
APPLY = {
    "vae": VAE,
    "conditional vae": VAE | {"class_grid"},
    "plane": VAE | {"latent_grid"},
    "single latent": VAE - {"latent_codes", "latent_pca"},
    "gan": WITH_LATENTS | {"inversion"},
    "conditional gan": WITH_LATENTS | {"inversion", "class_grid"},
    "gan plane": WITH_LATENTS | {"inversion", "latent_grid"},
    "no latent space": ALWAYS,
}
PAIRS = [(model, name) for model, names in APPLY.items() for name in sorted(names)]
ONLY_AT_END = {"inversion"}


@functools.cache
def modelled(name):
    """A model whose weights are far from their start, so that its images differ."""
    reference, values = MODELS[name]
    trainable = build(configure(reference, values), reference_data("digits", "auto", CPU))
    rng = generator("weights")
    with torch.no_grad():
        for module in trainable.modules.values():
            for parameter in module.parameters():
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng))
    return trainable


def view_of(name, **replaced):
    reference, trainable = reference_data("digits", "auto", CPU), modelled(name)
    evaluation_mode(trainable.modules)
    fns = EvalFns(**(vars(trainable.eval_fns) | replaced))
    generated = Generated(reference, trainable.modules, fns)
    return View(generated=generated, split="val", counts=(100,), max_samples=100)


@torch.no_grad()
def drawn(name, picture, **replaced):
    return PICTURES.get(picture).draw(view_of(name, **replaced))


def tiles_of(picture):
    """The digits of a grid, ``[rows, columns, 8, 8]``."""
    scale = display_scale(8)
    return read_tiles(to_png(picture))[0][:, :, ::scale, ::scale, 0]


def decoded_latents(name, picture):
    """Latents and labels that a picture decodes, in the order of its tiles."""
    seen = []
    fns = modelled(name).eval_fns

    def decode(nets, z, labels):
        seen.append((z, labels))
        return fns.decode(nets, z, labels)

    image = drawn(name, picture, decode=decode)
    (z, labels), *_ = seen
    rows, columns = tiles_of(image).shape[:2]
    shown = to_pixels(fns.decode(modelled(name).modules, z, labels))[:, 0]
    assert np.array_equal(tiles_of(image), shown.reshape(rows, columns, 8, 8).numpy())
    return (
        z.unflatten(0, (rows, columns)),
        None if labels is None else labels.view(rows, columns),
    )


@pytest.mark.parametrize("model", MODELS)
def test_pictures_that_apply_are_those_that_the_model_can_make(model):
    view = view_of(model)
    assert set(draw_pictures(view, at_end=True)) == APPLY[model]
    for name, kind in PICTURES.items():
        if name not in APPLY[model]:
            with pytest.raises(NotApplicable, match=r"."):
                kind.draw(view)


def test_every_picture_applies_to_some_model():
    assert {name for _, name in PAIRS} == set(PICTURES.names())


@pytest.mark.parametrize(("model", "name"), PAIRS)
def test_picture_is_an_rgb_image_with_content_that_repeats_to_the_bit(model, name):
    first, again = drawn(model, name), drawn(model, name)
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[2] == 3
    assert len(np.unique(first)) >= 3  # lines or ground, and two tones at least
    assert np.array_equal(first, again)


HEADS = [
    ("vae", "reconstructions", "pairs: original | reconstruction"),
    ("conditional gan", "inversion", "pairs: original | nearest found"),
    ("conditional gan", "class_grid", "columns: classes 0 to 9"),
    ("vae", "samples", ""),
]


@pytest.mark.parametrize(("model", "name", "head"), HEADS)
def test_logged_grid_has_the_words_above_it_that_the_report_has_and_its_images_below(
    model, name, head
):
    plain, logged = drawn(model, name), draw_pictures(view_of(model), at_end=True)[name]
    assert heading(name, plain.columns) == head
    high = HEAD if head else 0
    assert np.array_equal(logged[high:], plain)
    if head:
        assert logged[:HEAD].min() < 100
        assert (logged[:HEAD, [0, -1]] == 255).all()
        assert not np.array_equal(logged[:HEAD], headed(plain, f"{head}.")[:HEAD])
    tiles, scale = read_tiles(to_png(logged))
    assert scale == display_scale(8)
    assert np.array_equal(tiles, read_tiles(to_png(plain))[0])


def test_words_above_a_narrow_grid_are_smaller():
    narrow = grid(torch.zeros(2, 1, 32, 32, dtype=torch.uint8), columns=2)
    assert (headed(narrow, "pairs: original | reconstruction")[:HEAD, -1] == 255).all()


def test_expensive_pictures_are_drawn_at_the_end_only():
    names = {at_end: set(draw_pictures(view_of("gan"), at_end=at_end)) for at_end in (False, True)}
    assert names[True] == APPLY["gan"]
    assert names[False] == APPLY["gan"] - ONLY_AT_END
    assert {name for name, kind in PICTURES.items() if kind.at_end} == ONLY_AT_END


def test_run_logs_cheap_pictures_at_each_validation_and_the_others_once(tmp_path):
    class Recorder(NullLogger):
        def __init__(self):
            self.steps = {}

        def picture(self, name, picture, step):
            self.steps.setdefault(name, []).append(step)

    values = {"num_images": 128, "batch_size": 32, "num_logs": 4, "num_validations": 2}
    config = configure("vae_mlp", {"hidden": "16", "latent_dim": 2, **values})
    log = Recorder()
    Run(
        config=config, reference=reference_data("digits", "auto", CPU), folder=tmp_path, logger=log
    ).execute()
    assert set(log.steps) == APPLY["plane"]
    for name, steps in log.steps.items():
        assert steps == ([128] if name in ONLY_AT_END else [64, 128]), name


def test_small_grid_shows_the_first_of_the_same_samples():
    large, small = (tiles_of(drawn("gan", name)) for name in ("samples", "samples_5x5"))
    assert large.shape[:2] == (10, 10)
    assert small.shape[:2] == (5, 5)
    assert np.array_equal(small.reshape(25, 8, 8), large.reshape(100, 8, 8)[:25])


@pytest.mark.parametrize("model", ["vae", "conditional vae"])
def test_reconstructions_stand_beside_the_validation_images(model):
    tiles = tiles_of(drawn(model, "reconstructions"))
    images = reference_data("digits", "auto", CPU).subset("val", 32)[0][:, 0].numpy()
    assert np.array_equal(tiles[:, ::2].reshape(32, 8, 8), images)
    assert not np.array_equal(tiles[:, 1::2], tiles[:, ::2])


def test_inversion_is_nearer_to_the_validation_images_than_samples_are():
    tiles = tiles_of(drawn("gan", "inversion")).astype(float)
    reference = reference_data("digits", "auto", CPU)
    assert np.array_equal(
        tiles[:, ::2].reshape(16, 8, 8), reference.subset("val", 16)[0][:, 0].numpy()
    )
    samples = view_of("gan").samples(100)[:, 0].numpy().astype(float)
    originals, found = tiles[:, ::2].reshape(16, 64), tiles[:, 1::2].reshape(16, 64)
    nearest = ((originals[:, None] - samples.reshape(1, 100, 64)) ** 2).sum(2).min(1)
    assert (((originals - found) ** 2).sum(1) < nearest).all()


def test_interpolation_is_straight_with_an_encoder_and_curved_without():
    straight, curved = (decoded_latents(name, "interpolation")[0] for name in ("vae", "gan"))
    assert straight.shape == curved.shape == (10, 10, 16)
    middle = (straight[:, 0] + straight[:, 9]) / 2
    assert torch.allclose((straight[:, 4] + straight[:, 5]) / 2, middle, atol=1e-6)
    shortest = torch.minimum(curved[:, 0].norm(dim=1), curved[:, 9].norm(dim=1))
    chord = ((curved[:, 0] + curved[:, 9]) / 2).norm(dim=1)
    bent = ((curved[:, 4] + curved[:, 5]) / 2).norm(dim=1)
    assert (bent > 1.1 * chord).all()
    assert (bent > 0.9 * shortest).all()


@pytest.mark.parametrize("model", ["conditional vae", "conditional gan"])
def test_interpolation_of_a_conditional_model_has_one_class_in_each_row(model):
    _, labels = decoded_latents(model, "interpolation")
    assert torch.equal(labels, torch.arange(10)[:, None].expand(10, 10))


@pytest.mark.parametrize("model", ["conditional vae", "conditional gan"])
def test_rows_of_the_class_grid_share_their_noise_and_columns_their_class(model):
    z, labels = decoded_latents(model, "class_grid")
    assert torch.equal(z, z[:, :1].expand_as(z))
    assert len(torch.unique(z[:, 0], dim=0)) == 10
    assert torch.equal(labels, torch.arange(10).expand(10, 10))


@pytest.mark.parametrize("model", ["plane", "gan plane"])
def test_latent_grid_grows_to_the_right_and_upwards_through_the_quantiles(model):
    z, labels = decoded_latents(model, "latent_grid")
    q = normal_quantiles(10)
    assert labels is None
    assert torch.equal(z[..., 0], q.expand(10, 10))
    assert torch.equal(z[..., 1], q.flip(0)[:, None].expand(10, 10))


@pytest.mark.parametrize("model", ["vae", "conditional vae", "gan", "conditional gan", "plane"])
def test_traversal_moves_one_latent_in_each_row_from_minus_3_to_3(model):
    z, labels = decoded_latents(model, "traversal")
    rows = min(8, z.shape[2])
    assert z.shape[:2] == (rows, 10)
    moved = (z != z[:, :1]).any(1)
    assert moved.sum(1).tolist() == [1] * rows
    dims = moved.int().argmax(1)
    assert len(dims.unique()) == rows
    for row, dim in enumerate(dims):
        assert torch.allclose(z[row, :, dim], torch.linspace(-3, 3, 10))
    shown = reference_data("digits", "auto", CPU).subset("val", 1)[1][0]
    assert labels is None if "conditional" not in model else (labels == shown).all()


def test_traversal_with_an_encoder_begins_with_the_most_active_latent():
    z, _ = decoded_latents("vae", "traversal")
    view = view_of("vae")
    images = view.subset("val", 297)[0] / 255.0
    posterior = view.fns.encode(view.nets, images, None, view.noise("posterior_means"))
    variances = posterior.mean.var(0)
    dims = (z != z[:, :1]).any(1).int().argmax(1)
    assert dims.tolist() == variances.argsort(descending=True)[:8].tolist()


def test_pictures_read_validation_images_only():
    class ValidationOnly(View):
        def images(self, split):
            assert split == "val"
            return super().images(split)

        def subset(self, split, n):
            assert split == "val"
            return super().subset(split, n)

    view = view_of("plane")
    watched = ValidationOnly(generated=view.generated, split="val", counts=(100,), max_samples=100)
    assert set(draw_pictures(watched, at_end=True)) == APPLY["plane"]


@torch.no_grad()
def test_pictures_of_one_state_encode_its_images_once():
    passes, encode = [], modelled("vae").eval_fns.encode

    def counted(nets, images, labels, noise):
        passes.append(len(images))
        return encode(nets, images, labels, noise)

    view = view_of("vae", encode=counted)
    for name in ("latent_codes", "latent_pca", "traversal"):
        PICTURES.get(name).draw(view)
    assert passes == [297]


def test_evaluation_noise_is_drawn_anew_for_each_picture():
    view = view_of("gan")
    first, again = (view.noise("interpolation").normal(4) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, view.noise("class_grid").normal(4))
    assert not torch.equal(first, DeviceRng(generator("elsewhere")).normal(4))
