"""Inception's weights are fetched, checked and never replaced by others; its features are torch-fidelity's."""

import hashlib
import http.server
import sys
import threading
from functools import partial

import pytest
import torch

from bench import datasets
from bench.cli import main
from bench.contracts import NullLogger
from bench.detectors import DETECTORS, DetectorKind, Fixed, inception
from bench.detectors._find import find_detector
from bench.detectors.inception import (
    Inception,
    fetch_weights,
    import_weights,
    load_inception,
    weights_path,
)
from bench.errors import Unavailable, UsageError
from bench.models import configure
from bench.runtime import generator
from bench.torchvision_import import import_torchvision
from bench.training.parts import reference_data
from bench.training.run import Run

CONTENT = b"weights, as far as their digest goes"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def home(monkeypatch, tmp_path):
    """An empty data folder; ``CONTENT`` counts as the published weights."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BENCH_DATA", str(folder))
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setattr(inception, "SHA256_START", digest[:8])
    return folder


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder and the address under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_weights_are_torch_fidelitys():
    import_torchvision()
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    assert inception.WEIGHTS_URL == URL_INCEPTION_V3
    assert inception.WEIGHTS_URL.endswith(f"-{inception.SHA256_START}.pth")


def test_fetched_weights_are_installed_once(home, site):
    folder, url = site
    (folder / "weights.pth").write_bytes(CONTENT)
    path = fetch_weights(url + "weights.pth")
    assert path == weights_path()
    assert path.read_bytes() == CONTENT
    assert path.parent == home / "detectors"
    (folder / "weights.pth").unlink()
    assert fetch_weights(url + "weights.pth") == path  # intact, so nothing is asked for
    assert left_in(home) == [".inception.lock", path.name]


def test_damaged_weights_are_fetched_again(home, site):
    folder, url = site
    (folder / "weights.pth").write_bytes(CONTENT)
    fetch_weights(url + "weights.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(Unavailable, match="are damaged: run `bench detectors fetch inception`"):
        load_inception()
    assert fetch_weights(url + "weights.pth").read_bytes() == CONTENT


def test_download_of_other_weights_is_refused_and_leaves_nothing(home, tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(b"others")
    with pytest.raises(UsageError, match=r"the download has the SHA-256 .*, expected "):
        fetch_weights(other.as_uri())
    assert left_in(home) == [".inception.lock"]


def test_missing_network_is_one_sentence_with_the_remedy(home, site):
    _, url = site
    with pytest.raises(UsageError, match=r"failed \(File not found\): .*--inception-weights FILE"):
        fetch_weights(url + "nothing.pth")
    with pytest.raises(UsageError, match=r"failed \(.*refused\): run `bench detectors fetch"):
        fetch_weights("http://127.0.0.1:9/weights.pth")
    assert left_in(home) == [".inception.lock"]


def test_weights_in_a_file_are_installed_if_they_are_the_published_ones(home, tmp_path):
    file = tmp_path / "mine.pth"
    file.write_bytes(CONTENT)
    assert import_weights(file).read_bytes() == CONTENT
    file.write_bytes(b"others")
    assert import_weights(file).read_bytes() == CONTENT  # what is there is intact
    weights_path().unlink()
    with pytest.raises(UsageError, match="the only ones whose distance is called FID"):
        import_weights(file)
    with pytest.raises(UsageError, match="is no file: give the path of the Inception weights"):
        import_weights(tmp_path / "nowhere.pth")


def test_folder_that_cannot_be_written_is_told(home, tmp_path):
    file = tmp_path / "mine.pth"
    file.write_bytes(CONTENT)
    home.mkdir()
    (home / "detectors").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match=r"cannot be stored in .*: free space there or set"):
        import_weights(file)


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
        import_weights(random_weights)
    weights_path().parent.mkdir(parents=True, exist_ok=True)
    weights_path().write_bytes(random_weights.read_bytes())
    with pytest.raises(Unavailable, match="are damaged"):
        find_detector("inception", datasets.load("digits").spec)


@pytest.mark.network
def test_published_weights_can_be_fetched_and_see_images(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert fetch_weights() == weights_path()
    detector = find_detector("inception", datasets.load("digits").spec)
    features, probs = detector(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    assert detector.digest.startswith("6726825d")
    assert features.shape == (2, 2048)
    torch.testing.assert_close(probs.sum(1), torch.ones(2).double())
