"""Which training settings does each family get (protocol rule 4)?

Eight settings per family, the same budget, validation data only, the mean over two depths. The
second setting is the batch size, of wgan the clip value: a choice for sweeps, not each family's best.
bench run --study settings_search --seeds 1                      digits, 64 runs, 5 minutes
bench run --study settings_search --seeds 1 --tier lab           MNIST, 64 runs, 20 minutes
"""

from bench.plan import Arm, Study, Tier

STUDY = Study(
    name="settings_search",
    question="Which training settings give each family its lowest validation distance?",
    arms=(
        Arm(
            name="vae",
            model="vae",
            factors={"model.lr": (1e-3, 2e-3, 4e-3, 8e-3), "train.batch_size": (32, 64)},
        ),
        Arm(
            name="gan",
            model="gan",
            factors={"model.lr": (5e-4, 1e-3, 2e-3, 4e-3), "train.batch_size": (32, 64)},
        ),
        Arm(
            name="wgan",
            model="wgan",
            settings={"model.n_critic": 2},
            factors={"model.lr": (5e-4, 1e-3, 2e-3, 4e-3), "model.clip_value": (0.02, 0.05)},
        ),
        Arm(
            name="wgan_gp",
            model="wgan:gradient_penalty",
            settings={"model.n_critic": 1},
            factors={"model.lr": (5e-4, 1e-3, 2e-3, 4e-3), "train.batch_size": (32, 64)},
        ),
    ),
    factors={"model.depth": (2, 4)},
    confirm=False,
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="about 5 minutes on two cores, reckoned from 36 runs",
            settings={
                "model.width": 16,
                "train.num_images": 12_000,
                "train.num_validations": 1,
            },
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "model.width": 16,
                "train.num_images": 12_000,
                "train.num_validations": 1,
                "eval.max_samples": 2_000,
                "eval.max_val_samples": 2_000,
            },
        ),
    },
)
