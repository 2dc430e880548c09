"""How many latents hold the KL, and how much the fullest one holds."""

from __future__ import annotations

from bench.evaluation.latents import mean_kl_per_latent
from bench.evaluation.view import View
from bench.metrics import metric

SHARE = 0.9


@metric("kl_latents")
def kl_latents(view: View) -> dict[str, float]:
    """Latents that hold 90 % of the KL, the fullest first, and the nats of the fullest one.

    The fewest latents whose KL, mean over every held-out image, makes up nine tenths of the
    sum. Burda et al. 2016 (arXiv 1509.00519, section 5.1) count latents by another rule:
    ``active_units``.
    """
    split = view.split
    kl = mean_kl_per_latent(view, split, len(view.images(split))).sort(descending=True).values
    fuller = kl.cumsum(0) - kl  # nats of the latents before each
    needed = (fuller < SHARE * kl.sum()).sum()
    return {"kl_latents_90": float(needed), "kl_latent_max": float(kl[0])}
