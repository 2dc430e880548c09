"""Fully connected GAN, convolutional GAN, VAE with a plane of latents (experiment A).

bench run --study linear_vs_conv                                 21 runs on digits, minutes
bench run --study linear_vs_conv --tier cpu                      MNIST, 100,000 images, narrow
bench run --study linear_vs_conv --tier lab                      MNIST, the published sizes
"""

from bench.plan import HALF, MATCHED, Arm, Claim, Planned, Study, Tier
from bench.records import Scalar

# 24,000 digits, and 100,000 images of MNIST, are too few for the authors' lr of 2e-4; their 64
# channels have 16 times the multiplications of 16.
FASTER: dict[str, dict[str, Scalar]] = {
    **{name: {"model.lr": 1e-3} for name in ("gan_linear", "gan_minimax", "gan_plane")},
    "dcgan": {"model.lr": 1e-3, "model.width": 16},
}
BY_EYE = "MNIST, one run each, samples of some epochs looked at"

STUDY = Study(
    name="linear_vs_conv",
    question="Does a convolutional GAN need fewer images than a fully connected one?",
    arms=(
        Arm(name="gan_linear", model="gan_mlp:experiment_a"),
        Arm(name="gan_minimax", model="gan_mlp:experiment_a", settings={"model.loss": "minimax"}),
        Arm(name="gan_plane", model="gan_mlp:experiment_a", settings={"model.latent_dim": 2}),
        Arm(name="dcgan", model="gan:experiment_a"),
        Arm(name="vae", model="vae_mlp:experiment_a"),
        Arm(name="vae_full_covariance", model="vae_mlp:experiment_a_full_covariance"),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="dcgan", b="gan_linear"),
        Planned(a="dcgan", b="vae"),
        Planned(a="gan_linear", b="gan_minimax"),
        Planned(a="vae_full_covariance", b="vae", measure="elbo_bernoulli_gray", better="higher"),
    ),
    claims=(
        Claim(
            reported=(
                "the DCGAN needs fewer epochs than the linear GAN (said; the pictures shown are of "
                "epoch 19 for the DCGAN and of epoch 10 for the linear GAN)"
            ),
            protocol=BY_EYE,
            measure=HALF,
            arms=("dcgan", "gan_linear"),
            winner="dcgan",
        ),
        Claim(
            reported="the same",
            protocol=BY_EYE,
            measure=MATCHED,
            arms=("dcgan", "gan_linear"),
        ),
        Claim(
            reported="a full-covariance posterior and its single-sample ELBO; no value",
            protocol="MNIST, loss curve",
            measure="elbo_bernoulli_gray",
            arms=("vae_full_covariance", "vae"),
            better="higher",
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="3.5 minutes of processor time, half of that on two cores",
            settings={
                "train.num_images": 24_000,
                "train.batch_size": 32,
                "train.num_validations": 8,
                "eval.floors": True,
            },
            arms=FASTER,
        ),
        "cpu": Tier(
            dataset="mnist",
            settings={
                "train.num_images": 100_000,
                "train.batch_size": 32,
                "train.num_validations": 10,
                "eval.floors": True,
            },
            arms=FASTER,
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "train.num_images": 1_080_000,  # 20 epochs of 54,000
                "train.num_validations": 20,
                "eval.floors": True,
                "eval.also": "random",
            },
        ),
    },
    notes=(
        "Sizes are the authors' (`bench show gan:experiment_a`), except that the tiers classroom and "
        "cpu have 16 channels in place of 64 and lr 1e-3 in place of 2e-4; nothing was searched.",
        "`gan_minimax` minimises log(1 - D(G(z))), the others maximise log D(G(z)).",
        "`--set n_critic=K` is their k, discriminator steps to one of the generator.",
        "With two latents, as the VAEs and `gan_plane` have, a decoder shows its whole plane: the "
        "latent grids below.",
    ),
)
