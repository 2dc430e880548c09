"""Configuration: strict keys, bounded values, one flat form."""

import pytest

from bench.config import parse_assignments
from bench.errors import UsageError
from bench.models import configure


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
        ({"depth": "two"}, r"model\.depth must be in 1\.\.5, got 'two'"),
        ({"lr": 0}, r"model\.lr must be > 0, got 0"),
        ({"dept": 1}, "unknown key 'dept': did you mean 'depth'"),
        ({"num_validations": 3}, "num_validations must divide num_logs=40, got 3"),
    ],
)
def test_wrong_setting_is_told_in_a_sentence(values, sentence):
    with pytest.raises(UsageError, match=sentence):
        configure("vae", values)


def test_digest_depends_on_every_value_and_on_nothing_else():
    assert configure("vae").digest == configure("vae").digest
    changed = {"lr": 1e-4, "seed": 1, "num_images": 5, "dataset": "mnist", "floors": True}
    digests = {configure("vae", {key: value}).digest for key, value in changed.items()}
    assert len(digests | {configure("vae").digest, configure("gan").digest}) == len(changed) + 2


def test_steps_cover_the_budget():
    assert configure("vae", {"num_images": 100, "batch_size": 32}).train.num_steps == 4


def test_assignments_are_text_pairs():
    assert parse_assignments(["a=1", "b = x=y "]) == {"a": "1", "b": "x=y"}
