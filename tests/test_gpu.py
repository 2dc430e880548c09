"""The same run on a CUDA device; nothing here runs without one."""

import pytest
import torch
from references import REFERENCES, has_width

from bench.contracts import NullLogger
from bench.models import configure
from bench.runtime import prepare
from bench.training.parts import reference_data
from bench.training.run import Run

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("model", ["vae", "gan", "wgan", "cgan", "vae_gan"])
def test_run_on_a_gpu_learns_what_it_learns_on_a_cpu(model, tmp_path):
    values = {"num_images": 6_400, "width": 8, "num_validations": 2}
    reference = {
        name: reference_data("digits", "auto", torch.device(name)) for name in ("cpu", "cuda")
    }
    results = {
        name: Run(
            config=configure(model, values),
            reference=reference[name],
            folder=tmp_path / name,
            logger=NullLogger(),
        ).execute()
        for name in reference
    }
    assert results["cuda"].status == results["cpu"].status
    # Training noise differs between devices; seeds alone move the distance by less than half.
    assert results["cuda"].value == pytest.approx(results["cpu"].value, rel=0.5)


@pytest.mark.parametrize("model", ["vae", "gan", "wgan:gradient_penalty", "cgan"])
def test_deterministic_run_on_a_gpu_repeats_to_the_last_bit(model, tmp_path):
    prepare(deterministic=True)
    try:
        results = [
            Run(
                config=configure(model, {"num_images": 3_200, "width": 8, "num_validations": 2}),
                reference=reference_data("digits", "auto", torch.device("cuda")),
                folder=tmp_path / name,
                logger=NullLogger(),
            ).execute()
            for name in "ab"
        ]
    finally:
        prepare()
    one, other = (
        {k: v for k, v in result.metrics.items() if not k.endswith("_seconds")}
        for result in results
    )
    assert one == other


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_model_and_preset_runs_on_a_gpu(reference, tmp_path):
    values = {"num_images": 64, "batch_size": 32, "num_logs": 2, "num_validations": 1}
    run = Run(
        config=configure(reference, values, {"width": 4} if has_width(reference) else {}),
        reference=reference_data("digits", "auto", torch.device("cuda")),
        folder=tmp_path,
        logger=NullLogger(),
    )
    assert run.execute().status in {"ok", "collapsed"}
