"""Which family learns most within one budget, each at its best settings?

bench run --study family_comparison                       36 trials and 18 runs on digits, minutes
bench run --study family_comparison --tier lab --set width=16 --set num_images=100000
"""

from bench.plan import Arm, Planned, Study, Tier
from bench.space import Choice, Int, LogUniform, Search, Space, Uniform

SHARED: Space = {
    "train.batch_size": Choice(values=(32, 64)),
    "model.depth": Int(low=2, high=4),
    "model.latent_dim": Choice(values=(8, 16, 32)),
}

STUDY = Study(
    name="family_comparison",
    question="Which of VAE, GAN and WGAN learns most within one budget, each at its best settings?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan"),
        Arm(name="wgan", model="wgan"),
    ),
    search=Search(
        spaces={
            "vae": {
                **SHARED,
                "model.lr": LogUniform(low=5e-4, high=1e-2),
                "model.kl_weight": LogUniform(low=0.1, high=2.0),
                "model.kl_warmup": Uniform(low=0.0, high=0.9),
            },
            "gan": {
                **SHARED,
                "model.lr": LogUniform(low=2e-4, high=4e-3),
                "model.beta1": Uniform(low=0.0, high=0.8),
                "model.n_critic": Int(low=1, high=3),
            },
            "wgan": {
                **SHARED,
                "model.lr": LogUniform(low=2e-4, high=4e-3),
                "model.clip_value": LogUniform(low=0.01, high=0.1),
                "model.n_critic": Int(low=1, high=3),
            },
        },
        trials=12,
        validations=4,
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="vae", b="gan"),
        Planned(a="vae", b="wgan"),
        Planned(a="gan", b="wgan"),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "model.width": 16,
                "train.num_images": 12_000,
                "train.num_validations": 4,
                "eval.floors": True,
            },
            seeds=5,
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "model.width": 32,
                "train.num_images": 1_000_000,
                "train.num_validations": 4,
                "eval.floors": True,
            },
            seeds=5,
            trials=24,
        ),
    },
)
