"""PixelCNN: its probabilities sum to 1, no value sees a later one, samples follow it."""

import itertools
import math

import pytest
import torch
from torch import nn

from bench.contracts import ExactDensity
from bench.errors import UsageError
from bench.images import to_unit
from bench.models import configure, find
from bench.models._pixelcnn import MaskedConv, PixelCnn, log_prob
from bench.records import DataSpec
from bench.runtime import DeviceRng, generator, seeded_modules
from bench.testing import made_images, made_model


def made(shape, levels, *, width=6, spread=0.5):
    """In float64, every parameter moved at random: probabilities are far from equal."""
    with seeded_modules(0):
        net = PixelCnn(shape, levels=levels, width=width, num_blocks=2).double()
    for i, parameter in enumerate(net.parameters()):
        parameter.data += spread * torch.randn(parameter.shape, generator=generator("moved", i))
    return net


def every_image(shape, levels):
    """All images that there are, ``[levels ** D, C, H, W]``, values k / (levels - 1)."""
    values = itertools.product(range(levels), repeat=math.prod(shape))
    return torch.tensor(list(values)).view(-1, *shape).double() / (levels - 1)


@pytest.mark.parametrize(
    ("shape", "levels"), [((1, 2, 3), 3), ((1, 3, 3), 2), ((3, 1, 2), 3), ((1, 1, 1), 5)]
)
@torch.no_grad()
def test_probabilities_of_all_images_sum_to_one(shape, levels):
    log_px = log_prob(made(shape, levels), every_image(shape, levels), levels)
    assert float(log_px.exp().sum()) == pytest.approx(1, abs=1e-12)
    assert float(log_px.max() - log_px.min()) > 1  # no uniform distribution


@pytest.mark.parametrize("shape", [(1, 6, 7), (3, 4, 5)])
def test_no_value_sees_itself_or_a_later_one_and_its_neighbours_before_it_are_seen(shape):
    net = made(shape, 4)
    height, width = net.plane
    plane = torch.rand(1, 1, height, width, generator=generator("plane")).double()
    plane.requires_grad_()
    logits = net(plane)
    for row, column in itertools.product(range(height), range(width)):
        (gradient,) = torch.autograd.grad(
            logits[0, :, row, column].square().sum(), plane, retain_graph=True
        )
        seen, place = gradient.flatten() != 0, row * width + column
        assert not seen[place:].any()
        assert column == 0 or seen[place - 1]
        assert row == 0 or seen[place - width]


def test_masks_are_those_of_the_paper():
    a, b = (MaskedConv(1, 1, 3, sees_itself=itself).mask for itself in (False, True))
    assert a.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert b.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]


@torch.no_grad()
def test_channels_of_a_pixel_follow_each_other_before_the_next_pixel():
    """A value that changes moves the probabilities of those behind it in this order alone."""
    net, x = made((3, 2, 2), 4), torch.zeros(1, 3, 2, 2).double()
    moved = x.clone()
    moved[0, 1, 0, 1] = 1  # the second channel of the second pixel
    planes = [y.permute(0, 2, 3, 1).reshape(1, 1, 2, 6) for y in (x, moved)]
    differ = (net(planes[0]) != net(planes[1])).any(1).flatten().tolist()
    assert differ[:5] == [False] * 5
    assert differ[5]


@torch.no_grad()
def test_samples_are_as_frequent_as_their_probabilities():
    shape, levels, n = (1, 2, 2), 2, 20_000
    net = made(shape, levels)
    u = torch.rand(n, *shape, generator=generator("u")).double()
    images, every = net.sample(u), every_image(shape, levels)
    found = torch.stack([(images == one).flatten(1).all(1).double().mean() for one in every])
    expected = log_prob(net, every, levels).exp()
    assert float(found.sum()) == 1
    # Five standard deviations of a share.
    assert ((found - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt()).all()


@torch.no_grad()
def test_untrained_last_layer_of_zeros_costs_the_bits_of_a_level():
    net = made((1, 4, 4), 16)
    last = net.layers[-1]
    assert isinstance(last, nn.Conv2d)
    for parameter in last.parameters():
        parameter.zero_()
    x = torch.randint(16, (3, 1, 4, 4), generator=generator("x")).double() / 15
    bits = -log_prob(net, x, 16) / (16 * math.log(2))
    torch.testing.assert_close(bits, torch.full((3,), 4.0).double())


def test_density_that_is_measured_is_of_gray_levels_and_exact():
    model = made_model("pixelcnn", {"width": "4", "num_blocks": "1"})
    density, images = model.eval_fns.density, to_unit(made_images(3))
    assert isinstance(density, ExactDensity)
    assert density.kind == "levels"
    x = density.observe(images, DeviceRng(generator("none")))
    assert torch.equal((x * 255).round(), made_images(3).float())
    found = density.bound(model.modules, x, None, DeviceRng(generator("none")))
    assert torch.equal(found.log_likelihood, log_prob(model.modules["pixelcnn"], x, 256))


def test_points_of_65536_levels_are_refused_with_the_remedy():
    spec = DataSpec(
        name="ring8", shape=(1, 1, 2), num_classes=0, class_prior=(), levels=65_536, digest="0" * 16
    )
    with pytest.raises(UsageError, match="at most 256, and 'ring8' has 65,536: take realnvp"):
        find("pixelcnn")[1].build(configure("pixelcnn").model, spec)
