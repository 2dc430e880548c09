"""Small runs."""

from bench.models import configure


def small(model="vae", **values):
    size = {"num_images": 640, "width": 4, "likelihood_images": 20}
    defaults = {**size, "num_logs": 8, "num_validations": 4}
    if model in {"pixel_gaussian", "memoriser", "uniform_noise"}:
        defaults = {}
    return configure(model, {**defaults, **values})
