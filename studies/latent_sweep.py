"""How does the size of z change VAE, GAN and WGAN on one budget (experiment E)?

bench run --study latent_sweep                                   51 runs on digits and 12 on fresh seeds
bench run --study latent_sweep --tier lab --set width=16 --set num_images=25000    MNIST on a CPU
"""

from bench.plan import Study, Tier, load_study

DEPTH_SWEEP = load_study("depth_sweep")
BUDGET = {"model.depth": 3, "train.num_validations": 4, "eval.floors": True}

STUDY = Study(
    name="latent_sweep",
    question="How does the size of z change what a VAE, a GAN and a WGAN learn within one budget?",
    arms=DEPTH_SWEEP.arms,
    factors={"model.latent_dim": (2, 8, 32, 100)},
    baselines=DEPTH_SWEEP.baselines,
    comparisons=DEPTH_SWEEP.comparisons,
    claims=DEPTH_SWEEP.claims,
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="about 8 minutes of processor time, reckoned from three arms",
            settings={**BUDGET, "model.width": 16, "train.num_images": 12_000},
            arms=DEPTH_SWEEP.tier("classroom").arms,
        ),
        "lab": Tier(
            dataset="mnist",
            settings={
                **BUDGET,
                "model.width": 32,
                "train.num_images": 1_000_000,
                "eval.also": "random",
            },
            arms=DEPTH_SWEEP.tier("lab").arms,
        ),
    },
    notes=(
        "Depth is 3 for every family. 100 is the size of z of experiment E.",
        "The training settings of each family are those of depth_sweep.",
    ),
)
