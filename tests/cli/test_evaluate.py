"""``bench eval``: a run measured again, images made elsewhere, and the counter of test reads."""

import contextlib
import dataclasses
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli.evaluate import evaluate_one
from bench.cli.report import make_report
from bench.cli.train import train_one
from bench.datasets import load
from bench.errors import UsageError
from bench.evaluation.outside import read_outside
from bench.plan.files import load_study
from bench.plan.study import Identity
from bench.tracking.address import sqlite_uri
from bench.tracking.mlflow import Store

SMALL = ["num_images=256", "num_logs=4", "num_validations=2", "max_samples=60"]


def digits(n=200, *, labels=False):
    """Validation digits in the file's order as an npz file."""
    val = load("digits").val
    arrays = {"x": val.images[:n]} | ({"y": val.labels[:n]} if labels else {})
    np.savez("made.npz", **arrays)
    return Path("made.npz")


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory, migrated_database):
    """A folder with a store and a trained run, and the run's id."""
    folder = tmp_path_factory.mktemp("trained")
    with contextlib.chdir(folder):
        with contextlib.closing(sqlite3.connect(migrated_database)) as source:
            source.execute("vacuum into 'mlflow.db'")
        found = train_one("vae_mlp", overrides=SMALL, tracking_uri=sqlite_uri(folder / "mlflow.db"))
    return folder, found["run_id"]


@pytest.fixture
def trained(trained_once, store_uri, tmp_path):
    """A run's id; its folder and its store are the test's own."""
    folder, run_id = trained_once
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return run_id


def test_run_measured_again_has_the_same_values_and_raises_the_counter_of_test_reads(
    trained, store_uri
):
    again = evaluate_one(trained[:12], tracking_uri=store_uri)
    store = Store(store_uri)
    first, second = store.record(trained), store.record(again["run_id"])
    same = {k for k in second.metrics if k.startswith(("val/", "test/"))}
    assert same
    assert {k: second.metrics[k] for k in same} == {k: first.metrics[k] for k in same}
    assert first.tags["test_reads"] == second.tags["test_reads"] == "2"
    assert second.tags["evaluates"] == trained
    assert second.tags["role"] == "evaluation"


def test_run_measured_again_takes_other_numbers_and_measures_on_request(trained, store_uri):
    found = evaluate_one(trained, overrides=["max_samples=50"], tracking_uri=store_uri)
    assert "test/fd_digits_n50" in found["metrics"]
    assert "test/fd_digits_n60" not in found["metrics"]


def test_reads_of_the_test_split_are_counted_when_it_is_read_and_never_fall(trained, store_uri):
    """Protocol rule 2."""
    with pytest.raises(UsageError, match="measure 'iwae_64' is always taken"):
        evaluate_one(trained, overrides=["measures=iwae_64"], tracking_uri=store_uri)
    assert Store(store_uri).record(trained).tags["test_reads"] == "1"
    evaluate_one(trained, tracking_uri=store_uri)
    (Path("runs") / Store(store_uri).record(trained).tags["folder"] / "test_reads").unlink()
    evaluate_one(trained, tracking_uri=store_uri)
    assert Store(store_uri).record(trained).tags["test_reads"] == "3"


def test_diverged_run_has_no_state_to_measure(store_uri):
    run_id = train_one("gan_mlp", overrides=[*SMALL, "lr=1e30"], tracking_uri=store_uri)["run_id"]
    with pytest.raises(UsageError, match="diverged and has no state to measure: the"):
        evaluate_one(run_id, tracking_uri=store_uri)


def test_further_detector_never_takes_the_place_of_the_one_that_selects(store_uri):
    """A data set without a detector of its own has no primary measure (protocol rule 2)."""
    digits = load("digits")
    np.savez("bare.npz", x=np.concatenate([digits.train.images, digits.test.images]))
    found = train_one(
        "gan_mlp",
        dataset="npz:bare.npz",
        overrides=[*SMALL[:3], "also=random"],
        tracking_uri=store_uri,
    )
    assert found["primary"] == ""
    assert found["value"] is None
    assert "test/fd_random_n150" in found["metrics"]
    assert not [name for name in found["metrics"] if name.startswith("test_best/fd")]


