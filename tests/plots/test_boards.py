"""Pictures side by side: the right runs, and every pixel as it was."""

import dataclasses
import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from synthetic_study import (
    IDENTITY,
    STUDY,
    blobs,
    distance,
    grid_png,
    pictures,
    run_record,
    study_records,
    troubled_records,
)

from bench.images import grid, to_png
from bench.plan.study import Arm, Study
from bench.plots import PLOTS, png, style
from bench.plots.boards import evenly, first_tiles, native, picture, read_tiles
from bench.results.results import read_results


@pytest.fixture(scope="module")
def results():
    return read_results(STUDY, IDENTITY, study_records(), pictures())


@pytest.mark.parametrize(("size", "scale"), [(8, 4), (28, 2), (32, 1)])
def test_tiles_of_a_logged_grid_are_its_images(size, scale):
    images = blobs(3, size)
    (tiles,) = native([read_tiles(grid_png(images, scale=scale))])
    assert (tiles == images[..., None]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_a_grid_that_says_their_size_are_cut_out_whatever_they_show(channels):
    gray = torch.full((6, channels, 28, 28), 128, dtype=torch.uint8)
    noise = torch.randint(256, (6, channels, 28, 28), dtype=torch.uint8)
    grids = [read_tiles(to_png(grid(images, columns=3, scale=2))) for images in (gray, noise)]
    first, second = native(grids)
    assert first.shape == second.shape == (2, 3, 28, 28, 3)
    assert (first == 128).all()
    assert (second.reshape(6, 28, 28, 3) == noise.permute(0, 2, 3, 1).numpy()).all()


def test_picture_without_grid_lines_is_one_tile():
    pixels = np.arange(60, dtype=np.uint8).reshape(6, 10)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    tiles, scale = read_tiles(buffer.getvalue())
    assert tiles.shape == (1, 1, 6, 10, 3)
    assert scale is None


def test_constant_pictures_do_not_shrink_the_others():
    flat = np.zeros((8, 8, 28, 28), np.uint8)
    grids = [read_tiles(grid_png(images, scale=2)) for images in (flat, blobs(1, 28))]
    assert [tiles.shape[2] for tiles in native(grids)] == [28, 28]


def test_colour_pictures_show_half_the_rows():
    tiles = np.zeros((8, 8, 32, 32, 3), np.uint8)
    tiles[..., 0] = 9
    assert first_tiles(tiles).shape[:2] == (4, 8)
    assert first_tiles(tiles * 0).shape[:2] == (8, 8)


def test_panel_shows_the_first_images_of_a_wider_grid_in_their_order():
    numbers = np.arange(100, dtype=np.uint8)
    tiles = np.broadcast_to(numbers.reshape(10, 10, 1, 1, 1), (10, 10, 28, 28, 3))
    shown = first_tiles(np.ascontiguousarray(tiles))
    assert shown[..., 0, 0, 0].tolist() == np.arange(64).reshape(8, 8).tolist()


def test_board_holds_every_pixel_of_its_pictures():
    plot = PLOTS.get("sample_grids")
    records = [r for r in study_records() if r.params.get("model.depth") == "1"]
    results = read_results(STUDY, IDENTITY, records, pictures())
    rows = plot.numbers(results)
    with style():
        board = np.asarray(Image.open(io.BytesIO(png(plot.draw(rows, results).figure))))
    run_id = rows["run_id"][0]
    (tiles,) = native([read_tiles(pictures()(run_id, "samples"))])
    panel = picture(tiles)[..., 0]
    height, width = panel.shape
    found = [
        (y, x)
        for y in range(board.shape[0] - height + 1)
        for x in range(60)
        if (board[y : y + height, x : x + width] == panel).all()
    ]
    assert len(found) == 1


def test_seed_shown_is_the_median_by_validation(results):
    rows = PLOTS.get("sample_grids").numbers(results)
    ranked = sorted(range(3), key=lambda seed: distance("gan", 4, seed))
    shown = rows[(rows["column"] == "gan") & (rows["row"] == "4")]
    assert shown["run_id"].tolist() == [f"run_gan_4_{ranked[1]}"]
    assert shown["title"].tolist() == [f"gan\ndepth 4, seed {ranked[1]}"]


def test_real_images_head_the_column_of_references(results):
    rows = PLOTS.get("sample_grids").numbers(results)
    references = rows[rows["column"] == ""]
    assert references["run_id"].tolist() == [
        "run_memoriser",
        "run_pixel_gaussian",
        "run_uniform_noise",
    ]
    assert references["title"].iloc[0] == "real (train split)"


def test_runs_without_pictures_leave_the_board_out():
    without = read_results(STUDY, IDENTITY, troubled_records(), lambda run_id, name: None)
    for name in ("sample_grids", "reconstructions"):
        plot = PLOTS.get(name)
        assert plot.draw(plot.numbers(without), without) is None


def test_reconstructions_are_shown_of_models_with_a_likelihood_only(results):
    rows = PLOTS.get("reconstructions").numbers(results)
    assert set(rows["row"]) == {"vae"}
    assert rows["column"].tolist() == ["1", "2", "3", "4", "5"]


def test_long_factor_keeps_its_first_and_last_value():
    assert evenly([str(i) for i in range(20)], 4) == ["0", "6", "13", "19"]
    assert evenly(["a", "b"], 4) == ["a", "b"]


def many_arms(number):
    names = [f"gan_{i}" for i in range(number)]
    study = Study(
        name="many",
        question="Which?",
        arms=tuple(Arm(name=name, model="gan") for name in names),
        tiers=STUDY.tiers,
    )
    records = []
    for name, seed in itertools.product(names, range(3)):
        record = run_record("gan", 3, seed)
        tags = {**record.tags, "family": name}
        records.append(dataclasses.replace(record, run_id=f"{name}_{seed}", tags=tags))
    return read_results(study, IDENTITY, records, pictures())


@pytest.mark.parametrize("name", ["sample_grids", "seed_grids"])
def test_board_of_many_arms_is_no_wider_than_a_page(name):
    rows = PLOTS.get(name).numbers(many_arms(8))
    assert rows["column"].nunique() <= 4
    assert not rows.duplicated(["row", "column"]).any()
    few = PLOTS.get(name).numbers(many_arms(3))
    assert few[few["row"] == few["row"][0]]["title"].str.startswith("gan_").sum() == 3


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("fd_digits_n297", "Pixels are not smoothed."),
        ("sw_coordinates_n2500", "Each dot is a sample, each circle a true mode."),
    ],
)
@pytest.mark.parametrize("name", ["best_samples", "sample_grids", "over_training"])
def test_caption_says_how_samples_are_drawn(results, name, measure, said):
    measured_with = dataclasses.replace(results.measured_with, selection_metric=f"val/{measure}")
    shown = dataclasses.replace(results, measured_with=measured_with)
    drawing = PLOTS.get(name).draw(PLOTS.get(name).numbers(results), shown)
    assert said in drawing.caption
