"""The one loop: budget, order, phases, divergence."""

import dataclasses
import io
import itertools
import statistics

import pytest
import torch
from torch import nn

from bench.config import TrainSettings
from bench.contracts import EvalFns, OptimSpec, Phase, Trainable
from bench.errors import Interrupted
from bench.runtime import generator
from bench.training.optimizers import build_optimizer
from bench.training.trainer import Trainer, TrainingDiverged

NO_FNS = EvalFns(latent=lambda *_: torch.zeros(0), decode=lambda *_: torch.zeros(0))
IMAGES = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 1, 4, 4).contiguous()


def trainable(loss, *, every=1, after_step=None):
    return Trainable(
        modules={"net": nn.Linear(16, 1)},
        optimizers={"o": OptimSpec(modules=("net",), kind="adam", lr=1e-3)},
        phases=[Phase(name="p", optimizer="o", loss=loss, every=every, after_step=after_step)],
        eval_fns=NO_FNS,
    )


def settings(**values):
    return TrainSettings(
        **{"num_images": 100, "batch_size": 10, "num_logs": 5, "num_validations": 1, **values}
    )


def plain(nets, step):
    return nets["net"](step.images.flatten(1)).square().mean(), {}


def seen_by(loss_settings, labels=None):
    drawn = []

    def loss(nets, step):
        drawn.append((step.images[:, 0, 0, 0] * 255).round().int().tolist())
        return plain(nets, step)

    for _ in Trainer(trainable(loss), IMAGES, labels, loss_settings):
        pass
    return drawn


def game():
    """Two phases, one of them every third step, with noise and with weights of their own."""

    def noisy(nets, step):
        noise = step.noise.normal(len(step.images), 1)
        return (nets["net"](step.images.flatten(1)) + noise).square().mean(), {
            "noise": noise.mean()
        }

    torch.manual_seed(0)
    recipe = trainable(noisy)
    (phase,) = recipe.phases
    return dataclasses.replace(
        recipe,
        phases=[phase, dataclasses.replace(phase, name="q", every=3)],
        average={"net": 0.9},
    )


def stopped_again_and_again(made, asks):
    """Logs of a training whose every start is stopped when it has asked so often; its last state."""
    logs, state = [], None
    while True:
        asked = itertools.count()
        trainer = Trainer(
            made(), IMAGES, None, settings(), should_stop=lambda asked=asked: next(asked) == asks
        )
        if state is not None:
            trainer.load_state_dict(torch.load(io.BytesIO(state), weights_only=True))
        try:
            logs.extend(trainer)
        except Interrupted:
            file = io.BytesIO()
            torch.save(trainer.state_dict(), file)
            state = file.getvalue()
        else:
            return logs, trainer.state_dict()


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_training_stopped_after_every_few_steps_ends_in_the_same_bits_and_logs(steps):
    logs, state = stopped_again_and_again(game, steps)
    whole_logs, whole_state = stopped_again_and_again(game, 1_000)
    assert logs == whole_logs  # means and deviations of the steps before and after a stop
    for kind in ("modules", "averages", "optimizers"):
        torch.testing.assert_close(state[kind], whole_state[kind], rtol=0, atol=0)
    assert torch.equal(state["rng"], whole_state["rng"])


def test_stop_is_obeyed_before_the_next_step():
    trainer = Trainer(game(), IMAGES, None, settings(), should_stop=lambda: trainer.steps_done == 3)
    with pytest.raises(Interrupted, match="stopped at 30 images"):
        list(trainer)
    assert trainer.logs_done == 1


def test_divergence_before_a_stop_is_met_at_the_next_log():
    def bad_at_first():
        return trainable(
            lambda nets, step: (plain(nets, step)[0] / (step.progress > 0).float(), {})
        )

    with pytest.raises(TrainingDiverged, match="at 10 images"):
        stopped_again_and_again(bad_at_first, 1)


