"""The Python interface: its names, and that it does what the command line does."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench import Study, api
from bench.errors import UsageError
from bench.plan import Arm, Tier
from bench.plan.files import load_study
from bench.plan.written import write_plan

SMALL = {"num_images": 64, "num_logs": 1, "num_validations": 1, "max_samples": 40}


def study(**changes: object) -> Study:
    given = {
        "name": "mine",
        "question": "Isn't '''\\n{a} \\\\ quoted?",
        "arms": (Arm(name="noise", model="uniform_noise"),),
        "tiers": {"classroom": Tier(dataset="digits", settings={"eval.max_samples": 40}, seeds=1)},
        **changes,
    }
    return Study.model_validate(given)


def test_names_are_functions_whatever_was_imported_before() -> None:
    modules = {found.name for found in pkgutil.iter_modules(bench.__path__)}
    for name in sorted(modules):
        importlib.import_module(f"bench.{name}")
    assert set(bench.__all__) & modules == set()
    for name in bench.__all__:
        found = getattr(bench, name)
        assert found is getattr(api, name)
        assert inspect.isfunction(found) or found is Study


def test_other_names_are_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'bench' has no attribute 'trian'"):
        _ = bench.trian


def test_arguments_have_the_names_types_and_defaults_of_the_command() -> None:
    from bench.cli.run import run_study
    from bench.cli.train import train_one

    for function, command in ((api.run, run_study), (api.train, train_one)):
        given, known = (inspect.signature(f).parameters for f in (function, command))
        shared = set(given) & set(known)
        assert {"device", "tracking_uri", "fresh", "dataset", "root", "plugins"} <= shared
        for name in shared - {"root", "plugins", "study", "model", "jobs"}:
            assert given[name].default == known[name].default, name
        assert str(known["root"].default) == given["root"].default
        assert all(parameter.annotation != inspect.Parameter.empty for parameter in given.values())


def test_silence_of_a_function_is_that_of_its_command_which_then_finds_nothing_to_say() -> None:
    from bench.cli.options import quiet

    for name in set(bench.__all__) - {"Study"}:
        said = inspect.signature(getattr(api, name)).parameters.get("say")
        assert said is None or said.default is quiet, name


def test_study_made_in_python_is_one_of_the_command_line() -> None:
    assert load_study(write_plan(study()).stem) == study()


def test_study_that_was_changed_in_python_is_written_anew() -> None:
    write_plan(study())
    write_plan(study(notes=("Another.",)))
    assert load_study("mine").notes == ("Another.",)


def test_study_file_of_somebody_is_left_alone() -> None:
    path = write_plan(study())
    edited = path.read_text().partition("\n")[2]
    path.write_text(edited)
    write_plan(study())
    assert path.read_text() == edited
    with pytest.raises(UsageError, match="says another study of the name 'mine': give yours anoth"):
        write_plan(study(notes=("Another.",)))
    assert path.read_text() == edited


def test_study_that_is_shipped_is_not_hidden_by_another_of_its_name(tmp_path: Path) -> None:
    shipped = load_study("ppca")
    assert write_plan(shipped).name == "ppca.py"
    with pytest.raises(
        UsageError, match=r"ppca\.py' says another study of the name 'ppca': give yo"
    ):
        write_plan(shipped.model_copy(update={"notes": ("Another.",)}))
    assert list(tmp_path.iterdir()) == []


def test_study_of_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UsageError, match=r"letters, digits and _ only, got '\.\./mine': write for"):
        write_plan(study(name="../mine"))


def test_mistakes_are_sentences() -> None:
    with pytest.raises(UsageError, match="unknown study 'depth_swep': did you mean 'depth_sweep'"):
        bench.run("depth_swep")
    with pytest.raises(UsageError, match="unknown model 'vea': did you mean 'vae'"):
        bench.train("vea")
    with pytest.raises(UsageError, match="n must be at least 1, got 0"):
        bench.sample("run", 0)
    with pytest.raises(UsageError, match="takes a RUN or --images PATH: give exactly one of them"):
        bench.evaluate()


def test_name_of_images_in_memory_may_be_one_that_no_file_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, object] = {}

    def read(run_id: str | None, *, images: Path, name: str, **_: object) -> dict[str, object]:
        seen.update(x=np.load(images)["x"], name=name)
        return {"run_id": "r", "status": "ok", "metrics": {}, "not_applicable": {}}

    monkeypatch.setattr("bench.cli.evaluate.evaluate_one", read)
    made = np.zeros((3, 8, 8), np.uint8)
    assert bench.evaluate(images=made, dataset="digits", name="theirs/vae:2").status == "ok"
    assert seen["name"] == "theirs/vae:2"
    np.testing.assert_array_equal(seen["x"], made)


def test_run_is_trained_loaded_sampled_measured_and_read_as_the_command_line_does(
    store_uri: str, tmp_path: Path
) -> None:
    done = bench.train("vae_mlp", settings={**SMALL, "hidden": "16"}, device="cpu")
    assert (done.status, done.reason[:5]) == ("collapsed", "the s")  # of 64 images nobody learns
    assert done.metrics["test/fd_digits_n40"] > 0

    loaded = bench.load(done.run_id[:12], device="cpu")
    assert loaded.config.train.num_images == 64
    assert not any(module.training for module in loaded.trainable.modules.values())
    drawn = bench.sample(loaded, 40, seed=3)
    assert drawn.images.shape == (40, 1, 8, 8)
    assert drawn.images.dtype == np.uint8
    again = bench.sample(done.run_id, 40, seed=3, device="cpu")
    np.testing.assert_array_equal(drawn.images, again.images)

    settings = {"max_samples": 40, "max_val_samples": 40}
    measured = bench.evaluate(
        images=drawn, dataset="digits", name="made", settings=settings, device="cpu"
    )
    bare = bench.evaluate(
        images=drawn.images[:, 0], dataset="digits", name="made", settings=settings, device="cpu"
    )
    assert measured.metrics == bare.metrics
    assert (measured.status, measured.reason) == (bare.status, bare.reason)

    runs = bench.load_runs()
    assert runs.results["status"].tolist().count("collapsed") >= 1
    row = runs.results.set_index("run_id").loc[done.run_id]
    assert row["test/fd_digits_n40"] == done.metrics["test/fd_digits_n40"]
    assert row["train.num_images"] == 64
    curve = runs.curves.query("run_id == @done.run_id and name == 'train/loss'")
    assert curve["images_seen"].tolist() == [done.metrics["cost/images_seen"]]
    assert len(runs) == 3


@pytest.mark.slow
def test_script_without_a_main_guard_runs_a_study_in_two_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from bench import Study, load_runs, run, write_report\n"
        "from bench.plan import Arm, Tier\n"
        "print('begun')\n"
        "done = run(Study(name='mine', question='Does it?', arms=(Arm(name='noise',"
        " model='uniform_noise'), Arm(name='gauss', model='pixel_gaussian')), tiers={'classroom':"
        " Tier(dataset='digits', settings={'eval.max_samples': 40}, seeds=2)}), jobs=2)\n"
        "print(done.runs, len(load_runs('mine')), write_report('mine').exists())\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "begun\n{'collapsed': 2, 'ok': 2} 4 True\n"
    said = subprocess.run(
        [sys.executable, "-m", "bench.cli", "export", "mine", "--format", "parquet", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(said.stdout)
    assert told["results"] == {"rows": 4, "path": "exports/mine/results.parquet"}
    assert len(pd.read_parquet(told["results"]["path"])) == 4
