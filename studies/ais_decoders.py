"""log p(x) of a VAE's and a GAN's decoder by annealing (Wu et al. 2017, table 2, MNIST).

bench run --study ais_decoders                                   9 runs on digits, 10 minutes
bench run --study ais_decoders --tier lab --seeds 1              MNIST, 100 images, an hour of one core
"""

from bench.plan import Arm, Claim, Planned, Published, Study, Tier

LOG_P = "ais_gaussian_best_sigma_c16_t1000"
PROTOCOL = "continuous MNIST, x = (k + u) / 256, 16 chains, 10,000 temperatures, one decoder each"


def nats(arm: str, value: float, spread: float, parzen: float) -> Published:
    """A row of their table 2, and what a Parzen window made of the same decoder."""
    return Published(
        source="Wu et al. 2017, arXiv 1611.04273, table 2",
        dataset="mnist",
        arm=arm,
        measure=LOG_P,
        value=value,
        spread=spread,
        within=spread,
        beside=(f"{LOG_P}_gap", "ais_sigma"),
        protocol=f"{PROTOCOL}; by Parzen window {parzen:g}",
        differs="100 test images, 1,000 temperatures; encoder, discriminator, rates and budget of ours; "
        "sigma chosen on validation, where the variance that they state for VAE-10 excludes their value",
    )


STUDY = Study(
    name="ais_decoders",
    question="Does a VAE's decoder give held-out images a higher density than a GAN's of one size?",
    arms=(
        Arm(name="vae_10", model="vae_mlp:wu2017"),
        Arm(name="gan_10", model="gan_mlp:wu2017"),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(Planned(a="vae_10", b="gan_10", measure=LOG_P, better="higher"),),
    claims=(
        Claim(
            reported="VAE-10 has 705.4 +- 7.4 nats, GAN-10 328.8 +- 5.5",
            protocol=PROTOCOL,
            measure=LOG_P,
            arms=("vae_10", "gan_10"),
            better="higher",
            winner="vae_10",
        ),
    ),
    published=(
        nats("vae_10", 705.4, 7.4, 409),
        nats("gan_10", 328.8, 5.5, 260),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="10 minutes of processor time",
            settings={
                "train.num_images": 24_000,
                "train.batch_size": 32,
                "train.num_validations": 4,
                "eval.measures": "ais",
                "eval.likelihood_images": 10,
            },
        ),
        "lab": Tier(
            dataset="mnist",
            takes="an hour of one core for one seed",
            settings={
                "train.num_images": 540_000,  # 10 epochs of 54,000
                "train.batch_size": 64,
                "train.num_validations": 4,
                "eval.measures": "ais",
                "eval.likelihood_images": 100,
            },
        ),
    },
    notes=(
        "Decoders of 10-64-256-256-1024-784 with tanh, as theirs; encoder and discriminator are "
        "their mirror images, and the rates are ours.",
        "The density is that of a Gaussian around what a decoder shows, with 16 chains, 1,000 "
        "temperatures and 10 leapfrog steps on the test images; beside it stands the gap of the "
        "bounds from both sides on 20 images that the model makes itself.",
        "sigma is each decoder's best one on validation. The authors state a variance of 0.03 for "
        "VAE-10, under which no density of 784 pixels exceeds 654.1 nats: their 705.4 was measured "
        "with another.",
    ),
)
