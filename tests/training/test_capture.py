"""Steps captured once and done again from what is at the same place; a tape stands in for a GPU."""

import contextlib

import pytest
import torch
from references import TRAINED, has_width, split
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from bench.config import TrainSettings
from bench.testing import made_images, made_model
from bench.training.capture import WARM_UP, CaptureFailed, CudaGraphs, Steps, steps_on
from bench.training.trainer import Trainer

IMAGES = made_images(64)
LABELS = torch.arange(64) % 10


class Tape(TorchDispatchMode):
    """Does again what it has seen on the CPU, with the same tensors and constants, as a graph would.

    Unlike a graph it does the step that it records.
    """

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    @torch.no_grad()
    def play(self):
        for func, args, kwargs, out in self.calls:
            news = tree_flatten(func(*args, **kwargs))[0]
            for old, new in zip(tree_flatten(out)[0], news, strict=True):
                if isinstance(old, torch.Tensor) and old is not new:
                    old.copy_(new)


class Tapes:
    """Records steps on tapes; a recording takes back what its step did, as a graph's does nothing."""

    def __init__(self, trainer):
        self.trainer, self.replays = trainer, 0

    def warm(self, compute):
        return compute()

    def record(self, compute):
        rng = self.trainer._rng.get_state()
        tensors = changing(self.trainer)
        before = [t.detach().clone() for t in tensors]
        with Tape() as tape:
            told = compute()
        with torch.no_grad():
            for tensor, old in zip(tensors, before, strict=True):
                tensor.copy_(old)
        self.trainer._rng.set_state(rng)

        def replay():
            self.replays += 1
            tape.play()
            return told

        return replay


def changing(trainer):
    """Every tensor that a step changes and that the next one reads."""
    state = trainer.state_dict()
    kept = [state[key] for key in ("modules", "averages", "optimizers", "first_bad")]
    return [t for t in tree_flatten(kept)[0] if isinstance(t, torch.Tensor)]


def trained(model, taped, num_images=160):
    settings = TrainSettings(num_images=num_images, batch_size=8, num_logs=4, num_validations=1)
    trainer = Trainer(model, IMAGES, LABELS, settings)
    recorder = Tapes(trainer) if taped else None
    trainer.steps = Steps(recorder)
    return trainer, recorder


@pytest.mark.parametrize(
    ("reference", "values"),
    [
        ("vae", {"width": "2", "lr_stages": "3", "kl_warmup": "0.5"}),
        (
            "gan",
            {"width": "2", "average": "0.9", "norm": "none", "r1_weight": "1", "r1_every": "3"},
        ),
        pytest.param("wgan", {"width": "2"}, marks=pytest.mark.slow),
        pytest.param("cgan", {"width": "2"}, marks=pytest.mark.slow),
    ],
)
def test_steps_done_again_from_a_recording_have_the_bits_of_steps_done_anew(reference, values):
    (plain, _), (taped, recorder) = (
        trained(made_model(reference, values), on) for on in (False, True)
    )
    assert list(plain) == list(taped)
    assert recorder.replays > 0.5 * taped.steps_done
    assert not taped.steps.failure
    for kind, expected in plain.state_dict().items():
        torch.testing.assert_close(taped.state_dict()[kind], expected, rtol=0, atol=0)


ASKING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default")
"""Operations for which a GPU is waited for, or whose result has a size that nobody knows before."""


@pytest.mark.parametrize(
    "variant", [v if v == "vae" else pytest.param(v, marks=pytest.mark.slow) for v in TRAINED]
)
def test_no_step_asks_a_tensor_for_its_value(variant):
    reference, values = split(variant)
    small = {"width": "2"} if has_width(reference) else {}
    trainer, _ = trained(made_model(reference, small | values), taped=False)
    trainer.train_to(1)  # what is made once may wait
    for steps_done in range(1, 6):
        with Tape() as tape:
            trainer.train_to(steps_done + 1)
        names = [str(func) for func, *_ in tape.calls]
        asked = [name for name in names if any(word in name for word in ASKING)]
        # one_hot asks for the least and the largest label, on a CPU alone.
        ranges = names.count("aten.aminmax.default")
        assert asked == ["aten._local_scalar_dense.default"] * 2 * ranges


class Stub:
    """Counts what it is asked for; its graphs are the steps themselves."""

    def __init__(self, fails=""):
        self.fails, self.warmed, self.recorded = fails, 0, 0

    def warm(self, compute):
        self.warmed += 1
        return compute()

    def record(self, compute):
        if self.fails:
            raise CaptureFailed(self.fails)
        self.recorded += 1
        return compute


