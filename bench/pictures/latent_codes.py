"""Where the classes lie in latent space."""

from __future__ import annotations

from torch import Tensor

from bench.evaluation.latents import most_active, posterior_means, principal_components
from bench.evaluation.view import View
from bench.images import Picture
from bench.pictures import picture
from bench.pictures._chart import scatter

NUM_CODES = 2_000


@picture("latent_codes")
def latent_codes(view: View) -> Picture:
    """Posterior means of 2,000 validation images by class, on the two most active latents.

    A plane of latents is shown as it is, the first to the right.
    """
    means, labels = _codes(view)
    dims = sorted(most_active(means, 2).tolist())
    points = means[:, dims].double()
    x, y = (f"z{dim + 1} (variance {v:.2g})" for dim, v in zip(dims, points.var(0), strict=True))
    return scatter(points.cpu().numpy(), labels.cpu().numpy(), axes=(x, y))


@picture("latent_pca")
def latent_pca(view: View) -> Picture:
    """Posterior means of 2,000 validation images by class, on their first two components."""
    means, labels = _codes(view)
    scores, share = principal_components(means)
    points = scores[:, :2].cpu().numpy()
    x, y = (f"component {i + 1} ({100 * float(share[i]):.0f} % of variance)" for i in range(2))
    return scatter(points, labels.cpu().numpy(), axes=(x, y))


def _codes(view: View) -> tuple[Tensor, Tensor]:
    """E[z|x] ``[n, D]`` and the classes ``[n]``."""
    view.encoder()
    _, labels = view.labelled("val", NUM_CODES)
    view.latent_dim(at_least=2)
    return posterior_means(view, "val", NUM_CODES), labels
