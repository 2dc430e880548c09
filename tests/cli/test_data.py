"""``bench data check``, and what train and run say of too few pictures."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.cli.data import OWN_FEATURES, data_check
from bench.cli.train import train_one
from bench.datasets import spec_of
from bench.detectors import DETECTORS
from bench.detectors._classifier import Recipe
from bench.errors import UsageError
from bench.evaluation.outside import read_outside
from bench.evaluation.view import missing_detector
from bench.models import configure
from bench.training.needs import distance_lacking
from bench.training.parts import reference_for

RGB = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3), np.uint8)


def folder(path: str, *, labelled: bool = False) -> Path:
    for i, pixels in enumerate(RGB):
        place = Path(path) / (("cat", "dog")[i % 2] if labelled else ".")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((8 + i % 3, 8)).save(place / f"{i:03d}.png")
    return Path(path)


def test_pictures_of_several_sizes_are_told_and_the_command_that_reads_them() -> None:
    said: list[str] = []
    found = data_check(folder("my photos"), say=said.append)
    assert not found["usable"]
    assert found["refused"] == {"another size than the first (8x8)": 133}
    assert found["why"].startswith("'my photos/001.png' is 8x9 pixels, expected 8x8 as '000.png'")
    assert said[-1] == "try: bench data check 'my photos' --resize 32"
    assert "  67  8x8   as they are  (000.png, 003.png, 006.png, ...)" in said[1]


def test_small_set_is_told_what_a_study_needs_and_how_it_is_had() -> None:
    said: list[str] = []
    found = data_check(folder("p", labelled=True), resize=8, gray=True, say=said.append)
    assert found["usable"]
    assert found["dataset"] == "folder,resize=8,gray:p"
    assert found["sizes"] == [160, 20, 20]
    assert said[-5:] == [
        "200 images of 8x8 in gray, 2 classes: 160 to train, 20 for validation, 20 for test",
        "a study chooses by a distance in 64 features, for which 20 validation images are too few: "
        "hold out more of them, as 'folder,resize=8,gray,held_out=65:p', or give 650 images or more "
        "(there are 200)",
        "bench train goes on without it, by measures that hold for few (kd)",
        "a detector that knows the classes: bench detectors train folder,resize=8,gray,held_out=65:p",
        "try it: bench train vae --dataset folder,resize=8,gray,held_out=65:p --set detector=random",
    ]
    said.clear()
    data_check(Path("p"), resize=8, gray=True, held_out=65, say=said.append)
    assert "too few" not in "".join(said)


def test_file_of_arrays_is_checked_too() -> None:
    np.savez("x.npz", x=RGB)
    assert data_check(Path("x.npz"), resize=6)["shape"] == (3, 6, 6)
    np.savez("y.npz", x=RGB / 255)
    found = data_check(Path("y.npz"))
    assert found["why"].startswith(
        "'y.npz': x has dtype float64, expected uint8 in 0..255: convert"
    )


@pytest.mark.parametrize(
    ("path", "given", "sentence"),
    [
        ("nowhere", {}, "'nowhere' is not there: give a folder of pictures, or a file of arrays"),
        ("a.txt", {}, r"'a\.txt' is neither a folder nor an \.npz file"),
        ("here", {"background": "blue"}, "background must be one of white, black, got 'blue'"),
        ("x.npz", {"skip": True}, r"skip is for files of pictures, and an \.npz holds arrays"),
    ],
)
def test_wrong_path_or_option_is_refused_in_a_sentence(
    path: str, given: dict[str, str], sentence: str
) -> None:
    Path("a.txt").touch()
    Path("here").mkdir()
    with pytest.raises(UsageError, match=sentence):
        data_check(Path(path), **given)


def test_features_are_those_of_the_detectors_that_own_pictures_may_have() -> None:
    fixed = DETECTORS.get("random").fixed
    assert fixed is not None
    assert fixed.dim == Recipe().dim == OWN_FEATURES


def test_too_few_images_for_a_distance_are_told_with_the_remedy_that_helps() -> None:
    np.savez("x.npz", x=RGB)

    def lacking(dataset: str, **given: object) -> str:
        data = {"data.dataset": dataset, "eval.detector": "random", **given}
        config = configure("uniform_noise", {}, data)
        return distance_lacking(config, reference_for(config, torch.device("cpu")))

    start = (
        "'{}' gives {} validation images per distance, more than 64 are needed for the detector's"
    )
    assert lacking("npz:x.npz").startswith(start.format("npz:x.npz", 20))
    assert "as 'npz,held_out=65:x.npz'" in lacking("npz:x.npz")
    assert lacking("npz,held_out=65:x.npz") == ""
    few = lacking("npz,held_out=65:x.npz", **{"eval.max_samples": 30})
    assert few.endswith("features: raise max_samples and max_val_samples")


def test_folder_that_is_named_as_a_data_set_is_told_how_it_is_written() -> None:
    Path("my photos").mkdir()
    with pytest.raises(
        UsageError, match="'my photos': for what lies there write folder:my photos, "
    ):
        spec_of("my photos")
    np.savez("x.npz", x=RGB)
    with pytest.raises(UsageError, match=r"write npz:x\.npz, and see `bench data check x\.npz`$"):
        spec_of("x.npz")


def test_picture_that_is_refused_names_the_command_that_tells_of_all() -> None:
    folder("my photos")
    with pytest.raises(
        UsageError, match=r"; `bench data check 'my photos'` says what is to be done"
    ):
        spec_of("folder:my photos")
    (Path("my photos") / "a.HEIC").touch()
    sentence = r"a\.HEIC' is a picture that is not read, .*`bench data check 'my "
    with pytest.raises(UsageError, match=sentence):
        spec_of("folder:my photos")


def test_picture_that_is_refused_tells_the_name_that_has_it_read_or_left_out() -> None:
    folder("my photos")

    def said(name: str) -> str:
        with pytest.raises(UsageError) as refused:
            spec_of(name)
        return str(refused.value)

    # Two of three have another size than the first: without them few are left.
    assert (
        said("folder:my photos")
        .partition("; ")[0]
        .endswith("size first, or give --dataset 'folder,resize=32:my photos'")
    )
    Path("my photos/000.png").write_bytes(b"nothing")
    assert "replace it, or give --dataset 'folder,resize=32,skip:my photos'; `" in said(
        "folder:my photos"
    )
    for file in Path("my photos").iterdir():
        file.write_bytes(b"nothing")
    assert "replace it; `bench data check" in said("folder:my photos")
    assert "replace it; `bench data check" in said("folder,skip:my photos")


def test_few_pictures_of_another_size_may_be_left_out() -> None:
    place = folder("p")
    for file in sorted(place.iterdir()):
        if Image.open(file).size != (8, 8):
            file.unlink()
    Image.new("RGB", (9, 9)).save(place / "z.png")
    with pytest.raises(UsageError, match=r"--dataset folder,resize=32:p or folder,skip:p; "):
        spec_of("folder:p")
    (place / "y.png").write_bytes(b"nothing")
    Image.new("RGB", (9, 9)).save(place / "001.png")
    with pytest.raises(UsageError, match=r"--dataset folder,resize=32,skip:p or folder,skip:p; "):
        spec_of("folder:p")


def test_advice_of_data_check_is_one_size_and_not_to_call_itself() -> None:
    said: list[str] = []
    data_check(folder("my photos"), say=said.append)
    assert said[-2].endswith("as '000.png': resize all pictures to one size first")
    assert said[-1] == "try: bench data check 'my photos' --resize 32"


def test_picture_of_another_program_that_is_refused_names_no_option_of_data_sets() -> None:
    folder("made")
    spec = replace(spec_of("digits"), shape=(3, 8, 8))
    with pytest.raises(UsageError, match=r"resize all pictures to one size first$"):
        read_outside(Path("made"), spec)


def test_train_refuses_at_once_pictures_that_no_detector_looks_at() -> None:
    np.savez("x.npz", x=RGB)
    sentence = (
        "no detector for 'npz:x.npz': it has no labels to make one: look through an untrained"
    )
    with pytest.raises(UsageError, match=sentence):
        train_one("uniform_noise", dataset="npz:x.npz")
    assert not Path("runs").exists()
    labelled = replace(spec_of("npz:x.npz"), name="folder:my photos", num_classes=2)
    command = f"bench detectors train {shlex.quote('folder:my photos')}"
    assert f"make one with `{command}`, or look through" in missing_detector(labelled)
