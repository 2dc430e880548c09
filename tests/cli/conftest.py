"""A study of a user's own, for what is said of studies."""

import pytest

from bench.plan.files import load_study

MINE = '''
"""Mine."""
from bench.plan.study import Arm, Planned, Study, Tier

STUDY = Study(
    name="mine",
    question="Does width help?",
    arms=(
        Arm(name="vae", model="vae", settings={"model.latent_dim": 8}),
        Arm(name="dcgan", model="gan:experiment_a"),
    ),
    factors={"model.width": (4, 8)},
    baselines=("uniform_noise",),
    comparisons=(Planned(a="vae", b="dcgan", measure="spread", better="higher"),),
    tiers={
        "classroom": Tier(dataset="digits", settings={"train.num_images": 640}, takes="a moment"),
    },
    notes=("One note.",),
)
'''


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "mine.py").write_text(MINE)
    return load_study("mine")
