"""Which GANs and VAEs cover all modes of a density that is known?

bench run --study mode_collapse                                  ring8, 27 runs, minutes
bench run --study mode_collapse --dataset grid25                 25 modes
bench run --study mode_collapse --tier lab                       ring8, 2,000,000 points a run
"""

from bench.plan import Arm, Planned, Study, Tier
from bench.records import Scalar

GANS: dict[str, dict[str, Scalar]] = {
    "gan": {},
    "gan_least_squares": {"model.loss": "least_squares"},
    "gan_hinge_spectral": {"model.loss": "hinge", "model.lipschitz": "spectral_norm"},
    "wgan": {"model.loss": "wasserstein", "model.lipschitz": "clip", "model.n_critic": 2},
    "wgan_gp": {
        "model.loss": "wasserstein",
        "model.lipschitz": "gradient_penalty",
        "model.gp_weight": 0.1,
        "model.n_critic": 2,
    },
    "pacgan2": {"model.pack": 2},
    "pacgan4": {"model.pack": 4},
}
VAES: dict[str, dict[str, Scalar]] = {
    "vae": {},
    "vae_flow": {"model.prior": "flow"},
}
NARROW: dict[str, Scalar] = {
    "model.width": 128,
    "model.units": 64,
    "model.lr": 1e-3,
    "model.beta1": 0.5,
}

STUDY = Study(
    name="mode_collapse",
    question="Which GANs and VAEs cover all modes of a density that is known?",
    arms=(
        *(Arm(name=name, model="gan_maxout", settings=values) for name, values in GANS.items()),
        *(
            Arm(
                name=name,
                model="vae_mlp",
                settings={
                    "model.hidden": "128-128",
                    "model.latent_dim": 2,
                    "model.likelihood": "gaussian_learned",
                    "model.sigma": 0.05,
                    **values,
                },
            )
            for name, values in VAES.items()
        ),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="gan", b="pacgan2"),
        Planned(a="gan", b="pacgan4"),
        Planned(a="gan", b="wgan"),
        Planned(a="gan", b="wgan_gp"),
        Planned(a="gan", b="vae"),
        Planned(a="vae", b="vae_flow"),
    ),
    tiers={
        "classroom": Tier(
            dataset="ring8",
            takes="6.5 minutes of processor time",
            settings={
                "train.num_images": 60_000,
                "train.batch_size": 100,
                "train.num_validations": 4,
                "eval.max_samples": 2_500,
                "eval.max_val_samples": 2_500,
            },
            arms=dict.fromkeys(GANS, NARROW),
        ),
        "lab": Tier(
            dataset="ring8",
            settings={
                "train.num_images": 2_000_000,
                "train.batch_size": 100,
                "train.num_validations": 20,
                "eval.max_samples": 2_500,
                "eval.max_val_samples": 2_500,
            },
            arms=dict.fromkeys(GANS, NARROW),
        ),
    },
    notes=(
        "Networks, rate and batch are the same for all GANs, whose players have a third of the "
        "widths of Lin et al. 2018; nothing was searched, so that no family is at its best.",
    ),
)
