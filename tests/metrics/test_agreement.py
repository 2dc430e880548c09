"""The same images through the same detector give other libraries' values."""

import pytest
import torch

from bench import datasets
from bench.detectors._find import find_detector
from bench.distances.frechet import frechet_distance, moments
from bench.distances.kernel import mmd_squared
from bench.distances.pairs import K, Pairs, within
from bench.metrics.feature_measures import score
from bench.runtime import generator
from bench.torchvision_import import import_torchvision

import_torchvision()  # both libraries import it themselves

from torch_fidelity import calculate_metrics, feature_extractor_inceptionv3 as of_fidelity
from torch_fidelity.metric_fid import (
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

SUBSETS = 30


def dimmed(images, share):
    """Images of which a share is dimmed to two thirds: near the others, and not all within."""
    changed = images.clone()
    changed[: int(share * len(images))] = changed[: int(share * len(images))] // 3 * 2
    return changed


@pytest.fixture(scope="module")
def digits():
    """Features of 297 real digits, and of as many of which some are dimmed."""
    splits = datasets.load("digits")
    detector = find_detector("auto", splits.spec)
    real = detector(torch.from_numpy(splits.val.images))[0]
    return dimmed_features(detector, splits), real


def dimmed_features(detector, splits):
    return detector(dimmed(torch.from_numpy(splits.test.images[:297]), 0.3))[0]


class Given(torch.nn.Module):
    """A network that has been run already: its features stand in place of images."""

    def __init__(self, dim):
        super().__init__()
        self.num_features = dim

    def forward(self, features):
        return features.float()


def of_torchmetrics(measure, fake, real):
    measure.update(fake, real=False)
    measure.update(real, real=True)
    return measure.compute()


def torchmetrics_frechet(fake, real):
    return float(of_torchmetrics(FrechetInceptionDistance(Given(fake.shape[1])), fake, real))


def torchmetrics_kernel(fake, real, size):
    measure = KernelInceptionDistance(Given(fake.shape[1]), subsets=SUBSETS, subset_size=size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tuple(map(float, of_torchmetrics(measure, fake, real)))


def fidelity_frechet(fake, real):
    statistics = (fid_features_to_statistics(features) for features in (fake, real))
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def fidelity_kernel(fake, real, size):
    found = kid_features_to_metric(
        fake, real, kid_subsets=SUBSETS, kid_subset_size=size, rng_seed=0, verbose=False
    )
    return found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]


def overlap(fake, real):
    return Pairs(fake, real, within(fake), within(real)).overlap()


def fidelity_overlap(fake, real):
    found = prc_features_to_metric(fake, real, prc_neighborhood=K, verbose=False)
    return found["precision"], found["recall"]


def test_frechet_distance_is_that_of_torchmetrics_and_torch_fidelity(digits):
    fake, real = digits
    ours = frechet_distance(moments(fake), moments(real))
    # torchmetrics gives its result in float32; torch-fidelity takes roots of the eigenvalues of
    # a product that is not symmetric.
    assert ours == pytest.approx(torchmetrics_frechet(fake, real), rel=1e-5)
    assert ours == pytest.approx(fidelity_frechet(fake, real), rel=1e-8)


def test_kernel_distance_is_that_of_torchmetrics_and_torch_fidelity(digits):
    fake, real = digits
    ours = mmd_squared(fake, real).value
    whole = len(fake)
    assert ours == pytest.approx(fidelity_kernel(fake, real, whole)[0], rel=1e-10)
    assert ours == pytest.approx(torchmetrics_kernel(fake, real, whole)[0], rel=1e-4)  # float32
    for kernel in (fidelity_kernel, torchmetrics_kernel):
        mean, spread = kernel(fake, real, 100)
        assert spread > 0
        assert abs(ours - mean) < spread


def test_precision_and_recall_are_those_of_torch_fidelity(digits):
    found = overlap(*digits)
    # Its shares are means in float32.
    assert (found.precision, found.recall) == pytest.approx(fidelity_overlap(*digits), abs=1e-7)
    assert 0.5 < found.precision < 1
    assert 0.5 < found.recall < 1


@pytest.mark.parametrize("dim", [3, 40])
def test_precision_and_recall_of_any_sets_are_those_of_torch_fidelity(dim):
    fake, real = (
        torch.randn(n, dim, generator=generator("agreement", n), dtype=torch.float64)
        for n in (700, 600)
    )
    found = overlap(1.1 * fake + 0.2, real)
    expected = fidelity_overlap(1.1 * fake + 0.2, real)
    assert (found.precision, found.recall) == pytest.approx(expected, abs=1e-7)


class Images(torch.utils.data.Dataset):
    """uint8 ``[N, 3, H, W]`` as torch-fidelity takes them."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


@pytest.fixture
def inception_weights(tmp_path, monkeypatch):
    """A file of random weights that keep the size of what passes through them."""
    extractor = of_fidelity.FeatureExtractorInceptionV3
    with monkeypatch.context() as patch, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        patch.setattr(of_fidelity, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(extractor, "load_state_dict", lambda *_: None)
        net = extractor("random", ["2048"])
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    path = tmp_path / "random.pth"
    torch.save(net.state_dict(), path)
    return path


@pytest.mark.slow
def test_all_measures_in_inceptions_features_are_those_of_torch_fidelity(inception_weights):
    splits, n = datasets.load("digits"), 40
    real = torch.from_numpy(splits.val.images[:n]).expand(-1, 3, -1, -1).contiguous()
    fake = torch.from_numpy(splits.test.images[:n]).expand(-1, 3, -1, -1).contiguous()
    fake = dimmed(fake, 0.2)
    found = calculate_metrics(
        input1=Images(fake),
        input2=Images(real),
        cuda=False,
        batch_size=n,
        fid=True,
        kid=True,
        prc=True,
        isc=True,
        isc_splits=1,
        kid_subsets=SUBSETS,
        kid_subset_size=n // 2,
        prc_neighborhood=K,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(inception_weights),
        cache=False,
        save_cpu_ram=True,  # no worker processes
        verbose=False,
    )
    net = of_fidelity.FeatureExtractorInceptionV3(
        "same",
        ["2048", "logits_unbiased"],
        feature_extractor_weights_path=str(inception_weights),
    )
    (of_fake, logits), (of_real, _) = net(fake), net(real)
    ours = frechet_distance(moments(of_fake), moments(of_real))
    assert ours == pytest.approx(found["frechet_inception_distance"], rel=1e-4)
    assert ours == pytest.approx(torchmetrics_frechet(of_fake, of_real), rel=1e-5)
    of_fake, of_real = of_fake.double(), of_real.double()
    kernel = mmd_squared(of_fake, of_real).value
    for mean, spread in (
        (found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]),
        torchmetrics_kernel(of_fake, of_real, n // 2),
    ):
        assert abs(kernel - mean) < spread
    around = overlap(of_fake, of_real)
    expected = (found["precision"], found["recall"])
    assert (around.precision, around.recall) == pytest.approx(expected, abs=1e-7)
    assert 0 < around.precision < 1
    ours = score(logits.double().softmax(1))
    assert ours == pytest.approx(found["inception_score_mean"], rel=1e-6)
