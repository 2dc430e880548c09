"""Pixel ranges and grids."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from bench.images import NotFinite, from_symmetric, gray_levels, grid, to_pixels, to_png, to_unit


def test_bytes_and_unit_floats_are_each_others_inverse():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_pixels(to_unit(every)), every)


def test_values_outside_the_range_are_clamped_and_rounded_not_wrapped():
    values = torch.tensor([-1.0, 0.0, 0.499 / 255, 0.501 / 255, 1.0, 7.0])
    assert to_pixels(values).tolist() == [0, 0, 0, 1, 255, 255]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_image_that_is_not_finite_has_no_bytes(bad):
    with pytest.raises(NotFinite, match="not finite"):
        to_pixels(torch.tensor([0.5, bad]))


def test_conversion_does_not_depend_on_the_rest_of_the_batch():
    image = torch.rand(1, 1, 4, 4)
    beside = torch.cat([image, torch.full((1, 1, 4, 4), 5.0)])
    assert torch.equal(to_pixels(image), to_pixels(beside)[:1])


def test_tanh_range_becomes_the_unit_range():
    assert from_symmetric(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0, 0.5, 1]


def test_gray_levels_of_digits_are_the_original_ones():
    stored = (torch.arange(17) * 255 / 16).round() / 255
    assert gray_levels(stored, 17).tolist() == list(range(17))


def test_grid_shows_every_image_in_its_place():
    images = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 2, 2) * 100
    picture = grid(images, columns=2)
    assert picture.shape == (7, 7, 3)
    assert picture[1, 1].tolist() == [0, 0, 0]
    assert picture[1, 4].tolist() == [100, 100, 100]
    assert picture[4, 1].tolist() == [200, 200, 200]
    assert picture[4, 4].tolist() == [128, 128, 128]  # no image, gray
    assert to_png(picture) == to_png(picture)


def test_grid_keeps_colour():
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert grid(red, columns=1)[1, 1].tolist() == [255, 0, 0]


def test_gray_picture_is_written_with_one_channel_and_read_back_the_same():
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (6, 5, 3), np.uint8)
    gray = colour[..., :1].repeat(3, axis=2)
    for picture, mode in ((colour, "RGB"), (gray, "L")):
        found = Image.open(io.BytesIO(to_png(picture)))
        assert found.mode == mode
        assert np.array_equal(np.asarray(found.convert("RGB")), picture)
