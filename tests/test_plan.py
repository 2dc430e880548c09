"""What a study file may say."""

import pydantic
import pytest

from bench.plan import Arm, Planned, Study, Tier

ARMS = tuple(Arm(name=name, model=name) for name in ("vae", "gan", "wgan"))


def study(**more):
    return Study(
        name="made",
        question="Does it work?",
        arms=ARMS,
        tiers={"classroom": Tier(dataset="digits")},
        **more,
    )


def test_every_pair_is_compared_by_distance_where_nothing_is_declared():
    pairs = [(planned.a, planned.b, planned.measure) for planned in study().planned]
    assert pairs == [
        ("vae", "gan", "distance"),
        ("vae", "wgan", "distance"),
        ("gan", "wgan", "distance"),
    ]


def test_only_what_is_declared_is_compared():
    declared = (Planned(a="gan", b="vae", measure="class_accuracy", better="higher"),)
    assert study(comparisons=declared).planned == declared


@pytest.mark.parametrize("pair", [("gan", "gan"), ("gan", "vqvae")])
def test_a_comparison_is_of_two_arms(pair):
    with pytest.raises(pydantic.ValidationError, match="a comparison is of two arms"):
        study(comparisons=(Planned(a=pair[0], b=pair[1]),))