def test_run_is_not_trained_again_and_needs_its_checkpoint(trained, store_uri):
    with pytest.raises(UsageError, match=r"measures and does not train: .* got 'latent_dim'"):
        evaluate_one(trained, overrides=["latent_dim=3"], tracking_uri=store_uri)
    with pytest.raises(UsageError, match=r"no folder 'elsewhere.*--root"):
        evaluate_one(trained, root=Path("elsewhere"), tracking_uri=store_uri)


def test_images_get_the_measures_of_samples(store_uri):
    found = evaluate_one(images=digits(297), dataset="digits", tracking_uri=store_uri)
    values = found["metrics"]
    assert values["val/fd_digits_n297"] == pytest.approx(0, abs=1e-6)  # the same images
    assert 1 < values["test/fd_digits_n297"] < 50
    assert values["val/legible"] > 0.9
    record = Store(store_uri).record(found["run_id"])
    assert (record.tags["family"], record.tags["role"]) == ("made", "outside")
    assert "class_accuracy" in found["not_applicable"]
    assert found["not_applicable"]["elbo"] == "the model has no likelihood"


def test_images_with_labels_are_those_of_a_conditional_model(store_uri):
    found = evaluate_one(images=digits(labels=True), dataset="digits", tracking_uri=store_uri)
    assert found["metrics"]["test/class_accuracy"] > 0.9
    assert found["not_applicable"]["class_share"] == "the model has no latent space"


def test_turned_pictures_of_other_kinds_in_class_folders_give_the_numbers_of_the_arrays(store_uri):
    """Classes 3 and 7 keep their numbers; every picture is read, upright, or said to be left out."""
    test = load("digits").test
    chosen = [i for label in (3, 7) for i in np.flatnonzero(test.labels == label)]
    np.savez("arrays.npz", x=test.images[chosen], y=test.labels[chosen])
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn to the right
    for label in (3, 7):
        Path("made", str(label)).mkdir(parents=True)
    for i in chosen:
        picture = Image.fromarray(test.images[i, 0]).transpose(Image.Transpose.ROTATE_90)
        name = f"{i:04}.{'tif' if i % 2 else 'PNG'}"
        picture.save(Path("made", str(test.labels[i]), name), exif=exif)
    Path("made", "notes.txt").touch()
    said = []
    options = {"dataset": "digits", "overrides": ["max_samples=60"], "tracking_uri": store_uri}
    found = evaluate_one(images=Path("made"), say=said.append, **options)
    assert found["metrics"] == evaluate_one(images=Path("arrays.npz"), **options)["metrics"]
    assert found["metrics"]["test/class_accuracy"] > 0.9
    assert said[:2] == [
        "note: 'made': skipped 1 files that are no pictures: 1 .txt (notes.txt)",
        "note: 'made' has images of 2 of 10 classes: 3, 7",
    ]


def test_images_in_class_order_are_taken_in_a_random_one(store_uri):
    val = load("digits").val
    order = np.argsort(val.labels, kind="stable")
    np.savez("sorted.npz", x=val.images[order])
    found = evaluate_one(
        images=Path("sorted.npz"),
        dataset="digits",
        overrides=["max_samples=60"],
        tracking_uri=store_uri,
    )
    assert found["metrics"]["val/classes"] > 8


def test_second_reading_of_the_same_images_is_counted(store_uri):
    path = digits(60)
    options = {"images": path, "dataset": "digits", "tracking_uri": store_uri}
    reads = [
        Store(store_uri).record(evaluate_one(**options)["run_id"]).tags["test_reads"]
        for _ in range(2)
    ]
    assert reads == ["1", "2"]


