"""The classes along the main axes of latent space."""

from __future__ import annotations

from bench.contracts import View
from bench.evaluation.latents import posterior_means, principal_components
from bench.images import Picture
from bench.pictures import picture
from bench.pictures._scatter import scatter

NUM_CODES = 2_000


@picture("latent_pca", needs=("encoder", "labels", "two_latents"))
def latent_pca(view: View) -> Picture:
    """Posterior means of 2,000 validation images by class, on their first two components."""
    labels = view.some("val", NUM_CODES)[1]
    assert labels is not None
    scores, share = principal_components(posterior_means(view, NUM_CODES))
    points = scores[:, :2].cpu().numpy()
    x, y = (f"component {i + 1} ({100 * float(share[i]):.0f} % of variance)" for i in range(2))
    return scatter(points, labels.cpu().numpy(), axes=(x, y))
