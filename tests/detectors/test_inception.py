"""Inception's features are torch-fidelity's, and no other weights take its name."""

import hashlib
import sys
import threading

import pytest
import torch

from bench import datasets
from bench.cli import main
from bench.contracts import NullLogger
from bench.detectors import DETECTORS, DetectorKind, Fixed
from bench.detectors._find import find_detector
from bench.detectors.inception import WEIGHTS, Inception
from bench.errors import Unavailable, UsageError
from bench.models import configure
from bench.runtime import generator
from bench.torchvision_import import import_torchvision
from bench.training.parts import reference_data
from bench.training.run import Run


def test_weights_are_torch_fidelitys():
    import_torchvision()
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    assert WEIGHTS.url == URL_INCEPTION_V3
    assert WEIGHTS.url.endswith(f"-{WEIGHTS.sha256}.pth")


def test_file_that_runs_code_or_holds_other_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"run": threading.Thread}, path)
    with pytest.raises(UsageError, match="does not hold the weights of Inception-v3"):
        Inception(path, name="code")
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3)}, path)
    with pytest.raises(UsageError, match="does not hold the weights of Inception-v3"):
        Inception(path, name="others")


def test_option_with_other_weights_stops_the_command_with_one_sentence(
    tmp_path, monkeypatch, capsys
):
    file = tmp_path / "others.pth"
    file.write_bytes(b"others")
    monkeypatch.setattr(sys, "argv", ["bench", "train", "vae", "--inception-weights", str(file)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: '{file}' has the SHA-256 ")


def finished(folder, **settings):
    """The result of a run of a few steps on digits."""
    config = configure(
        "vae_mlp", {"num_images": 128, "num_logs": 1, "num_validations": 1, **settings}
    )
    reference = reference_data(
        "digits", config.eval.detector, torch.device("cpu"), config.eval.also
    )
    return Run(config=config, reference=reference, folder=folder, logger=NullLogger()).execute()


def test_run_without_the_weights_ends_and_says_why_it_has_no_fid(tmp_path):
    result = finished(tmp_path, also="inception")
    assert result.status in {"ok", "collapsed"}
    assert "test/fd_digits_n500" in result.metrics
    assert not any("fid" in name for name in result.metrics)
    assert "`bench detectors fetch inception`" in result.not_applicable["fid"]


class Corners:
    """Four pixels in the place of Inception's features."""

    name, digest, dim, own_classes = "inception", "c" * 16, 4, False

    def __call__(self, images):
        features = images[:, :, 2:6:3, 2:6:3].double().flatten(1)
        return features, torch.full((len(images), 5), 0.2).double()


def test_distance_in_inceptions_features_is_called_fid(tmp_path, monkeypatch):
    kind = DetectorKind(summary="", fixed=Fixed(dim=4, digest=lambda: "c" * 16, load=Corners))
    monkeypatch.setitem(DETECTORS._entries, "inception", kind)
    reference_data.cache_clear()
    result = finished(tmp_path / "also", also="inception")
    assert {"test/fid_n297", "test/fid_n500", "val/fid_n297"} <= set(result.metrics)
    assert result.primary == "fd_digits_n297"
    alone = finished(tmp_path / "alone", detector="inception", also="random")
    assert alone.primary == "fid_n297"
    assert alone.metrics["test/fid_n500"] == result.metrics["test/fid_n500"]
    assert "test/fd_random_n500" in alone.metrics
    assert "no detector here knows the classes" in alone.not_applicable["legible"]
    reference_data.cache_clear()


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """A file of weights drawn at random, in torch-fidelity's form."""
    import_torchvision()
    from torch_fidelity import feature_extractor_inceptionv3 as module

    class Untrained(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_, **__):
            """Nothing: the weights stay as they are."""

    patch = pytest.MonkeyPatch()
    patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Untrained("untrained", ["2048"])
        for layer in net.modules():
            if isinstance(layer, torch.nn.Conv2d):  # or the features vanish layer by layer
                torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    patch.undo()
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(net.state_dict(), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (1, 28, 20)])
def test_features_and_probabilities_are_torch_fidelitys(random_weights, shape):
    from torch_fidelity.utils import create_feature_extractor

    images = torch.randint(0, 256, (5, *shape), generator=generator("images"), dtype=torch.uint8)
    detector = Inception(random_weights, name="inception_random")
    features, probs = detector(images)
    theirs = create_feature_extractor(
        "inception-v3-compat",
        ["2048", "logits_unbiased"],
        feature_extractor_weights_path=str(random_weights),
        cuda=False,
        verbose=False,
    )
    expected, logits = theirs(images.repeat(1, 3 // shape[0], 1, 1))
    # float32 sums in the order of another memory layout.
    torch.testing.assert_close(features, expected.double(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(probs, logits.double().softmax(1), rtol=1e-4, atol=1e-9)
    assert (features.shape, probs.shape) == ((5, 2048), (5, 1008))
    assert features.dtype == probs.dtype == torch.float64
    assert features.std(0).mean() > 1e-3  # the images are told apart
    assert detector.digest == hashlib.sha256(random_weights.read_bytes()).hexdigest()[:16]
    assert not detector.own_classes
    parts = torch.cat([detector(part)[0] for part in images.split([2, 3])])
    torch.testing.assert_close(parts, features, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_random_weights_are_never_installed_as_inception(random_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="expected 6726825d for the published Inception weights"):
        WEIGHTS.install(random_weights)
    WEIGHTS.path.parent.mkdir(parents=True, exist_ok=True)
    WEIGHTS.path.write_bytes(random_weights.read_bytes())
    with pytest.raises(Unavailable, match="are damaged"):
        find_detector("inception", datasets.load("digits").spec)


@pytest.mark.network
def test_published_weights_can_be_fetched_and_see_images(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert WEIGHTS.fetch() == WEIGHTS.path
    detector = find_detector("inception", datasets.load("digits").spec)
    features, probs = detector(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    assert detector.digest.startswith("6726825d")
    assert features.shape == (2, 2048)
    torch.testing.assert_close(probs.sum(1), torch.ones(2).double())
