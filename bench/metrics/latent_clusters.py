"""How well classes, which no training loss has seen, lie apart in latent space (experiment B)."""

from __future__ import annotations

from bench.distances.neighbours import nearest_classes, silhouette
from bench.evaluation.latents import posterior_means
from bench.evaluation.view import View
from bench.metrics import NotApplicable, metric

NUM_CODES = 2_000
NUM_NEIGHBOURS = 5


@metric("latent_clusters")
def latent_clusters(view: View) -> dict[str, float]:
    """Class accuracy of five nearest neighbours among posterior means, and their silhouette.

    ``knn_accuracy``: held-out images by the classes of the nearest of 2,000 training images, in
    0 to 1. ``silhouette`` of up to 2,000 held-out images by class, in -1 to 1: above 0 where
    classes lie apart (Rousseeuw 1987, J. Comput. Appl. Math. 20, 53-65).
    """
    view.encoder()
    (_, classes), (_, held_classes) = (view.labelled(s, NUM_CODES) for s in ("train", view.split))
    view.latent_dim()
    if view.fns.conditional:
        raise NotApplicable("the encoder is told the class")
    codes, held = (
        posterior_means(view, split, NUM_CODES, "latent_clusters").double()
        for split in ("train", view.split)
    )
    predicted = nearest_classes(held, codes, classes, k=NUM_NEIGHBOURS)
    return {
        "knn_accuracy": float((predicted == held_classes).double().mean()),
        "silhouette": silhouette(held, held_classes),
    }
