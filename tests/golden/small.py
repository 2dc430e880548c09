"""A study of twelve runs and two baselines, whose records lie here.

bench run --study small                                          14 runs on digits, a minute
"""

from bench.plan.study import Arm, Planned, Study, Tier

STUDY = Study(
    name="small",
    question="Does a second layer change what a VAE and a GAN learn within one small budget?",
    arms=(Arm(name="vae", model="vae"), Arm(name="gan", model="gan")),
    factors={"model.depth": (1, 2)},
    baselines=("memoriser", "pixel_gaussian"),
    comparisons=(Planned(a="vae", b="gan"),),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "model.width": 8,
                "model.lr": 2e-3,
                "train.batch_size": 32,
                "train.num_images": 8_000,
                "train.num_logs": 8,  # few points: the records are kept with the tests
                "train.num_validations": 4,
                "eval.floors": True,
            },
            takes="one minute",
        )
    },
    notes=("One run was made to fail, one to diverge and one to stop: see make_records.py.",),
)
