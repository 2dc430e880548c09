"""How does depth change VAE, GAN and WGAN on one budget (experiment E)?

bench run --study depth_sweep                                    63 runs on digits and 12 on fresh seeds
bench run --study depth_sweep --tier lab --set width=16 --set num_images=25000    MNIST on a CPU
"""

from bench.plan import Arm, Claim, Planned, Study, Tier

# Chosen by `bench run --study settings_search --seeds 1` (--tier lab for MNIST): six settings for
# each family (that study has eight by now), lowest mean validation distance over depths 2 and 4. It
# varies the rate of all, beside it the batch size of all but wgan, for that one the clip value: what
# each family can do at its strength is for family_comparison to say, which searches them all.
# digits, fd_digits_n297: vae 276 (6 settings: 276 to 520), gan 168 (168 to 239; 239 and 389 at rate
# 4e-3), wgan 228 (228 to 1120), wgan_gp 340 (340 to 1436; rates 1e-3 to 4e-3). The VAE's norm is of a
# search of its own, batch, layer or none at rates 1e-3 to 8e-3, seed 0, depth 3: batch norm 306 (rate
# 4e-3), layer norm 360 (2e-3), none 955 (2e-3, collapsed).
DIGITS = {
    "vae": {"model.lr": 4e-3, "model.stack_norm": "batch", "train.batch_size": 32},
    "gan": {"model.lr": 1e-3, "train.batch_size": 32},
    "wgan": {
        "model.lr": 5e-4,
        "model.clip_value": 0.05,
        "model.n_critic": 2,
        "train.batch_size": 64,
    },
    "wgan_gp": {"model.lr": 1e-3, "model.n_critic": 1, "train.batch_size": 32},
}
# MNIST, fd_mnist_n2000: vae 1148 (6 settings: 1148 to 1708), gan 683 (683 to 1734), wgan 1288
# (1288 to 1643); the best rate is the largest that was tried, for each of them. wgan_gp 939 (rate
# 1e-3, batch 32), 1142 (2e-3, 32); of the four other settings no mean was there yet. The VAE's norm
# is of the same search of norms as for digits, at 25,000 images: layer norm 678 (rate 8e-3; 829 at
# 4e-3), none 835 (4e-3), batch norm 1,089 (8e-3), of which the table stands in bench/models/vae.py.
# Layer norm at 8e-3 collapses at depth 5 (12,000 images, seed 0), and at depth 3 at 1.6e-2: a sweep of
# depth takes 4e-3.
MNIST = {
    "vae": {"model.lr": 4e-3, "model.stack_norm": "layer", "train.batch_size": 32},
    "gan": {"model.lr": 2e-3, "train.batch_size": 32},
    "wgan": {
        "model.lr": 2e-3,
        "model.clip_value": 0.02,
        "model.n_critic": 2,
        "train.batch_size": 64,
    },
    "wgan_gp": {"model.lr": 1e-3, "model.n_critic": 1, "train.batch_size": 32},
}

STUDY = Study(
    name="depth_sweep",
    question="How does depth change what a VAE, a GAN and a WGAN learn within one budget?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan"),
        Arm(name="wgan", model="wgan"),
        Arm(name="wgan_gp", model="wgan:gradient_penalty"),
    ),
    factors={"model.depth": (1, 2, 3, 4, 5)},
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(
        Planned(a="vae", b="gan"),
        Planned(a="vae", b="wgan"),
        Planned(a="gan", b="wgan"),
        Planned(a="vae", b="wgan_gp"),
        Planned(a="gan", b="wgan_gp"),
        Planned(a="wgan", b="wgan_gp"),
    ),
    claims=(
        Claim(
            reported="samples of VAE, GAN and WGAN; no number",
            protocol="MNIST, depth 5, z of 100, lr 3e-4, one run each, by eye",
            measure="distance",
            arms=("vae", "gan", "wgan"),
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="about 9 minutes of processor time, reckoned from three arms",
            settings={
                "model.width": 16,
                "train.num_images": 12_000,  # 60 runs in under seven minutes on two slow cores
                "train.num_validations": 4,
                "eval.floors": True,
            },
            arms=DIGITS,
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "model.width": 32,
                "train.num_images": 1_000_000,
                "train.num_validations": 4,
                "eval.floors": True,
                "eval.also": "random",
            },
            arms=MNIST,
        ),
    },
    notes=(
        "Depth counts the strided layers of encoder, decoder, generator and discriminator alike. "
        "Below a side of 4 pixels a layer keeps the size: it adds depth, not scale.",
        "The training settings of each family are the best of six by validation distance after "
        "12,000 images of the tier's data set, one seed, depths 2 and 4 (study settings_search); of "
        "wgan_gp on MNIST the better of the two that had run. The chosen rate of several families is "
        "the largest or the least that was tried: family_comparison searches further.",
    ),
)
