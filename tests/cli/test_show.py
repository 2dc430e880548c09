"""What `bench show` says of a study, from its file alone."""

import pytest

from bench.cli.show import plan_text
from bench.plan.files import load_study, study_files


@pytest.mark.parametrize("name", sorted(study_files()))
def test_plan_of_every_study_says_all_that_its_file_says(name):
    study, text = load_study(name), plan_text(load_study(name))
    assert text.startswith(f"{name}: {study.question}\n")
    said = " ".join(text.split())
    for arm in study.arms:
        assert f"{arm.name} {arm.model}" in said
    for planned in study.planned:
        assert f"{planned.a} with {planned.b} by" in said
    for tier in study.tiers:
        assert f"tier {tier} on {study.tiers[tier].dataset}: " in said
    for note in study.notes:
        assert note in said
    assert all(baseline in said for baseline in study.baselines)


def test_plan_of_a_users_own_study_is_shown_the_same_way(mine):
    lines = plan_text(mine).splitlines()
    assert "  dcgan  gan:experiment_a" in lines
    assert "  vae    vae               model.latent_dim=8" in lines
    assert "  model.width  4, 8" in lines
    assert "  vae with dcgan  by spread  higher is better" in lines
    assert (
        "tier classroom on digits: 12 runs (4 cells, 3 seeds), 6 of chosen cells on fresh seeds and 1 baseline, a moment"
        in lines
    )


def test_plan_of_a_search_has_every_range(mine):
    text = " ".join(plan_text(load_study("family_comparison")).split())
    assert "model.clip_value 0.005 to 0.2, logarithmic" in text
    assert "12 trials and 4 finalists for each of 4 arms, then 40 runs (8 cells, 5 seeds)" in text