def test_state_of_an_older_version_which_was_of_a_log_is_continued():
    trainer = Trainer(game(), IMAGES, None, settings())
    whole = list(trainer)
    steps = iter(Trainer(game(), IMAGES, None, settings()))
    first = Trainer(game(), IMAGES, None, settings(), should_stop=lambda: first.steps_done == 2)
    with pytest.raises(Interrupted):
        list(first)
    state = first.state_dict()
    for new in ("totals", "deviations", "first_bad"):
        del state[new]
    again = Trainer(game(), IMAGES, None, settings())
    again.load_state_dict(state)
    assert [next(steps), *again] == whole


def test_every_image_is_drawn_once_per_epoch():
    drawn = list(itertools.chain(*seen_by(settings())))
    assert sorted(drawn[:50]) == list(range(50))
    assert sorted(drawn[50:]) == list(range(50))
    assert drawn[:50] != drawn[50:]


def test_batch_that_ends_an_epoch_begins_the_next_one():
    drawn = seen_by(settings(batch_size=15, num_images=105))
    assert all(len(batch) == 15 for batch in drawn)
    assert sorted(list(itertools.chain(*drawn))[:50]) == list(range(50))


def test_order_depends_on_the_seed_alone():
    torch.manual_seed(1)
    first = seen_by(settings(seed=5))
    torch.manual_seed(2)
    assert seen_by(settings(seed=5)) == first
    assert seen_by(settings(seed=6)) != first


def test_logs_are_evenly_spaced_and_end_at_the_budget():
    logs = list(Trainer(trainable(plain), IMAGES, None, settings()))
    assert [log.images_seen for log in logs] == [20, 40, 60, 80, 100]


def test_phase_runs_at_every_nth_step_and_its_mean_is_over_those():
    counts = []

    def loss(nets, step):
        counts.append(1)
        return plain(nets, step)[0], {"one": torch.ones(())}

    trainer = Trainer(trainable(loss, every=3), IMAGES, None, settings())
    logs = list(trainer)
    assert len(counts) == 3
    assert trainer.updates == {"p": 3}
    assert all(log.scalars.get("one", 1.0) == 1.0 for log in logs)
    assert "one" not in logs[0].scalars  # steps 1 and 2: the phase has not run


def test_scalars_of_a_log_are_means_over_its_steps():
    def loss(nets, step):
        return plain(nets, step)[0], {"progress": step.progress}

    logs = list(Trainer(trainable(loss), IMAGES, None, settings()))
    assert logs[0].scalars["progress"] == pytest.approx((0 + 0.1) / 2)
    assert logs[-1].scalars["progress"] == pytest.approx((0.8 + 0.9) / 2)


def test_spread_of_a_loss_is_its_standard_deviation_over_the_steps_of_the_log():
    losses = []

    def loss(nets, step):
        # Large beside its spread: sums of squares of the values themselves would lose it in float32.
        value = plain(nets, step)[0] + 4096 + step.progress
        losses.append(float(value.detach()))
        return value, {}

    logs = list(Trainer(trainable(loss), IMAGES, None, settings(num_logs=2)))
    for log, five in zip(logs, (losses[:5], losses[5:]), strict=True):
        assert log.scalars["loss_sd"] == pytest.approx(statistics.stdev(five), rel=1e-3)


def test_one_step_has_no_spread():
    logs = list(Trainer(trainable(plain), IMAGES, None, settings(num_logs=10)))
    assert all("loss_sd" not in log.scalars for log in logs)


def test_spread_of_a_game_stands_under_each_phases_name():
    recipe = trainable(plain)
    phase = recipe.phases[0]
    game = dataclasses.replace(recipe, phases=[phase, dataclasses.replace(phase, name="q")])
    scalars = next(iter(Trainer(game, IMAGES, None, settings()))).scalars
    assert {"p_loss_sd", "q_loss_sd"} <= scalars.keys()


