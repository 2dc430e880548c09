"""What does a VAE's KL factor trade: distance, rate, distortion, active units (experiment E)?

bench run --study kl_sweep                                       39 runs on digits, minutes
bench run --study kl_sweep --tier lab --set width=16 --set num_images=25000    MNIST on a CPU
"""

from bench.plan import Arm, Claim, Planned, Study, Tier, load_study

SETTINGS = {tier: load_study("depth_sweep").tier(tier).arms["vae"] for tier in ("classroom", "lab")}
BUDGET = {
    "model.depth": 3,
    "model.latent_dim": 16,
    "train.num_validations": 4,
    "eval.floors": True,
}

STUDY = Study(
    name="kl_sweep",
    question=(
        "How does the KL factor trade what a VAE keeps of an image against the quality of its "
        "samples, within one budget?"
    ),
    arms=(
        Arm(name="bernoulli", model="vae"),
        Arm(
            name="gaussian",
            model="vae",
            settings={"model.likelihood": "gaussian", "model.sigma": 0.354},
        ),
    ),
    factors={"model.kl_weight": (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)},
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(Planned(a="bernoulli", b="gaussian"),),
    claims=(
        Claim(
            reported="a larger KL factor costs similarity of the reconstructions; no number",
            protocol="MNIST, depth 5, z of 100, by eye",
            measure="reconstruction_error",
            arms=("bernoulli", "gaussian"),
            rises=True,
        ),
        Claim(
            reported="and gains in the samples; no number",
            protocol="the same",
            measure="distance",
            arms=("bernoulli", "gaussian"),
            falls=True,
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="5 minutes of processor time, half of that on two cores",
            settings={
                **BUDGET,
                "model.width": 16,
                "train.num_images": 12_000,
                "eval.likelihood_images": 100,  # 36 VAEs: a third of their time otherwise
            },
            arms=dict.fromkeys(("bernoulli", "gaussian"), SETTINGS["classroom"]),
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                **BUDGET,
                "model.width": 32,
                "train.num_images": 1_000_000,
                "eval.also": "random",
            },
            arms=dict.fromkeys(("bernoulli", "gaussian"), SETTINGS["lab"]),
        ),
    },
    notes=(
        "The ELBO is reported at KL factor 1 for every run, which is what training with factor 1 "
        "maximises: its column favours that factor by construction, and measures no samples.",
        "Under a Gaussian likelihood the factor and sigma^2 are one knob up to a constant: "
        "`elbo_best_sigma` gives each trained decoder its best sigma, fitted on validation "
        "(`best_sigma`), and compares the factors on equal terms.",
        "`gaussian` is experiment E's squared error of images in [-1, 1] (sigma 0.354); the "
        "warm-up of the KL takes the first half of the budget at every factor.",
    ),
)
