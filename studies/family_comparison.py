"""Which of VAE, GAN and WGAN learns most within one budget, each at its best settings?

bench run --study family_comparison              48 trials, 48 finalists and 40 runs, minutes
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

# The best that is known on MNIST at width 16, which a search at 100,000 images has found or met again
# (reports/family_comparison_mnist): depth_sweep's settings, of the VAE at depth 4; of the WGAN a wider
# clipping at a lower rate, depth 5, one step of the critic for each of the generator.
LAB = DEPTH_SWEEP.tier("lab").arms
KNOWN = {
    **LAB,
    "vae": {**LAB["vae"], "model.depth": 4},
    "wgan": {
        "train.batch_size": 32,
        "model.depth": 5,
        "model.latent_dim": 32,
        "model.lr": 3.34e-4,
        "model.n_critic": 1,
        "model.clip_value": 0.0725,
    },
}

# What else was good, at 25,000 images: the VAE at depth 3 with the rate of the search of norms, what a
# search of twelve trials found for GAN and WGAN, a gradient penalty at twice the rate.
FORMER = {
    "vae": ({"model.depth": 3, "model.lr": 8e-3},),
    "gan": (
        {
            "train.batch_size": 64,
            "model.depth": 4,
            "model.latent_dim": 8,
            "model.lr": 3.96e-3,
            "model.beta1": 0.33,
        },
    ),
    "wgan": (
        {
            "train.batch_size": 32,
            "model.depth": 3,
            "model.latent_dim": 16,
            "model.lr": 5.9e-4,
            "model.n_critic": 2,
            "model.clip_value": 0.0233,
        },
    ),
    "wgan_gp": ({"model.lr": 2e-3},),
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
        startup=12,
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
            finalist_seeds=3,
            takes="17 minutes of processor time",
        ),
        "lab": Tier(
            dataset="mnist",
            settings=DEPTH_SWEEP.tier("lab").settings,
            arms=KNOWN,
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
        "chosen by their last validation distance and never open the test split. The first of "
        "each arm are what was known before, equally many: the best settings so far, what else was "
        "good, the model's defaults. The others are random and independent. The three best of each arm, and the best known "
        "settings, are trained on all images, with seed 0 (MNIST) or seeds 0 to 2 (digits). The one "
        "of the lowest validation distance is what the search found. It is run on fresh seeds, and "
        "beside it the best known settings; families are compared by what was found.",
        "A search that is longer, or over other ranges, may find better settings of any family.",
    ),
)
