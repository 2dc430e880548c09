"""CLIP's embeddings are those of torch-fidelity's network, of pictures shown as CMMD's authors do."""

import hashlib
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bench.detectors import clip
from bench.detectors._embedding import Embedding
from bench.errors import UsageError
from bench.runtime import generator
from bench.torchvision_import import import_torchvision

DIM = 32


class Archive(nn.Module):
    """What the publisher's file has of the whole model, as far as its readers ask."""

    def __init__(self, visual):
        super().__init__()
        self.visual = visual
        self.register_parameter("text_projection", nn.Parameter(torch.zeros(2, DIM)))

    def forward(self, images):
        return self.visual(images)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A file of weights drawn at random, a program of torch's own as the publisher's is."""
    import_torchvision()
    from torch_fidelity.feature_extractor_clip import VisionTransformer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = VisionTransformer(
            input_resolution=336, patch_size=14, width=64, layers=2, heads=1, output_dim=DIM
        )
    path = tmp_path_factory.mktemp("clip") / "random.pt"
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # torch has newer programs
        torch.jit.save(torch.jit.trace(Archive(net.eval()), torch.zeros(1, 3, 336, 336)), path)
    return path


@pytest.fixture(scope="module")
def detector(archive):
    return Embedding("clip_random", "0" * 16, DIM, clip.network(archive), clip.SIGHT)


def images_of(shape, n=3):
    return torch.randint(0, 256, (n, *shape), generator=generator("images"), dtype=torch.uint8)


def test_weights_are_torch_fidelitys():
    import_torchvision()
    from torch_fidelity.feature_extractor_clip import MODEL_METADATA, MODEL_URLS

    assert clip.WEIGHTS.url == MODEL_URLS["clip-vit-l-14-336px"]
    assert clip.WEIGHTS.sha256 == MODEL_METADATA["clip-vit-l-14-336px"]["hash"]


def test_features_are_torch_fidelitys_of_length_one(archive, detector):
    from torch_fidelity.utils import create_feature_extractor

    theirs = create_feature_extractor(
        "clip-vit-l-14-336px",
        ["clip"],
        feature_extractor_weights_path=str(archive),
        cuda=False,
        verbose=False,
    )
    images = images_of((3, 4, 4)).repeat_interleave(84, 2).repeat_interleave(84, 3)
    embedded = theirs(images)[0].double()  # which it does not resize, being 336 x 336
    expected = embedded / embedded.norm(dim=1, keepdim=True)
    features, probs = detector(images)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-5)
    assert (features.shape, features.dtype, probs) == ((3, DIM), torch.float64, None)
    assert features.std(0).mean() > 1e-3  # the pictures are told apart
    assert not detector.own_classes


def test_gray_pictures_have_three_equal_channels(detector):
    gray = images_of((1, 28, 20))
    features, _ = detector(gray)
    torch.testing.assert_close(detector(gray.expand(-1, 3, -1, -1))[0], features)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 21), (3, 340, 401)])
def test_pictures_are_shown_as_the_authors_of_cmmd_do(shape):
    images = images_of(shape, n=2)
    shown = clip.SIGHT(images).expand(-1, 3, -1, -1)
    height, width = shape[1:]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    for image, ours in zip(images, shown, strict=True):
        picture = Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).numpy())
        cut = picture.crop((left, top, left + side, top + side))
        levels = np.asarray(cut.resize((336, 336), Image.Resampling.BICUBIC)).astype(np.float32)
        mean = np.array([0.48145466, 0.4578275, 0.40821073])
        std = np.array([0.26862954, 0.26130258, 0.27577711])
        expected = torch.from_numpy((levels / 255 - mean) / std).permute(2, 0, 1)
        torch.testing.assert_close(ours.double(), expected, rtol=0, atol=1e-6)


def test_file_of_other_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"visual.proj": torch.zeros(2)}, path)
    with pytest.raises(UsageError, match="does not hold the weights of CLIP"):
        clip.network(path)
    torch.save({"run": hashlib.sha256}, path)  # a pickle that would call something
    with pytest.raises(
        UsageError, match=r"CLIP \(RuntimeError\): run `bench detectors fetch clip`"
    ):
        clip.network(path)
