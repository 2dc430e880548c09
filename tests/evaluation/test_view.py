"""What a view gives, and the reason where the model or the data set lacks it."""

import pytest
import torch

import bench.contracts
from bench import datasets
from bench.contracts import EvalFns
from bench.errors import NotApplicable
from bench.evaluation.reference import ReferenceData
from bench.evaluation.view import Generated, View, draw
from bench.metrics import METRICS
from bench.pieces import in_pieces
from bench.runtime import DeviceRng, generator
from bench.training.parts import reference_data


def bare_view(**options):
    """Digits seen through no detector, of a model that can only be sampled."""
    reference = ReferenceData(datasets.load("digits"), torch.device("cpu"), None)
    fns = EvalFns(
        latent=lambda nets, n, noise: noise.uniform(n, 1, 8, 8), decode=lambda nets, z, labels: z
    )
    return View(
        generated=Generated(reference, {}, fns),
        split="val",
        counts=(40,),
        max_samples=40,
        **options,
    )


ABSENT = {
    "encoder": "the model has no encoder",
    "inference": "the model has no likelihood",
    "latent_dim": "the model has no latent space",
    "num_classes": "the model is not conditional",
    "classifier": "no detector here knows the classes of 'digits'",
    "detector": "no detector for 'digits': make one with `bench detectors train digits`, or look "
    "through an untrained network with --set detector=random",
}


@pytest.mark.parametrize("name", ABSENT)
def test_view_says_why_it_cannot_give_a_thing(name):
    with pytest.raises(NotApplicable) as refusal:
        getattr(bare_view(), name)()
    assert str(refusal.value) == ABSENT[name]


def test_metrics_ask_for_all_they_need_before_they_draw_a_sample():
    """A metric that does not apply costs nothing; of several reasons the first is told."""
    view = bare_view(with_floors=True)
    view.generated.samples = None  # what draws one would fail by another error
    applied, reasons = evaluate_without_samples(view)
    assert not applied
    assert {name: reasons[name] for name in ("copying", "floors", "train_mode")} == dict.fromkeys(
        ("copying", "floors", "train_mode"), ABSENT["detector"]
    )
    assert reasons["class_accuracy"] == reasons["class_share"] == ABSENT["num_classes"]
    assert reasons["mmd_posterior"] == reasons["latent_clusters"] == ABSENT["encoder"]
    assert reasons["legible"] == ABSENT["classifier"]
    assert reasons["elbo"] == ABSENT["inference"]
    assert reasons["ais"] == ABSENT["latent_dim"]


def evaluate_without_samples(view):
    """Every metric but the one that needs samples alone."""
    asked = {name: kind for name, kind in METRICS.items() if name != "exact_copies"}
    applied, reasons = set(), {}
    for name, kind in asked.items():
        try:
            if kind.measure(view):
                applied.add(name)
        except NotApplicable as reason:
            reasons[name] = str(reason)
    return applied, reasons


def test_floors_that_are_not_wanted_have_neither_value_nor_reason():
    reference = reference_data("digits", "auto", torch.device("cpu"))
    view = View(
        generated=Generated(reference, {}, bare_view().fns),
        split="val",
        counts=(40,),
        max_samples=40,
    )
    assert METRICS.get("floors").measure(view) == {}


def test_plugins_find_the_view_at_its_old_place_with_a_warning():
    with pytest.warns(DeprecationWarning, match=r"bench\.evaluation\.view"):
        assert bench.contracts.View is View
    with pytest.raises(AttributeError, match="Nothing"):
        _ = bench.contracts.Nothing


def of_large_z(asked):
    """A model that shows its noise and, a level brighter each, its labels."""

    def latent(nets, n, noise):
        asked.append(n)
        return noise.uniform(n, 1, 2, 2)

    def decode(nets, z, labels):
        return z if labels is None else labels.view(-1, 1, 1, 1) / 255

    return EvalFns(latent=latent, decode=decode, latent_in_chunks=True)


def test_large_z_is_drawn_in_chunks_which_memory_that_is_short_does_not_change():
    asked, again = [], []
    whole = draw({}, of_large_z(asked), 1_100, DeviceRng(generator("z")))
    assert asked == [500, 500, 100]
    with in_pieces(lambda: False, smaller=4):
        pieces = draw({}, of_large_z(again), 1_100, DeviceRng(generator("z")))
    assert again == asked
    assert torch.equal(whole, pieces)
    assert len(whole.unique(dim=0)) > 1_000


def test_images_of_a_large_z_have_their_own_labels():
    labels = torch.arange(1_100) % 256
    images = draw({}, of_large_z([]), 1_100, DeviceRng(generator("z")), labels)
    assert torch.equal(images.flatten().long(), labels)
