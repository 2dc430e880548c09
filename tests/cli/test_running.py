"""Lines of runs that are under way, read from their journals."""

import pytest
from training_runs import small

from bench.cli.running import Running, lines
from bench.engines.task import Task, run_task
from bench.results.format import significant
from bench.tracking.entries import NAME, About, Entry, loaded
from bench.tracking.journal import write_journal

ABOUT = About(experiment="e", name="r", params={}, tags={})


def log(step, at, **scalars):
    return Entry(at=at, step=step, metrics={f"train/{k}": v for k, v in scalars.items()})


@pytest.fixture
def told(tmp_path):
    """A run's line, once its journal has been told something more."""
    run = Running("vae", tmp_path, 1000)
    known = []

    def tell(*more, anew=False):
        known[:] = [*([] if anew else known), *more]
        if anew or not (tmp_path / NAME).exists():
            write_journal(tmp_path, ABOUT, known)
        else:
            with (tmp_path / NAME).open("ab") as file:
                file.writelines(entry.line() for entry in more)
        run.follow()
        return run.line(5, 80)

    return tell


@pytest.mark.parametrize(
    ("model", "losses"), [("vae", ["loss"]), ("gan", ["discriminator_loss", "generator_loss"])]
)
def test_real_run_is_followed_from_its_first_log_to_its_last(tmp_path, store_uri, model, losses):
    config, folder, seen = small(model, num_images=320), tmp_path / "run", []
    run = Running(f"{model} seed=0", folder, config.train.num_images)

    def look():
        run.follow()
        seen.append(lines([run], 100, 9)[0])
        return False

    about = About(experiment="e", name="r", params=config.params(), tags={})
    run_task(Task(params=config.params(), about=about, folder=str(folder), uri=store_uri), look)
    look()
    assert seen[0] == f"{model} seed=0"
    assert any(" images/s  " in line for line in seen)
    last = [e.metrics for e in loaded(folder)[1] if f"train/{losses[0]}" in e.metrics][-1]
    known = "  ".join(f"{name} {significant(last[f'train/{name}'])}" for name in losses)
    assert seen[-1].startswith(f"{model} seed=0  100 %  {'measuring':>14}  {known}")
    assert max(map(len, seen)) <= 100


def test_speed_is_that_of_the_last_logs_without_what_lies_between_them(told):
    assert told(Entry(at=1, state="RUNNING")) == "vae  "
    assert told(log(100, 5_000, loss=9.0)) == f"vae     10 %  {'':14}  loss 9.00"
    assert "  200 images/s  loss 8.00" in told(log(200, 5_500, loss=8.0))
    told(Entry(at=60_000, step=200, metrics={"val/fd": 1.0}))
    assert "  200 images/s  " in told(log(300, 60_500, loss=7.0))
    steps = range(400, 900, 100)
    assert "  400 images/s  " in told(
        *(log(s, 60_500 + (s - 300) * 5 // 2, loss=7.0) for s in steps)
    )
    assert told(log(1008, 70_000, loss=float("nan"))) == "vae    100 %       measuring  loss nan"


def test_pause_of_a_run_that_goes_on_is_no_slowness(tmp_path, told):
    told(log(100, 1, loss=9.0), log(200, 501, loss=8.0))
    again = Running("vae", tmp_path, 1000)
    assert again.line(3, 80).split() == ["vae", "20", "%", "loss", "8.00"]
    told(log(300, 900_000, loss=7.0), log(400, 900_250, loss=6.0))
    again.follow()
    assert "  400 images/s  loss 6.00" in again.line(3, 80)


def test_journal_that_begins_anew_and_a_line_that_is_half_written_mislead_nobody(tmp_path, told):
    told(log(100, 1, loss=9.0), log(200, 501, loss=8.0))
    assert told(log(100, 1, loss=5.0), anew=True).split() == ["vae", "10", "%", "loss", "5.00"]
    with (tmp_path / NAME).open("ab") as file:
        file.write(log(200, 501, loss=4.0).line()[:-9])
    assert "10 %" in told()
    with (tmp_path / NAME).open("ab") as file:
        file.write(log(200, 501, loss=4.0).line()[-9:])
    assert "  200 images/s  loss 4.00" in told()


def test_lines_stand_below_each_other_and_fit(tmp_path):
    for name in ("dcgan", "wgan"):
        (tmp_path / name).mkdir()
        losses = {"discriminator_loss": -1.234, "generator_loss": 0.0123, "score_real": 0.5}
        told = {**losses, "generator_gradient_norm": 3.0, "generator_loss_sd": 0.1}
        write_journal(tmp_path / name, ABOUT, [log(step, step, **told) for step in (100, 200)])
    names = ("dcgan width=8 seed=0", "wgan seed=0", "c")
    runs = [Running(name, tmp_path / name.split()[0], 1000) for name in names]
    said = "discriminator_loss -1.23  generator_loss 0.0123"
    assert lines(runs, 120, 3) == [
        f"dcgan width=8 seed=0   20 %  {'':14}  {said}  score_real 0.500",
        f"wgan seed=0            20 %  {'':14}  {said}  score_real 0.500",
        "c                   ",
    ]
    assert lines(runs, 80, 3)[0].endswith("   discriminator -1.2  generator 0.012")
    assert lines(runs, 70, 3)[0].endswith("   discriminator -1.2")
    assert all(len(line) <= width for width in range(1, 120) for line in lines(runs, width, 3))
    assert lines(runs[::-1], 120, 2) == [
        f"wgan seed=0   20 %  {'':14}  {said}  score_real 0.500",
        "and 2 more",
    ]
