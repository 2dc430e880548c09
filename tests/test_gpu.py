"""The same run on a CUDA device; nothing here runs without one."""

import contextlib
import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from references import REFERENCES, has_width

from bench.contracts import NullLogger
from bench.models import configure
from bench.pieces import in_pieces, is_out_of_memory, piece, within_memory
from bench.runtime import prepare
from bench.testing import Recorder
from bench.training.capture import Steps
from bench.training.parts import build, reference_data
from bench.training.run import Run
from bench.training.together import SeedsTrainer, Together
from bench.training.trainer import Trainer

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


GRAPHS = {"vae": 1, "vae_mlp": 1, "gan": 1, "wgan": 2, "cgan": 1, "vae_gan": 1}
"""Of each model: one for each set of phases that are due together."""


def trained(model, *, captured, values=None, num_images=3_200):
    """A trainer on the GPU that has gone its way, and its logs."""
    settings = {"num_images": num_images, "batch_size": 32, "num_logs": 4, "num_validations": 1}
    config = configure(model, settings | (values or {}))
    data = reference_data("digits", "auto", torch.device("cuda"))
    trainer = Trainer(build(config, data), data.images("train"), data.labels("train"), config.train)
    if not captured:
        trainer.steps = Steps(None)
    return trainer, list(trainer)


@pytest.mark.parametrize("model", GRAPHS)
def test_steps_of_every_model_are_captured(model):
    trainer, _ = trained(model, captured=True)
    assert trainer.steps.facts() == {"cuda_graphs": str(GRAPHS[model])}


@pytest.mark.parametrize(
    ("model", "values"),
    [("vae", {"lr_stages": 3}), ("gan", {"average": 0.99}), ("wgan", {}), ("cgan", {})],
)
def test_captured_steps_train_as_steps_one_by_one(model, values):
    prepare(deterministic=True)
    try:
        (one, logs), (other, anew) = (
            trained(model, captured=captured, values=values) for captured in (True, False)
        )
    finally:
        prepare()
    assert one.steps.num_graphs
    # A library may choose another kernel while it is captured, and games amplify what that changes.
    for log, expected in zip(logs[:2], anew[:2], strict=True):
        assert log.scalars == pytest.approx(expected.scalars, rel=1e-2, abs=1e-3)
    assert torch.equal(one.state_dict()["rng"], other.state_dict()["rng"])


def test_step_that_asks_for_a_value_trains_without_graphs_and_says_why():
    config = configure("vae", {"num_images": 640, "num_logs": 4, "num_validations": 1})
    data = reference_data("digits", "auto", torch.device("cuda"))
    trainable = build(config, data)
    (phase,) = trainable.phases

    def asking(nets, step):
        loss, scalars = phase.loss(nets, step)
        return (loss if float(loss) > 0 else -loss), scalars

    trainable.phases[0] = dataclasses.replace(phase, loss=asking)
    trainer = Trainer(trainable, data.images("train"), data.labels("train"), config.train)
    assert len(list(trainer)) == 4
    assert trainer.steps.facts()["cuda_graphs"].startswith("none: ")
    assert trainer.state_dict()["rng"].numel()  # the generator draws on


def test_run_says_how_many_graphs_it_has_trained_by(tmp_path):
    told = Recorder()
    run = Run(
        config=configure("vae", {"num_images": 640, "num_validations": 1}),
        reference=reference_data("digits", "auto", torch.device("cuda")),
        folder=tmp_path,
        logger=told,
    )
    run.execute()
    assert told.named["cuda_graphs"] == "1"


@pytest.mark.parametrize("model", ["vae", "vae_mlp", "gan", "wgan", "cgan"])
def test_seeds_train_as_one_program_by_graphs_and_as_each_alone(model):
    data = reference_data("digits", "auto", torch.device("cuda"))

    def trainers():
        for seed in range(3):
            config = configure(model, {"num_images": 6_400, "batch_size": 32, "seed": seed})
            images, labels = data.images("train"), data.labels("train")
            yield Trainer(build(config, data), images, labels, config.train)

    alone, members = list(trainers()), list(trainers())
    program = SeedsTrainer(members)
    program.train_members_to(20)
    assert program.steps.num_graphs == GRAPHS[model]
    for one, member in zip(alone, members, strict=True):
        one.train_to(20)
        told, expected = member.since_log.take(), one.since_log.take()
        # Other kernels round otherwise, and RMSprop's first steps take the sign of what is all rounding.
        if model != "wgan":
            assert told == pytest.approx(expected, rel=0.05, abs=0.01)
        assert torch.equal(member.state_dict()["rng"], one.state_dict()["rng"])
        assert member.facts["batched_seeds"] == "3"


def test_model_that_cannot_be_batched_trains_seed_by_seed_on_a_gpu(tmp_path):
    data = reference_data("digits", "auto", torch.device("cuda"))
    together = Together(2)
    values = {"num_images": 320, "num_logs": 4, "num_validations": 1}

    def run(seed):
        config = configure("gan:miyato2018", {**values, "seed": seed})
        images, labels = data.images("train"), data.labels("train")
        with together.joined():
            trainer = Trainer(
                build(config, data), images, labels, config.train, advance=together.advance
            )
            return len(list(trainer))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == [4, 4]
    assert together.failure.startswith("NotBatchable: ")


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


@pytest.mark.parametrize(
    ("model", "values"), [("gan_mlp", {}), ("vae_mlp", {"likelihood": "gaussian_learned"})]
)
def test_run_on_points_of_sixteen_bits_trains_on_a_gpu(model, values, tmp_path):
    """Their batches are uint16, which not every operation of a GPU takes."""
    values = {"num_images": 3_200, "batch_size": 32, "num_logs": 4, "num_validations": 2} | values
    reference = reference_data("ring8", "auto", torch.device("cuda"))
    assert reference.images("train").dtype == torch.uint16
    result = Run(
        config=configure(model, values),
        reference=reference,
        folder=tmp_path,
        logger=NullLogger(),
    ).execute()
    assert result.status in {"ok", "collapsed"}
    assert any(name.startswith("test/sw_coordinates_n") for name in result.metrics)
    assert all(math.isfinite(value) for value in result.metrics.values())