def test_of_a_scalar_that_two_phases_tell_the_later_one_counts():
    recipe = trainable(lambda nets, step: (plain(nets, step)[0], {"told": torch.zeros(())}))
    later = Phase(
        name="q",
        optimizer="o",
        loss=lambda nets, step: (plain(nets, step)[0], {"told": torch.ones(())}),
    )
    game = dataclasses.replace(recipe, phases=[*recipe.phases, later])
    assert next(iter(Trainer(game, IMAGES, None, settings()))).scalars["told"] == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_divergence_names_the_phase_and_the_first_step(value):
    def loss(nets, step):
        bad = step.progress >= 0.5
        return torch.where(bad, value, 1.0) * plain(nets, step)[0], {}

    with pytest.raises(TrainingDiverged, match=r"the p phase .* at 60 images") as caught:
        list(Trainer(trainable(loss), IMAGES, None, settings()))
    assert caught.value.images_seen == 60


def test_gradient_that_is_not_finite_is_divergence_though_the_loss_is():
    def loss(nets, step):
        # sqrt at 0 has an infinite slope and a finite value.
        return (nets["net"](step.images.flatten(1)) * 0).abs().sum().sqrt(), {}

    with pytest.raises(TrainingDiverged):
        list(Trainer(trainable(loss), IMAGES, None, settings()))


def test_what_a_phase_reports_after_its_step_is_logged():
    def after(nets):
        return {"weight": nets["net"].weight.abs().sum()}

    log = next(iter(Trainer(trainable(plain, after_step=after), IMAGES, None, settings())))
    assert log.scalars["weight"] > 0


def test_model_without_phases_trains_nothing():
    still = Trainable(modules={"net": nn.Linear(1, 1)}, eval_fns=NO_FNS)
    assert list(Trainer(still, IMAGES, None, settings())) == []


def test_labels_go_with_their_images():
    pairs = []

    def loss(nets, step):
        pairs.extend(
            zip((step.images[:, 0, 0, 0] * 255).round().tolist(), step.labels.tolist(), strict=True)
        )
        return plain(nets, step)

    for _ in Trainer(trainable(loss), IMAGES, torch.arange(50), settings()):
        pass
    assert all(image == label for image, label in pairs)


def test_unknown_optimizer_is_refused():
    spec = OptimSpec(modules=(), kind="sgdd", lr=1.0)
    with pytest.raises(ValueError, match="unknown optimizer 'sgdd': expected adam or rmsprop"):
        build_optimizer(spec, [nn.Parameter(torch.zeros(1))])


def test_training_noise_does_not_touch_torchs_own_generator():
    def loss(nets, step):
        step.noise.normal(3)
        return plain(nets, step)

    model = trainable(loss)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    for _ in Trainer(model, IMAGES, None, settings()):
        pass
    assert torch.equal(torch.rand(1), expected)
    assert generator("a").initial_seed() != generator("b").initial_seed()


def test_stage_i_lasts_three_to_the_i_and_has_a_rate_of_ten_to_the_minus_i_sevenths():
    spec = OptimSpec(modules=(), kind="adam", lr=1e-3, num_stages=8)  # 3,280 epochs in all
    epochs = {0: 0, 0.99: 0, 1: 1, 3.99: 1, 4: 2, 13: 3, 40: 4, 121: 5, 364: 6, 1093: 7, 3280: 7}
    for epoch, stage in epochs.items():
        assert spec.learning_rate(epoch / 3280) == pytest.approx(1e-3 * 10 ** (-stage / 7))


def test_one_stage_is_a_constant_rate():
    spec = OptimSpec(modules=(), kind="adam", lr=0.5)
    assert {spec.learning_rate(p / 10) for p in range(11)} == {0.5}


def test_each_step_has_the_rate_of_its_stage():
    recipe = trainable(plain)
    recipe.optimizers["o"] = OptimSpec(modules=("net",), kind="adam", lr=1.0, num_stages=2)
    trainer = Trainer(recipe, IMAGES, None, settings(num_images=40, num_logs=4))
    rates = [trainer.state_dict()["optimizers"]["o"]["param_groups"][0]["lr"] for _ in trainer]
    assert rates == pytest.approx([1.0, *[10 ** (-1 / 7)] * 3])
