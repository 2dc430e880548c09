"""``bench sample``: which classes a grid shows, and what it refuses."""

import contextlib
import copy
import dataclasses
import io
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import cli
from bench.cli import sample
from bench.cli.evaluate import evaluate_one
from bench.cli.train import train_one
from bench.distances.frechet import frechet_distance, moments
from bench.errors import UsageError
from bench.evaluation import sampling
from bench.pictures._chart import LEFT, SIDE, TOP

COUNT = 40
SMALL = ("num_images=64", "num_logs=1", "num_validations=1", "max_samples=20", "max_val_samples=20")


class Tracked:
    """A store of small runs, and grids of them."""

    def __init__(self, folder, database):
        self.out, self.root = folder / "pictures" / "grid.png", folder / "runs"
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as own,
        ):
            source.backup(own)

    def train(self, model, *overrides, dataset="digits"):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.root.parent)
            summary = train_one(
                model,
                dataset=dataset,
                overrides=[*SMALL, *overrides],
                device="cpu",
                tracking_uri=self.uri,
                root=self.root,
            )
        assert summary["status"] != "failed", summary["reason"]
        return summary["run_id"]

    def sample(self, run_id, label, *, seed=0):
        sample.sample_run(
            run_id[:12],
            count=COUNT,
            out=self.out,
            seed=seed,
            label=label,
            device="cpu",
            tracking_uri=self.uri,
            root=self.root,
        )
        return self.out.read_bytes()


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, migrated_database):
    return Tracked(tmp_path_factory.mktemp("sample"), migrated_database)


@pytest.fixture(scope="module")
def conditional(tracked):
    return tracked.train("cgan", "depth=1", "width=2", "h_dim=8", "latent_dim=3")


@pytest.fixture(scope="module")
def unconditional(tracked):
    return tracked.train("pixel_gaussian")


@pytest.fixture
def decoded(monkeypatch):
    """The labels of each call of the model's ``decode``."""
    calls = []
    draw = sampling.draw

    def recorded(nets, fns, *given, **named):
        def decode(nets, z, labels):
            calls.append(labels)
            return fns.decode(nets, z, labels)

        return draw(nets, dataclasses.replace(fns, decode=decode), *given, **named)

    monkeypatch.setattr(sampling, "draw", recorded)
    return calls


def test_one_class_gives_the_same_picture_twice_and_another_class_another(tracked, conditional):
    first, again, other = (tracked.sample(conditional, label) for label in (3, 3, 4))
    assert first.startswith(b"\x89PNG")
    assert first == again
    assert first != other
    assert first != tracked.sample(conditional, 3, seed=1)


@pytest.mark.parametrize("label", [0, 3, 9])
def test_class_that_is_asked_for_is_the_class_of_every_image(label, tracked, conditional, decoded):
    tracked.sample(conditional, label)
    assert [labels.tolist() for labels in decoded] == [[label] * COUNT]
    assert decoded[0].dtype == torch.int64


def test_command_line_asks_for_the_class_that_it_is_given(tracked, conditional, monkeypatch):
    expected = tracked.sample(conditional, 3, seed=2)
    line = f"sample {conditional} -n {COUNT} -o given.png --seed 2 --class 3 --device cpu"
    store = ["--tracking-uri", tracked.uri, "--root", str(tracked.root)]
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["bench", *line.split(), *store])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert Path("given.png").read_bytes() == expected


def test_without_a_class_they_follow_the_training_prior(tracked, conditional, decoded, monkeypatch):
    reference_for = sample.reference_for

    def skewed(*given):
        reference = copy.copy(reference_for(*given))
        prior = (0.0, 0.75, 0.0, 0.25, *(0.0,) * 6)
        reference.spec = dataclasses.replace(reference.spec, class_prior=prior)
        return reference

    monkeypatch.setattr(sample, "reference_for", skewed)
    tracked.sample(conditional, None)
    (labels,) = decoded
    counts = torch.bincount(labels, minlength=10).tolist()
    assert counts[1] + counts[3] == COUNT
    # 30 of 40 are expected, with a standard deviation of 2.7.
    assert 22 <= counts[1] <= 38


def test_model_without_classes_is_sampled_without_labels(tracked, unconditional, decoded):
    assert tracked.sample(unconditional, None).startswith(b"\x89PNG")
    assert decoded == [None]


@pytest.mark.parametrize("label", [-1, 10])
def test_class_that_the_data_has_not_is_refused_in_one_sentence(label, tracked, conditional):
    tracked.out.unlink(missing_ok=True)
    with pytest.raises(UsageError, match=rf"^--class must be in 0\.\.9, got {label}$"):
        tracked.sample(conditional, label)
    assert not tracked.out.exists()


@pytest.mark.parametrize("label", [0, 3])
def test_class_of_a_model_without_classes_is_refused_in_one_sentence(label, tracked, unconditional):
    tracked.out.unlink(missing_ok=True)
    sentence = f"^--class {label} is for a conditional model, and this run has none$"
    with pytest.raises(UsageError, match=sentence):
        tracked.sample(unconditional, label)
    assert not tracked.out.exists()


@pytest.mark.parametrize("place", ["out.npz", "out"])
def test_samples_that_were_written_are_measured_as_images_made_elsewhere(
    place, tracked, conditional
):
    out, where = tracked.out.parent.parent / place, {"tracking_uri": tracked.uri, "device": "cpu"}
    said = []
    sample.sample_run(
        conditional, count=COUNT, out=out, root=tracked.root, say=said.append, **where
    )
    assert said == [
        f"{COUNT} samples in {out}",
        f"measured by: bench eval --images {out} --dataset digits",
    ]
    settings = [f"max_samples={COUNT}", f"max_val_samples={COUNT}"]
    found = evaluate_one(images=out, dataset="digits", name=place, overrides=settings, **where)
    loaded = sample.load_run(conditional, root=tracked.root, **where)
    images, _ = sample.draw_samples(loaded, COUNT)
    reference = loaded.reference
    real = reference.real_features("test", COUNT, reference.detector).features
    expected = frechet_distance(moments(reference.detector(images)[0]), moments(real))
    # In another order the sums round otherwise.
    assert found["metrics"][f"test/fd_digits_n{COUNT}"] == pytest.approx(expected, rel=1e-9)
    assert 0 <= found["metrics"]["test/class_accuracy"] <= 1


def test_other_ending_is_refused_before_the_store_is_opened(tracked):
    with pytest.raises(UsageError, match=r"^'a\.gif' ends in \.gif, expected a grid in one \.png"):
        sample.sample_run("no such run", out=Path("a.gif"), tracking_uri="sqlite:///none.db")
    assert not Path("none.db").exists()


def test_points_are_shown_over_the_true_modes(tracked):
    run_id = tracked.train("pixel_gaussian", dataset="ring8")
    image = Image.open(io.BytesIO(tracked.sample(run_id, None)))
    assert image.size == (LEFT + SIDE + 16, TOP + SIDE + 46)
    red = np.asarray(image.convert("RGB")).reshape(-1, 3) == (0xBD, 0x1F, 0x01)
    sentence = (
        "^'ring8' has points of a plane, which no picture file holds, got -o 'points': give a .png"
    )
    with pytest.raises(UsageError, match=sentence):
        sample.sample_run(
            run_id, out=Path("points"), device="cpu", tracking_uri=tracked.uri, root=tracked.root
        )
    assert red.all(1).sum() > COUNT  # hardly one of 40 points of a fitted Gaussian is good
