"""The same run on a CUDA device; nothing here runs without one."""

import contextlib

import pytest
import torch
from references import REFERENCES, has_width

from bench.contracts import NullLogger
from bench.models import configure
from bench.pieces import in_pieces, is_out_of_memory, piece, within_memory
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


GIB = 2**30


@contextlib.contextmanager
def two_gib():
    """No more of the GPU's memory than that."""
    _, whole = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(2 * GIB / whole)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_lack_of_a_gpus_memory_is_met_with_smaller_pieces():
    def compute():
        return torch.empty(piece(500) * 8 * 2**20, dtype=torch.uint8, device="cuda").numel()

    with two_gib(), in_pieces(lambda: False) as pieces:
        assert within_memory(compute) == 125 * 8 * 2**20
        assert within_memory(compute) == 125 * 8 * 2**20  # the first one left nothing behind
    assert pieces.smaller == 4


def test_training_that_needs_more_than_a_gpu_has_is_out_of_memory(tmp_path):
    config = configure("vae", {"batch_size": 20_000, "num_images": 40_000, "width": 256})
    reference = reference_data("digits", "auto", torch.device("cuda"))
    run = Run(config=config, reference=reference, folder=tmp_path, logger=NullLogger())
    with two_gib(), pytest.raises(RuntimeError) as caught:
        run.execute()
    assert is_out_of_memory(caught.value)


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
