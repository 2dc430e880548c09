"""Classes in latent space: neighbours and silhouette against scikit-learn, and limit cases."""

import pytest
import torch
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from bench.config import EvalSettings
from bench.distances.neighbours import nearest_classes, silhouette
from bench.evaluation.view import Generated
from bench.metrics._evaluate import view_of
from bench.metrics.latent_clusters import latent_clusters
from bench.models import configure
from bench.runtime import generator
from bench.training.parts import build, reference_data


def clouds(n, gap):
    """Three normal clouds whose centres lie ``gap`` apart, and which one each point is of."""
    rng = generator("clouds", n)
    classes = torch.arange(n) % 3
    points = torch.randn(n, 2, generator=rng, dtype=torch.float64)
    points[:, 0] += gap * classes
    return points, classes


@pytest.mark.parametrize("gap", [0.0, 1.0, 6.0])
def test_silhouette_and_neighbours_are_those_of_scikit_learn(gap):
    points, classes = clouds(401, gap)
    queries, _ = clouds(150, gap)
    assert silhouette(points, classes) == pytest.approx(silhouette_score(points, classes))
    theirs = KNeighborsClassifier(5).fit(points, classes).predict(queries)
    assert nearest_classes(queries, points, classes, k=5).tolist() == theirs.tolist()


def test_a_point_alone_in_its_class_counts_nothing():
    points = torch.tensor([[0.0], [1.0], [9.0]], dtype=torch.float64)
    classes = torch.tensor([0, 0, 5])
    assert silhouette(points, classes) == pytest.approx(silhouette_score(points, classes))


def view(**model):
    reference = reference_data("digits", "digits", torch.device("cpu"))
    trainable = build(configure("vae_mlp", {f"model.{k}": v for k, v in model.items()}), reference)
    for module in trainable.modules.values():
        module.eval()
    return view_of(
        Generated(reference, trainable.modules, trainable.eval_fns), "val", EvalSettings()
    )


@torch.no_grad()
def test_codes_that_are_noise_have_no_clusters_and_those_of_an_encoder_have():
    noise = view()
    noise.nets["encoder"].head.weight.zero_()  # every image has the same code
    values = latent_clusters(noise)
    assert values["knn_accuracy"] < 0.2
    assert values["silhouette"] <= 0
    # Even an untrained network keeps images of one digit closer together than chance.
    assert latent_clusters(view())["knn_accuracy"] > 0.5


def test_an_encoder_that_is_told_the_class_is_not_judged():
    with pytest.raises(Exception, match="told the class"):
        latent_clusters(view(conditional=True))
