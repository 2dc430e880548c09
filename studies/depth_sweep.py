"""How does depth change VAE, GAN and WGAN on one budget (experiment E)?

bench run --study depth_sweep                                    45 runs on digits, minutes
bench run --study depth_sweep --tier lab --dataset mnist --set width=16 --set num_images=100000
"""

from bench.plan import Arm, Study, Tier

# Chosen by `bench run --study settings_search --seeds 1`: six settings for each family, 24,000
# images of digits a run, lowest mean validation distance fd_digits_n297 over depths 2 and 4, with
# 0.1.0, where a VAE's decoder started otherwise than now:
# vae 216 (6 settings: 216 to 335), gan 103 (103 to 136), wgan 151 (151 to 741).
SEARCHED = {
    "vae": {"model.lr": 4e-3, "train.batch_size": 32},
    "gan": {"model.lr": 1e-3, "train.batch_size": 32},
    "wgan": {
        "model.lr": 1e-3,
        "model.clip_value": 0.05,
        "model.n_critic": 2,
        "train.batch_size": 64,
    },
}

STUDY = Study(
    name="depth_sweep",
    question="How does depth change what a VAE, a GAN and a WGAN learn within one budget?",
    arms=(
        Arm(name="vae", model="vae"),
        Arm(name="gan", model="gan"),
        Arm(name="wgan", model="wgan"),
    ),
    factors={"model.depth": (1, 2, 3, 4, 5)},
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    tiers={
        "classroom": Tier(
            dataset="digits",
            settings={
                "model.width": 16,
                "train.num_images": 12_000,  # 45 runs in under five minutes on two slow cores
                "train.num_validations": 4,
                "eval.floors": True,
            },
            arms=SEARCHED,
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                "model.width": 32,
                "train.num_images": 1_000_000,
                "train.num_validations": 4,
                "eval.floors": True,
            },
            arms=SEARCHED,
        ),
    },
    notes=(
        "Depth counts the strided layers of encoder, decoder, generator and discriminator alike. "
        "Below a side of 4 pixels a layer keeps the size: it adds depth, not scale.",
        "The training settings of each family are the best of six by validation distance after "
        "24,000 images of digits (study settings_search); the lab tier takes them over without a "
        "search of its own.",
    ),
)
