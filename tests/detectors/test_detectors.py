"""Every detector keeps its contract, the shipped ones are what they say, and ``auto`` finds them."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from bench import datasets
from bench.cli import main
from bench.cli.detectors import detector_table
from bench.datasets import Arrays
from bench.detectors import DETECTORS, WEIGHTS, DetectorKind, Fixed
from bench.detectors._classifier import Recipe, load, mirrored, shifted
from bench.detectors._find import find_detector, find_others, published_weights
from bench.detectors._status import available, facts_of, known_names, status, weights_path
from bench.detectors._train import train_detector
from bench.errors import Unavailable, UsageError
from bench.measures import feature_name
from bench.records import DataSpec
from bench.runtime import generator, instructions
from bench.tensor_file import read_facts, read_tensors, write_tensors
from bench.training.parts import reference_data

CPU = torch.device("cpu")
SHAPES = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
SHIPPED = [name for name, kind in DETECTORS.items() if kind.shipped]
HERE = [*SHIPPED, "random"]  # whatever a user has beside these


def spec_of(name, shape=None, digest="0" * 16):
    """Just what is asked of a spec to find a detector."""
    return DataSpec(
        name=name,
        shape=shape or SHAPES.get(name, (3, 12, 16)),
        num_classes=10,
        class_prior=(0.1,) * 10,
        levels=256,
        digest=digest,
    )


def images_of(shape, n=40):
    return torch.randint(0, 256, (n, *shape), generator=generator("images"), dtype=torch.uint8)


def accuracy_of(name):
    splits, detector = datasets.load(name), find_detector("auto", datasets.load(name).spec)
    _, probs = detector(torch.from_numpy(splits.test.images))
    return float((probs.argmax(1) == torch.from_numpy(splits.test.labels)).double().mean())


@pytest.mark.parametrize("name", HERE)
def test_detector_keeps_its_contract(name):
    spec = spec_of(name)
    detector, images = find_detector(name, spec), images_of(spec.shape)
    features, probs = detector(images)
    assert detector.name == name
    assert features.shape == (len(images), detector.dim)
    assert features.dtype == torch.float64
    assert features.isfinite().all()
    assert features.std(0).min() > 0  # every feature says something
    assert not (detector.own_classes and probs is None)
    if probs is not None:
        assert probs.dtype == torch.float64
        torch.testing.assert_close(probs.sum(1), torch.ones(len(images)).double())


@pytest.mark.parametrize("name", HERE)
def test_features_do_not_depend_on_how_images_are_divided(name):
    spec = spec_of(name)
    detector, images = find_detector(name, spec), images_of(spec.shape)
    whole, _ = detector(images)
    parts = torch.cat([detector(part)[0] for part in images.split([1, 7, 32])])
    # float32 sums in another order: 1e-5 of the features' size.
    assert (parts - whole).abs().max() < 1e-5 * whole.abs().max()
    assert torch.equal(detector(images)[0], whole)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_name_data_digest_and_command(name):
    kind, path = DETECTORS.get(name), weights_path(name)
    known, made_of = read_facts(path), kind.trained_on or name
    assert known["dataset"] == made_of
    suffix = f" --name {name}" if kind.trained_on else ""
    assert known["command"] == f"bench detectors train {made_of}{suffix}"
    assert float(known["test_accuracy"]) >= kind.min_accuracy > 0
    assert path.stat().st_size < 2_000_000
    detector = find_detector(name, spec_of(name))
    assert detector.digest == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert detector.dim == kind.recipe.dim


def test_published_numbers_rest_on_these_weights():
    shipped = {name: find_detector(name, spec_of(name)).digest for name in ("digits", "mnist")}
    assert shipped == {"digits": "6b988cfd9d1e9bfa", "mnist": "6c7705dbab779a14"}


def test_random_weights_are_the_same_on_every_machine():
    assert find_detector("random", spec_of("any")).digest == "e899bd51754819d9"


def test_digits_detector_has_the_accuracy_that_is_written_beside_it():
    assert f"{accuracy_of('digits'):.4f}" == read_facts(weights_path("digits"))["test_accuracy"]


@pytest.mark.mnist
def test_mnist_detector_has_the_accuracy_that_is_written_beside_it():
    assert f"{accuracy_of('mnist'):.4f}" == read_facts(weights_path("mnist"))["test_accuracy"]


def test_digits_detector_was_trained_on_the_digits_of_today():
    spec = datasets.load("digits").spec
    assert read_facts(weights_path("digits"))["data_digest"] == spec.digest
    assert find_detector("auto", spec).own_classes


@pytest.mark.slow
def test_recipe_of_digits_reaches_the_required_accuracy_again(monkeypatch, tmp_path):
    monkeypatch.setattr("bench.detectors._status.WEIGHTS", tmp_path)
    torch.set_num_threads(2)
    path, known = train_detector("digits", datasets.load("digits"))
    assert float(known["test_accuracy"]) >= 0.98
    again, shipped = read_tensors(path)[0], read_tensors(WEIGHTS / "digits.safetensors")[0]
    assert {k: v.shape for k, v in again.items()} == {k: v.shape for k, v in shipped.items()}
    # Another maker's processor rounds otherwise with the same instructions.
    processor = Path("/proc/cpuinfo")
    is_intel = processor.exists() and "GenuineIntel" in processor.read_text()
    if torch.__version__.startswith("2.13.") and instructions() == "AVX512" and is_intel:
        assert all(torch.equal(again[k], shipped[k]) for k in shipped)


@pytest.fixture
def trained_by_now(monkeypatch, tmp_path):
    """The shipped detector of digits in a folder of its own; training gives the same again."""
    shipped = WEIGHTS / "digits.safetensors"
    net = load("digits", shipped)[0]._net
    monkeypatch.setattr("bench.detectors._train.train", lambda *_: net)
    monkeypatch.setattr("bench.detectors._status.WEIGHTS", tmp_path)
    return Path(shutil.copy(shipped, tmp_path))


def test_equal_weights_leave_the_file_and_its_digest(trained_by_now):
    before = trained_by_now.read_bytes()
    assert train_detector("digits", datasets.load("digits"))[1]["test_accuracy"] == "0.9880"
    assert trained_by_now.read_bytes() == before


def test_shipped_weights_are_not_exchanged_for_those_of_another_processor(trained_by_now):
    tensors, facts = read_tensors(trained_by_now)
    write_tensors(trained_by_now, {k: v + 1 for k, v in tensors.items()}, facts)
    before = trained_by_now.read_bytes()
    with pytest.raises(UsageError, match=r"gives other weights of detector 'digits' .* stay"):
        train_detector("digits", datasets.load("digits"))
    assert trained_by_now.read_bytes() == before
    write_tensors(trained_by_now, tensors, facts | {"recipe": json.dumps({"dim": 64})})
    trained_by_now.write_bytes(b"damaged")
    train_detector("digits", datasets.load("digits"))
    assert torch.equal(read_tensors(trained_by_now)[0]["head.bias"], tensors["head.bias"])


def test_files_of_equal_weights_are_equal(tmp_path):
    facts = {letter: letter for letter in "abcdefgh"}
    for name in ("one", "two"):
        write_tensors(tmp_path / name, {"b": torch.ones(3), "a": torch.zeros(2, 2)}, facts)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_tensors(tmp_path / "one")[1] == facts
    assert torch.equal(read_tensors(tmp_path / "one")[0]["b"], torch.ones(3))


def test_features_are_taken_before_the_non_linearity():
    splits = datasets.load("digits")
    features, _ = find_detector("auto", splits.spec)(torch.from_numpy(splits.test.images))
    assert features.min() < 0


def test_data_set_without_a_detector_has_none_and_a_wrong_name_is_told():
    assert find_detector("auto", spec_of("npz:somewhere.npz")) is None
    with pytest.raises(UsageError, match="unknown detector 'digitz': did you mean 'digits'"):
        find_detector("digitz", spec_of("digits"))


@pytest.mark.parametrize("name", ["fashion_mnist", "svhn"])
def test_registered_detector_without_weights_gives_none_or_its_remedy(name):
    assert find_detector("auto", spec_of(name)) is None
    with pytest.raises(Unavailable, match=f"make them with `bench detectors train {name}`"):
        find_detector(name, spec_of(name))


def test_classifier_of_another_data_set_lends_its_features_but_not_its_classes():
    detector = find_detector("mnist", spec_of("fashion_mnist", (1, 28, 28)))
    assert not detector.own_classes
    with pytest.raises(
        UsageError, match=r"sees images of shape \[1, 28, 28\], 'any' has \[1, 9, 9\]"
    ):
        find_detector("mnist", spec_of("any", (1, 9, 9)))


@pytest.fixture
def home(monkeypatch, tmp_path):
    """An empty data folder, and a recipe that takes no time."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    quick = Recipe(dim=8, width=4, epochs=6, batch_size=50, lr=1e-2)
    monkeypatch.setattr("bench.detectors._train.Recipe", lambda: quick)
    return tmp_path


