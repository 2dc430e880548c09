"""Budgets of the studies of PacGAN (Lin et al. 2018, arXiv 1712.04086) count each sample of a pack."""

import pytest

from bench.plan import load_study
from bench.study.plan import resolve

# Steps and packs of a step, by the code that its authors published.
THEIRS = {"pacgan": (400 * 1_000, 100), "stacked": (500_000, 128), "stacked_table": (500_000, 128)}


@pytest.mark.parametrize("name", THEIRS)
def test_published_budget_is_of_all_samples_in_the_packs_of_their_steps(name):
    (steps, packs), study = THEIRS[name], load_study(name)
    runs = {
        run.cell.arm: run for run in resolve(study, tier="published", seeds=1, device="cpu").runs()
    }
    assert {each.arm for each in study.published} == {arm.name for arm in study.arms}
    for each in study.published:
        if each.arm == "gan_plane":  # after other authors, on as many points as the other arms
            continue
        config = runs[each.arm].config
        assert each.images == steps * packs * config.model.pack
        # Ours takes as many steps, on as many images as theirs has packs.
        assert config.train.num_steps == steps
        assert config.train.batch_size == packs
