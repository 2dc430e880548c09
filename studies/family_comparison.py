"""Which of VAE, GAN and WGAN learns most within one budget, each at its best settings?

bench run --study family_comparison              48 trials, 16 finalists and 40 runs, minutes
bench run --study family_comparison --tier lab --set width=16 --set num_images=300000    hours
"""

from bench.plan import Choice, Int, LogUniform, Search, Space, Study, Tier, Uniform, load_study

DEPTH_SWEEP = load_study("depth_sweep")

# Six settings for each family, four of them the same: what is known lies inside each range, and
# ``ends`` says where a setting cannot go further.
SHARED: Space = {
    "train.batch_size": Choice(values=(16, 32, 64, 128)),
    "model.depth": Int(low=1, high=5, ends="both"),
    "model.latent_dim": Choice(values=(4, 8, 16, 32, 64, 128)),
}
STEPS: Space = {
    "model.lr": LogUniform(low=2e-4, high=1.6e-2),
    "model.n_critic": Int(low=1, high=5, ends="low"),
}

# What other settings were good for on MNIST, 25,000 images, width 16: the VAE's rate in the search of
# norms (fd_mnist_n2000 678; depth_sweep's, which depth 5 bears, 829), what a search of twelve trials
# found for GAN and WGAN (fd_mnist_n10000 533 and 778).
FORMER = {
    "vae": ({"model.lr": 8e-3},),
    "gan": (
        {
            "train.batch_size": 64,
            "model.depth": 4,
            "model.latent_dim": 8,
            "model.lr": 3.96e-3,
            "model.beta1": 0.33,
        },
    ),
    "wgan": ({"train.batch_size": 32, "model.lr": 5.9e-4, "model.clip_value": 0.0233},),
}

STUDY = Study(
    name="family_comparison",
    question="Which of VAE, GAN and WGAN learns most within one budget, each at its best settings?",
    arms=DEPTH_SWEEP.arms,
    search=Search(
        spaces={
            "vae": {
                **SHARED,
                "model.lr": LogUniform(low=5e-4, high=4e-2),
                "model.kl_weight": LogUniform(low=0.05, high=5.0),
                "model.kl_warmup": Uniform(low=0.0, high=0.9, ends="low"),
            },
            "gan": {**SHARED, **STEPS, "model.beta1": Uniform(low=0.0, high=0.9, ends="low")},
            "wgan": {**SHARED, **STEPS, "model.clip_value": LogUniform(low=0.005, high=0.2)},
            "wgan_gp": {**SHARED, **STEPS, "model.gp_weight": LogUniform(low=0.5, high=50.0)},
        },
        trials=12,
        startup=6,
        validations=4,
        known=True,
        finalists=3,
    ),
    baselines=DEPTH_SWEEP.baselines,
    comparisons=DEPTH_SWEEP.comparisons,
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings=DEPTH_SWEEP.tier("classroom").settings,
            arms=DEPTH_SWEEP.tier("classroom").arms,
            seeds=5,
            trial_share=0.5,
            takes="about 8 minutes of processor time, reckoned from one stage",
        ),
        "lab": Tier(
            dataset="mnist",
            settings=DEPTH_SWEEP.tier("lab").settings,
            arms=DEPTH_SWEEP.tier("lab").arms,
            known=FORMER,
            seeds=5,
            trial_share=0.2,
        ),
    },
    notes=(
        "Each arm has the same number of trials over six settings: learning rate (over a factor of "
        "80), batch size, depth and latent size, beside them for the VAE KL factor and warm-up, for "
        "the GAN momentum and steps of the discriminator per step of the generator, for the WGANs "
        "steps of the critic and clipping or the weight of the gradient penalty. Width, norms, "
        "likelihood and losses are fixed.",
        "The search goes in stages. The trials have seed 0 and see a part of the images; they are "
        "chosen by their last validation distance and never open the test split. The first of each "
        "arm are what was known before, equally many: the settings of depth_sweep, what else was "
        "found before, the model's defaults. Others are random, the rest TPE's, which the median of the trials at the same "
        "validation may end early. The three best of each arm, and the known settings of "
        "depth_sweep, are trained on all images with seed 0. The best of these is run on fresh "
        "seeds beside the known settings, and those runs alone are compared: of each arm the one "
        "with the lower mean validation distance.",
        "A search that is longer, or over other ranges, may find better settings of any family.",
    ),
)
