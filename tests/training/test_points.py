"""Every model on points of a plane: a whole run, or one sentence why not."""

import math
import re

import pytest
import torch
from references import VARIANTS, tiny

from bench.errors import UsageError
from bench.records import STATUSES
from bench.testing import Recorder
from bench.training.parts import build, reference_data
from bench.training.run import Run

CPU = torch.device("cpu")
REFUSED = re.compile(
    r"has convolutions, and an image of 1x2 values is no picture: take vae_mlp, gan_mlp|"
    r"has an output for each gray level, at most 256, and 'ring8' has 65,536: take realnvp|"
    r"is of coins, and 'ring8' has points of a plane: take likelihood=gaussian_learned|"
    r"latent_dim=8 leaves no pixel of 2 to sigma: take a smaller one"
)


def _refused(config, reference):
    try:
        build(config, reference)
    except UsageError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize("variant", VARIANTS)
def test_model_makes_points_or_is_refused_in_one_sentence(variant, tmp_path):
    reference = reference_data("ring8", "auto", CPU)
    config = tiny(variant)
    if refusal := _refused(config, reference):
        assert REFUSED.search(refusal)
        assert not variant.startswith(("gan_mlp", "vae_gan_mlp"))
        return
    log = Recorder()
    result = Run(config=config, reference=reference, folder=tmp_path, logger=log).execute()
    assert result.status in set(STATUSES) - {"failed", "diverged"}, result.reason
    assert result.primary == "sw_coordinates_n40"
    assert result.value == result.metrics["val/sw_coordinates_n40"]
    assert all(math.isfinite(value) for value in result.metrics.values())
    assert {name for name, _, _ in log.drawn} >= {"samples"}


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_detector_for_pictures_is_refused(name):
    with pytest.raises(UsageError, match=f"looks at pictures, and '{name}' has points of a plane"):
        reference_data(name, "random", CPU)
