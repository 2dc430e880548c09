"""Which GANs and VAEs cover all modes of a density that is known?

bench run --study mode_collapse                                  ring8, 36 runs, minutes
bench run --study mode_collapse --dataset grid25                 25 modes
bench run --study mode_collapse --tier lab                       ring8, 2,000,000 points a run
"""

from bench.plan import Arm, Planned, Study, Tier
from bench.records import Scalar

GANS: dict[str, dict[str, Scalar]] = {
    "gan": {},
    "gan_least_squares": {"model.loss": "least_squares"},
    "gan_hinge_spectral": {"model.loss": "hinge", "model.lipschitz": "spectral_norm"},
    "r3gan": {
        "model.loss": "relativistic",
        "model.lipschitz": "r1_r2",
        "model.gp_weight": 1e-3,
    },
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
VAE_GAN: dict[str, Scalar] = {
    "model.hidden": "128-128",
    "model.latent_dim": 2,
    "model.kl_weight": 0.01,
    "model.gamma": 1e-3,
}
NARROW: dict[str, Scalar] = {
    "model.width": 128,
    "model.units": 64,
    "model.lr": 1e-3,
    "model.beta1": 0.5,
}

STUDY = Study(
    name="mode_collapse",
    question="Which GANs and VAEs cover all modes of a density that is known, at settings that nobody searched?",
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
        Arm(name="vae_gan", model="vae_gan_mlp", settings=VAE_GAN),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="gan", b="pacgan2"),
        Planned(a="gan", b="pacgan4"),
        Planned(a="gan", b="r3gan"),
        Planned(a="gan", b="wgan"),
        Planned(a="gan", b="wgan_gp"),
        Planned(a="gan", b="vae"),
        Planned(a="vae", b="vae_flow"),
        Planned(a="vae", b="vae_gan"),
    ),
    tiers={
        "classroom": Tier(
            dataset="ring8",
            takes="3 minutes of processor time",
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
        "widths of Lin et al. 2018. Nothing was searched, so that no family is at its best; the weight "
        "of R1 and R2 is the best of four hand-made trials on ring8 (one seed, the classroom's budget, "
        "sliced Wasserstein distance on validation), the KL factor of the VAE-GAN and its gamma of six.",
    ),
)