def test_recipe_makes_a_detector_for_any_labelled_data(home):
    splits = datasets.load("digits")
    spec = dataclasses.replace(splits.spec, name="npz:mine.npz", digest="mine")
    path, known = train_detector("npz:mine.npz", dataclasses.replace(splits, spec=spec))
    assert path.parent == home / "detectors"
    assert path.name.startswith("npz_mine_")
    assert float(known["test_accuracy"]) > 0.5  # six epochs; chance is 0.1
    detector = find_detector("auto", spec)
    assert (detector.dim, detector.own_classes) == (8, True)
    assert available()[path.stem] == known | {"recipe": available()[path.stem]["recipe"]}
    assert status()[path.stem].test_accuracy == known["test_accuracy"]
    with pytest.raises(UsageError, match=r"trained on other images than 'npz:mine\.npz' now has"):
        find_detector("auto", dataclasses.replace(spec, digest="f" * 16))


def test_auto_finds_whatever_was_trained_on_the_same_images(home):
    splits = datasets.load("digits")
    spec = dataclasses.replace(splits.spec, name="npz:mine.npz", digest="mine")
    mine = dataclasses.replace(splits, spec=spec)
    train_detector("npz:mine.npz", mine, "my_digits")
    moved = dataclasses.replace(spec, name="npz:elsewhere.npz")
    assert find_detector("auto", moved).name == "my_digits"
    assert find_detector("auto", moved).own_classes
    train_detector("npz:elsewhere.npz", dataclasses.replace(splits, spec=moved))
    assert find_detector("auto", moved).name.startswith("npz_elsewhere_")  # its own comes first
    assert find_detector("auto", spec).name == "my_digits"


