"""Configuration: strict keys, bounded values, one flat form."""

import pytest

from bench.config import describe, parse_assignments
from bench.errors import UsageError
from bench.models import MODELS, config_from_params, configure

OF_BEFORE = "d11fcb34862eaad3"
"""Digest of ``configure("vae")`` while every run was made in fp32 and with batch norm."""
OLD = {"stack_norm": "batch"}


def test_short_and_full_keys_mean_the_same():
    assert configure("vae", {"depth": "2"}) == configure("vae", {"model.depth": 2})


def test_later_layers_win_whatever_their_spelling():
    config = configure("vae", {"model.depth": 2, "width": 8}, {"depth": 3}, {"model.width": 4})
    assert (config.model.depth, config.model.width) == (3, 4)


def test_defaults_of_the_model_lie_below_its_preset_and_the_users_values():
    assert configure("vae").train.batch_size == 32
    assert configure("wgan:arjovsky2017").model.clip_value == 0.01
    assert configure("wgan:arjovsky2017", {"clip_value": 0.02}).model.clip_value == 0.02


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"depth": 7}, r"model\.depth must be in 1\.\.5, got 7"),
        ({"depth": "two"}, r"model\.depth must be a whole number in 1\.\.5, got 'two'"),
        ({"lr": 0}, r"model\.lr must be > 0 and <= 1e\+38, got 0"),
        ({"batch_size": "1e3"}, r"must be a whole number in 2\.\.1,000,000, got '1e3'"),
        ({"batch_size": "\u0666\u0664"}, "must be a whole number"),
        ({"batch_size": True}, "must be a whole number"),
        ({"lr": True}, "must be a number"),
        ({"lr": "nan"}, "must be a number > 0"),
        ({"lr": 10**400}, r"must be a number > 0 .* got 10{79}\.\.\. \(401 characters\)"),
        ({"dataset": "npz:\0"}, "data.dataset must be text of at most 4096 characters"),
        ({"detector": "\ud800"}, "eval.detector must be text"),
        ({"dept": 1}, "unknown key 'dept': did you mean 'depth'"),
        ({"num_validations": 3}, "num_validations must divide num_logs=40, got 3"),
    ],
)
def test_wrong_setting_is_told_in_a_sentence(values, sentence):
    with pytest.raises(UsageError, match=sentence):
        configure("vae", values)


def test_spellings_of_a_number_are_one_configuration():
    assert configure("vae", {"num_images": "24_000", "kl_weight": "-0"}).digest == (
        configure("vae", {"num_images": " 24000 ", "kl_weight": 0.0}).digest
    )


@pytest.mark.parametrize("model", MODELS.names())
def test_no_number_is_without_an_upper_bound(model):
    for key, default, _, _ in describe(MODELS.get(model).settings):
        if isinstance(default, int | float) and not isinstance(default, bool):
            with pytest.raises(
                UsageError, match=rf"{key} must be (in|>|>=) .*, got 1e?\+?[03]{{2}}"
            ):
                configure(model, {key: type(default)(10**300)})


def test_digest_depends_on_every_value_and_on_nothing_else():
    assert configure("vae").digest == configure("vae").digest
    changed = {"lr": 1e-4, "seed": 1, "num_images": 5, "dataset": "mnist", "floors": True}
    digests = {configure("vae", {key: value}).digest for key, value in changed.items()}
    assert len(digests | {configure("vae").digest, configure("gan").digest}) == len(changed) + 2


def test_fp32_has_the_digest_that_runs_had_before_precision_was_a_setting():
    plain = configure("vae", OLD)
    assert plain.digest == configure("vae", OLD | {"precision": "fp32"}).digest == OF_BEFORE
    assert "train.precision" not in plain.params()
    rounded = configure("vae", OLD | {"precision": "bf16"})
    assert (rounded.params()["train.precision"], rounded.digest != OF_BEFORE) == ("bf16", True)


def test_vae_that_was_recorded_before_its_norm_was_a_setting_has_batch_norm():
    recorded = configure("vae", OLD).params()
    assert "model.stack_norm" not in recorded
    assert config_from_params(recorded).model.stack_norm == "batch"
    assert configure("vae").params()["model.stack_norm"] == "layer"


def test_steps_cover_the_budget():
    assert configure("vae", {"num_images": 100, "batch_size": 32}).train.num_steps == 4


def test_assignments_are_text_pairs():
    assert parse_assignments(["a=1", "b = x=y "]) == {"a": "1", "b": "x=y"}
