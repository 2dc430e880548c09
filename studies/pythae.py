"""pythae's reproduction of a VAE on fixed binary MNIST, and the bound of more draws beside it.

bench run --study pythae                                         9 runs on digits, a minute
bench run --study pythae --tier lab                              MNIST, 100 epochs
"""

from bench.plan import Arm, Planned, Published, Study, Tier

LOG_P = "iwae_512_bernoulli_fixed"
SOURCE = "Chadebec et al. 2022 (pythae), arXiv 2206.08309, the model cards of its reproductions"

STUDY = Study(
    name="pythae",
    question="Does a VAE of one hidden layer reach pythae's likelihood on fixed binary MNIST?",
    arms=(
        Arm(name="vae", model="vae_mlp:pythae"),
        Arm(name="iwae_5", model="vae_mlp:pythae", settings={"model.num_importance": 5}),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(Planned(a="iwae_5", b="vae", measure=LOG_P, better="higher"),),
    published=(
        Published(
            source=SOURCE,
            dataset="mnist",
            arm="vae",
            measure=LOG_P,
            value=-89.78,
            within=1.0,
            images=5_000_000,
            protocol="Larochelle's fixed binary MNIST, z of 40, 200 draws on test; Rezende and Mohamed "
            "2015 have 89.9",
            differs="another fixed draw of each pixel, 512 draws, rates and batches of ours",
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="1 minute of processor time",
            settings={
                "train.num_images": 24_000,
                "train.num_validations": 4,
                "eval.measures": "iwae_512",
                "eval.likelihood_images": 200,
            },
        ),
        "lab": Tier(
            dataset="mnist",
            takes="10 minutes of one core for one seed of both",
            settings={
                "train.num_images": 2_700_000,  # 50 epochs of 54,000
                "train.num_validations": 10,
                "eval.measures": "iwae_512",
                "eval.likelihood_images": 10_000,
            },
        ),
    },
    notes=(
        "Training images are drawn once as well, so that more epochs overfit: the state that counts "
        "is the last one, as everywhere here.",
    ),
)