def test_full_cifar10_uses_the_detector_of_a_part_until_it_has_one_of_its_own(home):
    full = spec_of("cifar10", digest="the full one")
    detector = find_detector("auto", full)
    assert (detector.name, detector.own_classes) == ("cifar10", True)
    part = spec_of(
        "npz:anywhere.npz", SHAPES["cifar10"], read_facts(weights_path("cifar10"))["data_digest"]
    )
    assert find_detector("auto", part).name == "cifar10"
    assert find_detector("auto", part).own_classes
    other = spec_of("npz:anywhere.npz", SHAPES["cifar10"], "others")
    assert find_detector("auto", other) is None
    assert not find_detector("cifar10", other).own_classes
    with pytest.raises(UsageError, match=r"'cifar10' is taken .* choose another --name"):
        train_detector("cifar10", dataclasses.replace(datasets.load("digits"), spec=full))
    weights, facts = read_tensors(weights_path("cifar10"))
    own = facts | {"data_digest": full.digest}
    write_tensors(weights_path("cifar10_full"), weights, own)
    assert find_detector("auto", full).name == "cifar10_full"


@pytest.mark.parametrize("name", ["clip", "dinov2", "inception", "random", "svhn", "mnist"])
def test_names_of_other_detectors_are_taken(name, home):
    with pytest.raises(UsageError, match=f"'{name}' is taken by another one"):
        train_detector("digits", datasets.load("digits"), name)


