"""The same run on a CUDA device; nothing here runs without one."""

import pytest
import torch

from bench.models import configure
from bench.runner import Run, held_data
from bench.tracking import NullLogger

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("model", ["vae", "gan", "wgan"])
def test_run_on_a_gpu_learns_what_it_learns_on_a_cpu(model, tmp_path):
    values = {"num_images": 6_400, "width": 8, "num_validations": 2}
    held = {name: held_data("digits", "auto", torch.device(name)) for name in ("cpu", "cuda")}
    results = {
        name: Run(
            config=configure(model, values),
            held=held[name],
            folder=tmp_path / name,
            logger=NullLogger(),
        ).execute()
        for name in held
    }
    assert results["cuda"].status == results["cpu"].status
    # Training noise differs between devices; seeds alone move the distance by less than half.
    assert results["cuda"].value == pytest.approx(results["cpu"].value, rel=0.5)
