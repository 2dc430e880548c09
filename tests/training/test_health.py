"""When a run counts as collapsed (protocol rule 3), and what its health is judged by."""

import pytest

from bench.training.health import Diagnostics, collapse


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"classes": 4.9, "classes_real": 10.0}, "cover 4.9 classes, real images 10.0"),
        ({"spread": 0.9, "spread_real": 10.0}, "mean distance between samples is 9.0%"),
        ({"active_units": 0.0}, "no latent unit is active"),
    ],
)
def test_collapse_is_told_in_a_sentence(values, sentence):
    assert sentence in collapse(values)


def test_healthy_values_are_no_collapse():
    healthy = {
        "classes": 5.1,
        "classes_real": 10.0,
        "spread": 1.1,
        "spread_real": 10.0,
        "active_units": 1.0,
    }
    assert collapse(healthy) == ""
    assert collapse({}) == ""


def test_phases_come_in_the_order_of_the_roles_asked_for():
    run = Diagnostics(status="ok", roles={"e": "encoder", "d": "samples", "c": "critic"})
    assert run.phases("critic", "encoder") == ["c", "e"]
    assert run.phases("penalty") == []


def test_gradients_are_those_of_the_roles_over_the_logs_that_have_them():
    logs = [{"c_gradient_norm": 1.0, "d_gradient_norm": 2.0}, {"c_gradient_norm": 3.0}]
    run = Diagnostics(status="ok", roles={"c": "critic", "d": "samples"}, logs=logs)
    assert run.gradients("critic") == {"c": [1.0, 3.0]}
    assert run.gradients("samples", "critic", "penalty") == {"c": [1.0, 3.0], "d": [2.0]}
