"""Which latents carry the images' code: the KL of each, sorted."""

from __future__ import annotations

from bench.evaluation.latents import mean_kl_per_latent
from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import picture
from bench.pictures._chart import bars

NUM_IMAGES = 2_000


@picture("kl_per_latent")
def kl_per_latent(view: View) -> Picture:
    """KL of each latent in nats, mean over 2,000 validation images, the fullest first."""
    kl = mean_kl_per_latent(view, "val", NUM_IMAGES).sort(descending=True).values
    axes = f"{len(kl)} latents, the fullest first", f"KL in nats (sum {float(kl.sum()):.1f})"
    return bars(kl.cpu().numpy(), axes=axes)