@pytest.mark.parametrize("name", ["auto", "none", "a/b", "..", "my detector"])
def test_names_that_cannot_be_files_are_refused(name, home):
    with pytest.raises(UsageError, match="expected letters, digits and _"):
        train_detector("digits", datasets.load("digits"), name)


def test_detector_below_its_required_accuracy_is_not_stored(monkeypatch, tmp_path):
    poor = dataclasses.replace(
        DETECTORS.get("digits"),
        recipe=Recipe(dim=8, width=4, epochs=1, batch_size=500, lr=1e-6),
    )
    monkeypatch.setattr(DETECTORS, "get", lambda name: poor)
    monkeypatch.setattr("bench.detectors._status.WEIGHTS", tmp_path)
    with pytest.raises(UsageError, match=r"at least 0\.98 is required: nothing was stored"):
        train_detector("digits", datasets.load("digits"))
    assert list(tmp_path.iterdir()) == []


def test_data_without_labels_has_no_classifier_but_a_random_network():
    splits = datasets.load("digits")
    bare = dataclasses.replace(splits, train=Arrays(splits.train.images))
    with pytest.raises(UsageError, match="has no labels"):
        train_detector("npz:bare.npz", bare)
    spec = dataclasses.replace(splits.spec, name="npz:bare.npz", num_classes=0, digest="bare")
    assert find_detector("auto", spec) is None
    detector = find_detector("random", spec)
    assert detector(torch.from_numpy(splits.test.images))[1] is None
    assert not detector.own_classes


def test_weights_that_cannot_be_read_are_told_with_the_remedy(home):
    (home / "detectors").mkdir()
    (home / "detectors" / "svhn.safetensors").write_bytes(b"no weights")
    with pytest.raises(UsageError, match=r"cannot be read .*`bench detectors train svhn`"):
        find_detector("auto", spec_of("svhn"))
    assert find_detector("auto", spec_of("npz:other.npz")) is None
    assert "cannot be read" in status()["svhn"].missing


def test_further_detectors_that_are_not_here_are_reasons_and_mistakes_are_errors():
    spec = datasets.load("digits").spec
    found, lacking = find_others("inception, random,random,svhn,dinov2,clip", spec)
    assert [detector.name for detector in found] == ["random"]
    assert set(lacking) == {"fid", "fd_svhn", "fd_dinov2", "fd_clip"}
    assert "`bench detectors fetch inception`" in lacking["fid"]
    assert "--inception-weights FILE" in lacking["fid"]
    with pytest.raises(UsageError, match="unknown detector 'inceptoin': did you mean 'inception'"):
        find_others("inceptoin", spec)
    with pytest.raises(Unavailable, match="not on this machine"):
        find_detector("inception", spec)


def test_further_detectors_leave_out_the_one_that_is_there_already():
    reference = reference_data("digits", "auto", CPU, "digits,random")
    assert reference.detector.name == "digits"
    assert [other.name for other in reference.other_detectors] == ["random"]


def test_detector_of_a_plugin_is_found_and_listed(monkeypatch):
    class Sums:
        name, digest, dim, own_classes = "sums", "5" * 16, 1, False

        def __call__(self, images):
            return images.double().flatten(1).sum(1, keepdim=True), None

    monkeypatch.setattr(DETECTORS, "_entries", dict(DETECTORS._entries))
    monkeypatch.setattr(DETECTORS, "_origins", dict(DETECTORS._origins))
    fixed = Fixed(dim=1, digest=lambda: "5" * 16, load=Sums)
    DETECTORS.add("sums", DetectorKind(summary="sums of pixels", fixed=fixed))
    assert find_detector("sums", spec_of("any")).name == "sums"
    assert status()["sums"].phrase == "sums of pixels; 1 features; digest 5555555555555555"
    with pytest.raises(
        UsageError,
        match="'sums' has no published weights, expected one of clip, dinov2, inception",
    ):
        published_weights("sums")


