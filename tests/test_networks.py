"""Stacks that climb and descend the same list of sides."""

import pytest
import torch

from bench.modules import count_parameters, gradient_norm
from bench.networks import (
    WORTH_CASTING,
    ConvDecoder,
    ConvEncoder,
    LayerNorm2d,
    Linear,
    channels,
    sides,
)


@pytest.mark.parametrize(
    ("side", "chain"),
    [
        (8, [8, 4, 4, 4, 4, 4]),
        (28, [28, 14, 7, 4, 4, 4]),
        (32, [32, 16, 8, 4, 4, 4]),
        (5, [5, 3, 3, 3, 3, 3]),
        (4, [4, 4, 4, 4, 4, 4]),
    ],
)
def test_sides_halve_upwards_until_four(side, chain):
    assert sides(side, 5) == chain


def test_channels_double_up_to_four_widths():
    assert channels(16, 5) == [16, 16, 32, 64, 64, 64]


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_depth_counts_the_layers_of_both_stacks(depth):
    encoder = ConvEncoder((1, 28, 28), depth=depth, width=4, out_dim=8, norm="batch")
    decoder = ConvDecoder((1, 28, 28), depth=depth, width=4, in_dim=8, norm="batch")
    for stack in (encoder, decoder):
        convs = [
            m for m in stack.layers if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
        ]
        assert len(convs) == depth + 1  # and one at the image end


def test_stack_without_norm_holds_no_batch_norm():
    encoder = ConvEncoder((1, 8, 8), depth=3, width=4, out_dim=8, norm="none")
    assert not [m for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def test_parameters_are_counted_whole():
    assert count_parameters({"a": torch.nn.Linear(3, 2), "b": torch.nn.BatchNorm2d(5)}) == 8 + 10


def test_gradient_norm_is_over_all_parameters():
    a, b = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    a.grad, b.grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert float(gradient_norm([a, b])) == 5
    assert float(gradient_norm([torch.nn.Parameter(torch.zeros(1))])) == 0


@pytest.mark.parametrize(
    ("size", "dtype"), [(WORTH_CASTING // 2, torch.float32), (WORTH_CASTING, torch.bfloat16)]
)
def test_a_small_linear_layer_stays_in_fp32_under_bf16(size, dtype):
    layer = Linear(size // 8, 8)
    x = torch.ones(2, size // 8, dtype=torch.bfloat16)  # as a layer before it gives it
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == dtype
    assert torch.equal(
        layer(x.float()), torch.nn.functional.linear(x.float(), layer.weight, layer.bias)
    )


def test_layer_norm_is_torchs_to_the_last_bit_and_can_be_batched():
    torch.manual_seed(0)
    images = torch.randn(3, 5, 8, 4, 4)
    norm, plain = LayerNorm2d(1, 8), torch.nn.GroupNorm(1, 8)
    assert torch.equal(norm(images[0]), plain(images[0]))
    batched = torch.vmap(norm)(images)
    torch.testing.assert_close(batched[2], plain(images[2]))