def test_each_key_is_captured_once_it_is_warm():
    stub = Stub()
    steps = Steps(stub)
    done = [steps.do(key, lambda key=key: key) for key in "abababababaaaa"]
    assert "".join(done) == "abababababaaaa"
    assert (stub.warmed, stub.recorded) == (2 * WARM_UP, 2)
    assert steps.facts() == {"cuda_graphs": "2"}


def test_step_that_cannot_be_captured_is_done_and_none_is_tried_again():
    stub = Stub(fails="it waits for the device")
    steps = Steps(stub)
    assert [steps.do("key", lambda: "done") for _ in range(WARM_UP + 3)] == ["done"] * (WARM_UP + 3)
    assert stub.warmed == WARM_UP
    assert not steps.captures
    assert steps.facts() == {"cuda_graphs": "none: it waits for the device"}


def test_state_from_elsewhere_is_captured_anew():
    stub = Stub()
    steps = Steps(stub)
    for _ in range(WARM_UP + 1):
        steps.do("key", lambda: None)
    steps.forget()
    steps.do("key", lambda: None)
    assert (stub.warmed, stub.recorded, steps.num_graphs) == (WARM_UP + 1, 1, 0)


def test_nothing_is_captured_on_a_cpu():
    trainer, _ = trained(made_model("vae_mlp", {"hidden": "8"}), taped=False, num_images=64)
    list(trainer)
    assert trainer.steps.facts() == {}


class Cuda:
    """What of ``torch.cuda`` capturing calls; says what was called in which order."""

    def __init__(self):
        self.said = []
        self.default_generators = [Rng("default", self.said)]
        self.ends_well = True

    def Stream(self):  # noqa: N802 - torch's name
        return self

    def CUDAGraph(self):  # noqa: N802 - torch's name
        return self

    def graph_pool_handle(self):
        return (0, 7)

    def current_device(self):
        return 0

    def current_stream(self):
        return self

    def wait_stream(self, other):
        assert other is self

    def register_generator_state(self, rng):
        self.said.append(f"register {rng.name}")

    def replay(self):
        self.said.append("replay")

    @contextlib.contextmanager
    def stream(self, stream):
        yield

    @contextlib.contextmanager
    def graph(self, graph, pool, stream, *, capture_error_mode):
        assert (pool, capture_error_mode) == ((0, 7), "thread_local")
        try:
            yield
        finally:
            if not self.ends_well:
                raise RuntimeError("operation failed due to a previous error during capture")


class Rng:
    """A generator of a GPU."""

    device = "cpu"

    def __init__(self, name, said):
        self.name, self._said = name, said

    def get_state(self):
        return torch.Generator().get_state()

    def graphsafe_set_state(self, fresh):
        self._said.append(f"renew {self.name}")


@pytest.fixture
def cuda(monkeypatch):
    fake = Cuda()
    monkeypatch.setattr(torch, "cuda", fake)
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        monkeypatch.setattr(
            torch._C, name, lambda device, pool, name=name: fake.said.append(name), raising=False
        )
    return fake


def test_graph_gives_the_same_tensors_each_time_and_draws_from_the_generators(cuda):
    told = object()
    graphs = CudaGraphs([Rng("mine", cuda.said)])
    assert graphs.warm(lambda: told) is told
    replay = graphs.record(lambda: told)
    assert [replay(), replay()] == [told, told]
    assert cuda.said == ["register mine", "replay", "replay"]


@pytest.mark.usefixtures("cuda")
def test_graphs_can_be_switched_off(monkeypatch):
    device = torch.device("cuda")
    assert steps_on(device, []).captures
    monkeypatch.setenv("BENCH_CUDA_GRAPHS", "off")
    steps = steps_on(device, [])
    assert not steps.captures
    assert steps.facts() == {"cuda_graphs": "none: BENCH_CUDA_GRAPHS=off"}


def test_capture_that_fails_says_what_went_wrong_first_and_leaves_nothing_half_way(cuda):
    def asks():
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    cuda.ends_well = False
    with pytest.raises(CaptureFailed) as failed:
        CudaGraphs([Rng("mine", cuda.said)]).record(asks)
    assert str(failed.value) == "RuntimeError: operation not permitted when stream is capturing"
    ended = ["_cuda_endAllocateToPool", "_cuda_releasePool", "renew mine", "renew default"]
    assert cuda.said == ["register mine", *ended]
