"""What a device has, and what a precision left to the machine comes to."""

import math
import re

import pytest
import torch
from training_runs import small

from bench.config import in_precision
from bench.errors import UsageError
from bench.models import configure
from bench.training import precision
from bench.training.needs import require_possible
from bench.training.parts import reference_data
from bench.training.precision import (
    Decision,
    bf16_unit,
    decide,
    decided,
    decided_for_one,
    precision_tags,
    require_precision,
    step_seconds,
)

CPU = torch.device("cpu")
AUTO = small(precision="auto")


def anything(config):
    """Refuses nothing."""


def test_processor_has_what_torch_says(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert bf16_unit(CPU) == ""
    there = {"avx512_bf16": True, "amx_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: there)
    assert bf16_unit(CPU) == "amx_bf16"
    assert precision_tags("bf16", CPU) == {"precision": "bf16", "bf16_unit": "amx_bf16"}
    assert precision_tags("fp32", CPU) == {"precision": "fp32"}


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("tf32", "train.precision=tf32 is of CUDA devices, and runs go to the cpu: take fp32"),
        (
            "bf16",
            "train.precision=bf16 is not in this cpu, .* imitate it: go on where it is, or take fp32",
        ),
    ],
)
def test_device_without_a_precision_refuses_it_in_a_sentence(monkeypatch, wanted, sentence):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(UsageError, match=sentence):
        require_precision(wanted, CPU)
    require_precision("fp32", CPU)
    with pytest.raises(UsageError, match=sentence):
        require_possible([small(precision=wanted)], reference_data("digits", "auto", CPU))


@pytest.mark.parametrize(
    ("bf16", "comes_to"), [(0.5, "bf16"), (0.97, "fp32"), (1.3, "fp32"), (math.inf, "fp32")]
)
def test_auto_is_bf16_where_a_step_gains(machine, bf16, comes_to):
    machine[0]["bf16"] = bf16
    found = decide([AUTO], CPU)
    assert found.precision == comes_to
    assert re.fullmatch(
        f"precision auto comes to {comes_to}, decided once: a step in bf16 .a unit. took .* in fp32",
        str(found),
    )


def test_auto_is_fp32_without_a_timing_where_there_is_no_bf16(machine, monkeypatch):
    monkeypatch.setattr(precision, "bf16_unit", lambda _: "")
    assert (decide([AUTO], CPU).precision, machine[1]) == ("fp32", [])


def test_auto_has_no_digest_and_a_named_precision_stays(machine):
    with pytest.raises(ValueError, match="decided when a run is planned"):
        AUTO.digest  # noqa: B018 - a property
    assert in_precision(AUTO, "fp32").digest == small().digest
    assert in_precision(small(precision="fp32"), "bf16") == small()


def test_decision_is_made_once_whatever_the_machine_says_later(machine, tmp_path):
    seconds, asked = machine
    first = decided_for_one(AUTO, tmp_path / "train", CPU, anything)
    seconds["bf16"] = 2.0
    other_seed = small(precision="auto", seed=7)
    assert decided_for_one(other_seed, tmp_path / "train", CPU, anything) == first
    assert (first.precision, len(asked)) == ("bf16", 1)
    lower = small(precision="auto", lr=1e-4)
    assert decided_for_one(lower, tmp_path / "train", CPU, anything) != first


def test_decision_whose_file_is_damaged_is_read_off_the_runs_begun_by_it(machine, tmp_path):
    seconds, asked = machine
    (
        tmp_path
        / in_precision(AUTO, decided_for_one(AUTO, tmp_path, CPU, anything).precision).digest
    ).mkdir()
    (file,) = tmp_path.glob("precision-*.json")
    file.write_text("{")
    seconds["bf16"] = 2.0
    assert decided_for_one(AUTO, tmp_path, CPU, anything) == Decision(
        precision="bf16", why="so it was begun"
    )
    assert len(asked) == 1
    assert (tmp_path / f"{file.name}.damaged").exists()


def test_what_cannot_run_is_refused_before_it_is_timed(machine, tmp_path):
    def refuse(config):
        raise UsageError(f"too large in {config.train.precision}")

    with pytest.raises(UsageError, match="too large in fp32"):
        decided_for_one(AUTO, tmp_path, CPU, refuse)
    assert machine[1] == []
    assert not list(tmp_path.glob("*.json"))


def test_a_model_without_training_leaves_fp32(monkeypatch):
    monkeypatch.setattr(precision, "bf16_unit", lambda _: "a unit")
    found = decide([configure("uniform_noise", {"precision": "auto"})], CPU)
    assert found == Decision(precision="fp32", why="nothing is trained")


def test_looking_keeps_nothing(tmp_path):
    found = Decision(precision="bf16", why="of a reason")
    assert decided(tmp_path / "a" / "b.json", "it", lambda: found, keep=False) == found
    assert not list(tmp_path.iterdir())


def test_steps_are_timed_in_both_and_a_model_that_diverges_gets_fp32(monkeypatch):
    monkeypatch.setattr(precision, "ROUNDS", 1)
    monkeypatch.setattr(precision, "SECONDS", 0.0)
    reference = reference_data("digits", "auto", CPU)
    found = step_seconds(small("wgan", precision="auto"), reference)
    assert 0 < found["bf16"] < math.inf > found["fp32"] > 0
    assert step_seconds(small("gan", lr=1e18), reference)["bf16"] == math.inf