def test_list_shows_all_detectors_and_the_remedy_of_those_that_are_missing(home):
    rows = status()
    assert list(rows) == known_names()
    assert rows["mnist"].digest == find_detector("mnist", spec_of("mnist")).digest
    published = {"clip", "dinov2", "inception"}
    missing = {name for name, row in rows.items() if row.missing}
    assert missing == {*published, "fashion_mnist", "svhn"}
    assert {rows[name].dim for name in published} == {"768", "1024", "2048"}
    lines = detector_table(rows)
    assert len(lines) == 1 + len(rows) + 1 + 5
    assert lines[-1].startswith("  svhn: detector 'svhn' has no weights on this machine")


def test_commands_list_the_same_detectors(home, monkeypatch, capsys):
    def printed(line):
        monkeypatch.setattr("sys.argv", ["bench", *line.split()])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 0
        return capsys.readouterr().out

    rows = json.loads(printed("detectors list --json"))
    assert list(rows) == known_names()
    assert rows["digits"]["digest"] == "6b988cfd9d1e9bfa"
    phrases = json.loads(printed("list detectors --json"))
    assert list(phrases) == known_names()
    assert phrases["digits"].endswith("32 features; test accuracy 0.9880; digest 6b988cfd9d1e9bfa")
    assert "`bench detectors train svhn`" in phrases["svhn"]
    assert phrases["clip"].endswith("with `bench detectors import clip FILE`")
    lines = printed("detectors list").splitlines()
    assert " ".join(lines[0].split()) == "name data set features digest test accuracy what"
    assert lines[5].split()[:5] == ["fashion_mnist", "fashion_mnist", "64", "-", "-"]
    assert "trained on 9,000 of its 50,000 train images" in lines[1]


def test_only_inceptions_distance_is_called_fid():
    assert feature_name("fd", "inception", 10) == "fid_n10"
    names = [feature_name("fd", name, 10) for name in known_names() if name != "inception"]
    assert all(name.startswith("fd_") for name in names)


def test_shifting_moves_images_whole_and_by_different_amounts():
    images = torch.zeros(40, 1, 7, 7)
    images[:, :, 3, 3] = 1
    moved = shifted(images, 2, generator("shift"))
    assert moved.shape == images.shape
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(40))
    places = {tuple(index[2:].tolist()) for index in moved.nonzero()}
    assert len(places) > 5
    assert all(1 <= row <= 5 and 1 <= col <= 5 for row, col in places)


def test_mirroring_turns_about_half_of_the_images_left_for_right():
    images = torch.zeros(100, 1, 3, 5)
    images[:, :, 1, 0] = 1
    turned = mirrored(images, generator("mirror"))
    left, right = turned[:, 0, 1, 0], turned[:, 0, 1, 4]
    assert torch.equal(left + right, torch.ones(100))
    assert 30 < left.sum() < 70
    assert turned.sum() == 100


@pytest.mark.parametrize("facts", [{}, {"recipe": "{"}, {"recipe": "3"}, {"recipe": '{"dim": 3}'}])
def test_tensors_of_another_program_are_listed_as_no_detector(home, facts):
    write_tensors(home / "detectors" / "other.safetensors", {"w": torch.zeros(2)}, facts)
    assert "its weights cannot be read" in status()["other"].missing
    with pytest.raises(UsageError, match=r"weights other\.safetensors cannot be read"):
        find_detector("other", datasets.load("digits").spec)


def test_pipe_in_place_of_weights_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mine.safetensors")
    with pytest.raises(UsageError, match="cannot be read"):
        load("mine", tmp_path / "mine.safetensors")
    assert facts_of(tmp_path / "mine.safetensors") == {}
