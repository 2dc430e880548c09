"""The classes along the main axes of latent space."""

from __future__ import annotations

from bench.evaluation.latents import posterior_means, principal_components
from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import picture
from bench.pictures._chart import scatter

NUM_CODES = 2_000


@picture("latent_pca")
def latent_pca(view: View) -> Picture:
    """Posterior means of 2,000 validation images by class, on their first two components."""
    view.encoder()
    _, labels = view.labelled("val", NUM_CODES)
    view.latent_dim(at_least=2)
    scores, share = principal_components(posterior_means(view, "val", NUM_CODES))
    points = scores[:, :2].cpu().numpy()
    x, y = (f"component {i + 1} ({100 * float(share[i]):.0f} % of variance)" for i in range(2))
    return scatter(points, labels.cpu().numpy(), axes=(x, y))
