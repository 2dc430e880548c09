"""What a run needs, before it takes it."""

import re

import pytest
import torch
from training_runs import small

from bench.errors import UsageError
from bench.models import MODELS, configure
from bench.training import needs
from bench.training.needs import needs_of, require_possible
from bench.training.parts import build, reference_data
from bench.training.trainer import Trainer

REFERENCE = reference_data("digits", "auto", torch.device("cpu"))


def refused(*configs, jobs=1):
    with pytest.raises(UsageError) as refusal:
        require_possible(configs, REFERENCE, jobs)
    return str(refusal.value)


@pytest.mark.parametrize("model", ["vae", "gan", "wgan:gradient_penalty", "vae_mlp:iwae"])
def test_parameters_and_their_state_are_counted(model):
    config = configure(model, {"num_logs": 1, "num_validations": 1, "num_images": 512})
    trainer = Trainer(
        build(config, REFERENCE),
        REFERENCE.images("train"),
        REFERENCE.labels("train"),
        config.train,
    )
    list(trainer)
    state = trainer.state_dict()
    held = sum(t.nbytes for net in state["modules"].values() for t in net.values())
    held += sum(
        each.nbytes
        for optimizer in state["optimizers"].values()
        for moments in optimizer["state"].values()
        for each in moments.values()
    )
    gradients = sum(p.nbytes for net in trainer.evaluated.values() for p in net.parameters())
    assert held + gradients == pytest.approx(needs_of(config, REFERENCE).parameters, rel=0.1)


def test_a_batch_is_what_autograd_keeps_whether_tried_with_or_without_memory(monkeypatch):
    tried = {}
    for values in (0, 10**9):
        monkeypatch.setattr(needs, "FEW_VALUES", values)
        tried[values] = needs_of(configure("gan", {"batch_size": 50_000}), REFERENCE)
    assert tried[0] == tried[10**9]
    assert tried[0].batch > 2**30


@pytest.mark.parametrize("model", MODELS.names())
def test_every_model_is_estimated_and_its_defaults_are_possible(model):
    config = configure(model)
    found = needs_of(config, REFERENCE)
    assert found.evaluation > 0
    assert (found.batch > 0) == bool(build(config, REFERENCE).phases)
    require_possible([config], REFERENCE)


@pytest.mark.parametrize(
    ("model", "values", "parts"),
    [
        ("vae", {"batch_size": 900_000}, "GB of memory, .* batch_size"),
        (
            "gan_mlp",
            {"hidden": "99999-99999-99999"},
            r"would need [0-9]+ GB of memory, .* GB are there: lower hidden \('99999-99999-99999'\)",
        ),
        ("vae_mlp:iwae", {"num_importance": 5000, "batch_size": 20_000}, "num_importance \\(5000"),
        ("vae", {"num_images": 10**12, "batch_size": 2}, "more than 1.6 years: lower num_images"),
    ],
)
def test_what_no_machine_holds_is_one_sentence_with_its_remedy(model, values, parts):
    message = refused(configure(model, values))
    assert re.search(parts, message), message
    assert "\n" not in message


def test_several_runs_at_a_time_are_counted_together(monkeypatch):
    monkeypatch.setattr(needs, "memory_there", lambda _: 3 * 2**30)
    require_possible([small()], REFERENCE, jobs=2)
    assert refused(small(), jobs=20).endswith("lower --jobs (20)")


def test_only_what_no_other_run_holds_is_measured(monkeypatch):
    seen = []
    measured = needs.needs_of
    monkeypatch.setattr(needs, "needs_of", lambda c, r: (seen.append(c), measured(c, r))[1])
    require_possible(
        [small(width=4), small(width=8), small(width=8, seed=1), small("gan"), small(lr=0.1)],
        REFERENCE,
    )
    assert sorted((c.name, c.model.width) for c in seen) == [("gan", 4), ("vae", 8)]
