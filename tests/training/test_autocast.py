"""What bf16 rounds, and what it leaves alone."""

import itertools

import pytest
import torch
from references import TRAINED, has_width, split
from torch import nn

from bench.config import TrainSettings
from bench.contracts import EvalFns, OptimSpec, Phase, Trainable
from bench.testing import made_images, made_model, made_step
from bench.training.autocast import InBf16, in_bf16, matrix_products
from bench.training.trainer import Trainer

ROUNDED = torch.full((4, 16), 1 + 2**-10)  # bf16 has no such number


def settings(precision):
    return TrainSettings(
        num_images=32, batch_size=16, num_logs=1, num_validations=1, precision=precision
    )


def tensors(state):
    """Every tensor of a nested state."""
    if isinstance(state, torch.Tensor):
        return [state]
    inner = state.values() if isinstance(state, dict) else state
    return list(itertools.chain(*map(tensors, inner))) if isinstance(state, dict | list) else []


@pytest.mark.parametrize("variant", TRAINED)
def test_every_model_trains_in_bf16_and_keeps_its_weights_and_moments_in_fp32(variant):
    reference, values = split(variant)
    model = made_model(reference, values | ({"width": "4"} if has_width(reference) else {}))
    trainer = Trainer(model, made_images(32), torch.arange(32) % 10, settings("bf16"))
    (log,) = trainer
    assert all(map(torch.isfinite, map(torch.tensor, log.scalars.values())))
    state = trainer.state_dict()
    kept = tensors({name: state[name] for name in ("modules", "optimizers", "totals")})
    assert torch.bfloat16 not in {tensor.dtype for tensor in kept}


class Watched(nn.Linear):
    """Notes in which precision it computes."""

    def __init__(self):
        super().__init__(16, 1)
        self.computed = []

    def forward(self, x):
        out = super().forward(x)
        self.computed.append(out.dtype)
        return out


def test_a_module_takes_what_its_forward_takes():
    class Scaled(nn.Linear):
        def forward(self, x, scale, *, shift):
            return super().forward(x) * scale + shift

    out = InBf16(Scaled(16, 1))(torch.ones(4, 16), 2.0, shift=1)
    assert (out.shape, out.dtype) == ((4, 1), torch.float32)


def test_modules_alone_compute_in_bf16_and_give_fp32():
    net, seen = Watched(), []

    def loss(nets, step):
        out = nets["net"](step.images.flatten(1)[:, :16])
        exact = ROUNDED @ torch.ones(16, 1)  # a loss's own products round nothing
        seen.append((out.dtype, exact[0, 0].item(), nets["net"].in_features))
        return out.square().mean(), {}

    model = Trainable(
        modules={"net": net},
        optimizers={"o": OptimSpec(modules=("net",), kind="adam", lr=1e-3)},
        phases=[Phase(name="p", optimizer="o", loss=loss)],
        eval_fns=EvalFns(latent=lambda *_: torch.zeros(0), decode=lambda *_: torch.zeros(0)),
    )
    trainer = Trainer(model, made_images(32), None, settings("bf16"))
    list(trainer)
    assert set(net.computed) == {torch.bfloat16}
    assert set(seen) == {(torch.float32, 16 + 2**-6, 16)}
    assert net.weight.grad.dtype == torch.float32
    trainer.evaluated["net"](torch.ones(1, 16))
    assert net.computed[-1] == torch.float32


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_tf32_is_allowed_inside_training_alone(precision):
    with matrix_products(precision):
        inside = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    assert inside == (precision == "tf32",) * 2
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("name", ["realnvp", "pixelcnn", "ddpm"])
def test_loss_of_a_model_with_its_own_likelihood_is_rounded_too(name):
    model = made_model(name, {"width": "4"} if has_width(name) else {"hidden": "512"})
    exact, rounded = (
        float(one.phases[0].loss(one.modules, made_step())[0]) for one in (model, in_bf16(model))
    )
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=0.05)
