"""Which of VAE, GAN and WGAN learns most within one budget, each at its best settings?

bench run --study family_comparison                       36 trials and 18 runs on digits, minutes
bench run --study family_comparison --tier lab --trials 12 --set width=16 --set num_images=25000
"""

from bench.plan import Choice, Int, LogUniform, Search, Space, Study, Tier, Uniform, load_study

DEPTH_SWEEP = load_study("depth_sweep")

# Six settings for each family, three of them the same. Each rate has a factor of 16 around what
# settings_search found; the others are what its own papers tune.
SHARED: Space = {
    "train.batch_size": Choice(values=(32, 64)),
    "model.depth": Int(low=2, high=4),
    "model.latent_dim": Choice(values=(8, 16, 32)),
}

STUDY = Study(
    name="family_comparison",
    question="Which of VAE, GAN and WGAN learns most within one budget, each at its best settings?",
    arms=DEPTH_SWEEP.arms,
    search=Search(
        spaces={
            "vae": {
                **SHARED,
                "model.lr": LogUniform(low=1e-3, high=1.6e-2),
                "model.kl_weight": LogUniform(low=0.1, high=2.0),
                "model.kl_warmup": Uniform(low=0.0, high=0.9),
            },
            "gan": {
                **SHARED,
                "model.lr": LogUniform(low=4e-4, high=6.4e-3),
                "model.beta1": Uniform(low=0.0, high=0.8),
                "model.n_critic": Int(low=1, high=3),
            },
            "wgan": {
                **SHARED,
                "model.lr": LogUniform(low=4e-4, high=6.4e-3),
                "model.clip_value": LogUniform(low=0.01, high=0.1),
                "model.n_critic": Int(low=1, high=3),
            },
        },
        trials=12,
        validations=4,
    ),
    baselines=DEPTH_SWEEP.baselines,
    comparisons=DEPTH_SWEEP.comparisons,
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings=DEPTH_SWEEP.tier("classroom").settings,
            seeds=5,
            takes="5 minutes of processor time, half of that on two cores",
        ),
        "lab": Tier(
            dataset="mnist",
            settings=DEPTH_SWEEP.tier("lab").settings,
            seeds=5,
            trials=24,
        ),
    },
    notes=(
        "Each family has the same number of trials and six searched settings: batch size, depth, "
        "latent size and learning rate (over a factor of 16), beside them for the VAE KL factor and "
        "warm-up, for the GAN momentum and steps of the discriminator per step of the generator, for "
        "the WGAN clipping and steps of the critic. Width, likelihood and losses are fixed.",
        "Trials have seed 0 and are chosen by their last validation distance; they never open the "
        "test split. The ten first of each family are random and whole, the others TPE's, which the "
        "median of the trials at the same validation may end early. The best one of each family is "
        "run again on fresh seeds, and those runs alone are compared.",
        "A search that is longer, or over other ranges, may find better settings of any family.",
    ),
)