def test_one_name_and_seed_stand_for_one_set_of_images(store_uri):
    evaluate_one(images=digits(60), dataset="digits", tracking_uri=store_uri)
    with pytest.raises(UsageError, match="'made' with seed 0 stands for other images already"):
        evaluate_one(images=digits(50), dataset="digits", tracking_uri=store_uri)
    evaluate_one(images=digits(50), dataset="digits", seed=1, tracking_uri=store_uri)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "takes a RUN or --images PATH"),
        ({"images": Path("x.npz")}, "--images needs --dataset"),
        ({"images": Path("x.npy"), "dataset": "digits"}, "neither a folder nor an .npz file"),
        (
            {"images": Path("x.npz"), "dataset": "digits", "tier": "lab"},
            "--tier lab is a tier of a study",
        ),
        (
            {"images": Path("x.npz"), "dataset": "digits", "overrides": ("depth=2",)},
            "measures and does not train",
        ),
        ({"run_id": "abc", "name": "mine"}, "are for images made elsewhere"),
        (
            {"images": Path("x.npz"), "dataset": "digits", "overrides": ("measures=iwa",)},
            "unknown measure 'iwa'",
        ),
    ],
)
def test_mistake_is_told_before_anything_is_recorded(options, message, store_uri):
    digits().rename("x.npz")
    with pytest.raises(UsageError, match=message):
        evaluate_one(tracking_uri=store_uri, **options)
    assert [e.name for e in Store(store_uri).experiments()] == ["Default"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": np.zeros((9, 1, 9, 9), np.uint8)},
            re.escape("shape [1, 9, 9], 'digits' has [1, 8, 8]"),
        ),
        ({"x": np.zeros((1, 1, 8, 8), np.uint8)}, "has 1 images, expected at least 2"),
        (
            {"x": np.zeros((9, 1, 8, 8), np.uint8), "y": np.full(9, 10)},
            re.escape("labels 10..10, 'digits' has the classes 0..9"),
        ),
        (
            {
                "x_train": np.zeros((9, 1, 8, 8), np.uint8),
                "x_test": np.zeros((9, 1, 8, 8), np.uint8),
            },
            "expected one array x",
        ),
    ],
)
def test_images_that_do_not_fit_the_data_set_are_refused(arrays, message):
    np.savez("bad.npz", **arrays)
    with pytest.raises(UsageError, match=message):
        read_outside(Path("bad.npz"), load("digits").spec)


def test_gray_pictures_stand_for_three_equal_channels():
    np.savez("gray.npz", x=np.arange(9 * 64, dtype=np.uint8).reshape(9, 1, 8, 8))
    spec = dataclasses.replace(load("digits").spec, shape=(3, 8, 8))
    images = read_outside(Path("gray.npz"), spec).train.images
    assert images.shape == (9, 3, 8, 8)
    assert (images == images[:, :1]).all()


def test_images_made_elsewhere_stand_in_the_tables_of_a_study(store_uri):
    """The study's own settings measure them, and their rows say where they come from."""
    identity = Identity(study="depth_sweep", tier="classroom", dataset="digits")
    store = Store(store_uri)
    experiment = store.experiment(identity.key)
    store.describe_experiment(
        experiment,
        {"bench.identity": identity.model_dump_json(), "bench.study": identity.study},
    )
    load_study("depth_sweep")
    train = load("digits").train
    for seed in range(3):
        np.savez("mine.npz", x=train.images[seed * 100 : seed * 100 + 500])
        evaluate_one(
            images=Path("mine.npz"),
            name="copies",
            seed=seed,
            study="depth_sweep",
            tracking_uri=store_uri,
        )
    text = make_report("depth_sweep", tracking_uri=store_uri, out=Path("out")).read_text()
    row, _cost = [
        line for line in text.splitlines() if line.startswith("| `copies` | made elsewhere | 3")
    ]
    assert "fit no cell" not in text
    assert re.search(r"\d+\.\d+ \[\d", row), row
    with pytest.raises(UsageError, match="'vae' is a row of depth_sweep already"):
        evaluate_one(
            images=Path("mine.npz"), name="vae", study="depth_sweep", tracking_uri=store_uri
        )
    with pytest.raises(UsageError, match="has 60 images, depth_sweep measures with 500"):
        evaluate_one(images=digits(60), study="depth_sweep", tracking_uri=store_uri)
