"""Small runs and a logger that keeps what they log."""

from bench.contracts import NullLogger
from bench.models import configure


class Recorder(NullLogger):
    """Keeps what a run logs."""

    def __init__(self):
        self.curves, self.named, self.drawn = {}, {}, []

    def tags(self, values):
        self.named |= values

    def metrics(self, values, step):
        for name, value in values.items():
            self.curves.setdefault(name, []).append((step, value))

    def picture(self, name, picture, step):
        self.drawn.append((name, step, picture.shape))


def small(model="vae", **values):
    size = {"num_images": 640, "width": 4, "likelihood_images": 20}
    defaults = {**size, "num_logs": 8, "num_validations": 4}
    if model in {"pixel_gaussian", "memoriser", "uniform_noise"}:
        defaults = {}
    return configure(model, {**defaults, **values})
