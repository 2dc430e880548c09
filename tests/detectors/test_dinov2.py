"""DINOv2's features are those of its publisher's code, of pictures shown as Stein et al. do."""

import hashlib

import pytest
import torch
from PIL import Image

from bench.detectors import dinov2
from bench.detectors._embedding import Embedding
from bench.errors import UsageError
from bench.runtime import generator
from bench.torchvision_import import import_torchvision

WIDTH, DEPTH = 128, 2


def random_state(names_and_shapes):
    """Weights in the publisher's form, uniform in -1/2 to 1/2: the same bits on every machine."""
    return {
        name: torch.rand(shape, generator=generator("dinov2", name)) - 0.5
        for name, shape in names_and_shapes
    }


def shapes():
    yield from {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + 37 * 37, WIDTH),
        "mask_token": (1, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 14, 14),
        "patch_embed.proj.bias": (WIDTH,),
    }.items()
    for norm in ("norm", *(f"blocks.{i}.norm{j}" for i in range(DEPTH) for j in (1, 2))):
        yield from ((f"{norm}.{each}", (WIDTH,)) for each in ("weight", "bias"))
    for block in (f"blocks.{i}" for i in range(DEPTH)):
        yield from ((f"{block}.ls{i}.gamma", (WIDTH,)) for i in (1, 2))
        for layer, outputs, inputs in (
            ("attn.qkv", 3 * WIDTH, WIDTH),
            ("attn.proj", WIDTH, WIDTH),
            ("mlp.fc1", 4 * WIDTH, WIDTH),
            ("mlp.fc2", WIDTH, 4 * WIDTH),
        ):
            yield f"{block}.{layer}.weight", (outputs, inputs)
            yield f"{block}.{layer}.bias", (outputs,)


def detector_of(state, path):
    torch.save(state, path)
    return Embedding("dinov2_random", "0" * 16, WIDTH, dinov2.network(path), dinov2.SIGHT)


def images_of(shape, n=3):
    return torch.randint(0, 256, (n, *shape), generator=generator("images"), dtype=torch.uint8)


def test_features_are_those_of_the_publishers_code(tmp_path):
    detector = detector_of(random_state(shapes()), tmp_path / "random.pth")
    images = images_of((3, 3, 5))
    features, probs = detector(images)
    # DinoVisionTransformer of github.com/facebookresearch/dinov2 at b8931f7 with these weights
    # (img_size 518, patch_size 14, two heads, init_values 1, block_chunks 0), on these pictures.
    theirs = [
        [0.548622, -0.172326, 0.231436, -0.484625],
        [0.380731, -0.075990, 0.376060, -0.435179],
        [0.450642, -0.172409, 0.281573, -0.482346],
    ]
    assert features[:, :4].tolist() == [pytest.approx(row, abs=1e-5) for row in theirs]
    assert (features.shape, features.dtype, probs) == ((3, WIDTH), torch.float64, None)
    assert not detector.own_classes
    gray = images[:, :1]
    torch.testing.assert_close(detector(gray)[0], detector(gray.expand(-1, 3, -1, -1))[0])


@pytest.mark.network
def test_features_are_those_of_torch_hub(tmp_path):
    net = torch.hub.load("facebookresearch/dinov2", "dinov2_vits14", pretrained=False)
    state = random_state((name, tensor.shape) for name, tensor in net.state_dict().items())
    net.load_state_dict(state)
    images = images_of((3, 3, 5))
    theirs = net.eval()(dinov2.SIGHT(images)).detach().double()
    # float32 sums of 12 layers.
    torch.testing.assert_close(
        detector_of(state, tmp_path / "random.pth")(images)[0], theirs, rtol=1e-4, atol=1e-5
    )


def test_positions_of_the_same_square_are_as_they_were_learned():
    learned = torch.rand(1, 1 + 16, 8, generator=generator("positions"))
    assert torch.equal(dinov2.positions(learned, 4), learned)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 20), (3, 300, 260)])
def test_pictures_are_shown_as_stein_et_al_do(shape):
    import_torchvision()
    from torchvision.transforms import Compose, InterpolationMode, Normalize, Resize, ToTensor

    # The transform of github.com/layer6ai-labs/dgm-eval for this network, as it is by default.
    theirs = Compose(
        [
            Resize((224, 224), InterpolationMode.BICUBIC),
            ToTensor(),
            Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    images = images_of(shape)
    coloured = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    expected = torch.stack([theirs(Image.fromarray(picture)) for picture in coloured])
    assert torch.equal(dinov2.SIGHT(images).expand_as(expected), expected)


def test_file_of_other_weights_is_refused(tmp_path):
    state = random_state(shapes())
    path = tmp_path / "weights.pth"
    for wrong in ({}, {"cls_token": state["cls_token"]}, state | {"extra": torch.zeros(1)}):
        torch.save(wrong, path)
        with pytest.raises(UsageError, match="does not hold the weights of DINOv2"):
            dinov2.network(path)
    torch.save({"run": hashlib.sha256}, path)  # a pickle that would call something
    with pytest.raises(UsageError, match=r"DINOv2 \(UnpicklingError\): run `bench detectors fetch"):
        dinov2.network(path)
