"""A linear VAE against probabilistic PCA in closed form, which it is to reach (Lucas et al. 2019).

bench run --study ppca                                           9 runs on digits, a minute
"""

from bench.plan import Arm, Planned, Published, Study, Tier

LOG_P = "iwae_512_gaussian_linear"

STUDY = Study(
    name="ppca",
    question="Does a VAE without activations reach the likelihood of probabilistic PCA?",
    arms=(
        Arm(name="linear_vae", model="vae_linear"),
        Arm(name="closed_form", model="ppca"),
    ),
    baselines=("memoriser", "pixel_gaussian", "uniform_noise"),
    comparisons=(Planned(a="linear_vae", b="closed_form", measure=LOG_P, better="higher"),),
    published=(
        Published(
            source="Lucas et al. 2019, arXiv 1911.02469; Tipping and Bishop 1999",
            dataset="digits",
            arm="linear_vae",
            measure=LOG_P,
            against="closed_form",
            within=0.1,
            protocol="every stationary point of a linear VAE's ELBO is one of probabilistic PCA's "
            "likelihood, and its maximum is in closed form; digits, z of 8, one learned sigma",
        ),
    ),
    tiers={
        "classroom": Tier(
            dataset="digits",
            takes="1.5 minutes of processor time",
            settings={
                "train.num_images": 1_000_000,
                "train.batch_size": 500,
                "train.num_validations": 4,
                "eval.measures": "iwae_512",
            },
        ),
    },
    notes=(
        "Both are measured on the same dequantised test images, by the bound of 512 draws: of the "
        "closed form, whose posterior is exact, it is log p(x) itself.",
    ),
)
