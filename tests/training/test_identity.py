"""What a run's numbers belong to: what trained it, and what measured it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import small

import bench
from bench import datasets
from bench.errors import Interrupted, UsageError
from bench.logger import NullLogger
from bench.registry import PLUGINS, load_plugins
from bench.training import identity
from bench.training.checkpoint import load_result
from bench.training.identity import DATA, Makers, differing, recorded
from bench.training.parts import reference_for
from bench.training.run import Run

MODEL = Path(bench.__file__).parent / "models" / "uniform_noise.py"
SHORT = {"num_images": 128, "num_logs": 2, "num_validations": 2}


def started(config, folder):
    reference = reference_for(config, torch.device("cpu"))
    return Run(config=config, reference=reference, folder=folder, logger=NullLogger())


def put(path, seed):
    images = np.random.default_rng(seed).integers(0, 255, (60, 8, 8)).astype(np.uint8)
    np.savez(path, x=images)
    os.utime(path, ns=(seed, seed))


def test_a_result_says_what_made_it_and_that_is_what_would_be_made_now(tmp_path):
    config = small("uniform_noise")
    result = started(config, tmp_path / config.digest).execute()
    now = Makers().of(config)
    assert (result.trained_by, result.measured_by) == (now.trained, now.measured)
    assert recorded(tmp_path / config.digest) == now
    assert {"trained_by", "measured_by"} <= result.tags().keys()


@pytest.mark.parametrize(
    ("setting", "trained", "measured"),
    [({"width": 5}, True, False), ({"max_samples": 50}, False, True), ({"seed": 3}, True, False)],
)
def test_settings_belong_to_training_or_to_measuring(setting, trained, measured):
    then, now = Makers().of(small()), Makers().of(small(**setting))
    assert bool(differing(then.trained, now.trained)) is trained
    assert bool(differing(then.measured, now.measured)) is measured


def test_what_seeds_share_is_found_once_and_each_keeps_its_own(monkeypatch):
    found = []
    once = identity.made_by
    monkeypatch.setattr(identity, "made_by", lambda *a: found.append(a) or once(*a))
    makers = Makers()
    made = [makers.of(small(seed=seed)) for seed in (0, 1, 2)]
    assert len(found) == 1
    assert made == [Makers().of(small(seed=seed)) for seed in (0, 1, 2)]
    assert len({str(each) for each in made}) == 3


def test_a_number_of_the_package_is_said_with_both_its_values(monkeypatch):
    then = Makers().of(small())
    monkeypatch.setattr(bench, "NUMBERS", bench.NUMBERS + 1)
    now = Makers().of(small())
    assert differing(then.trained, now.trained) == [
        f"numbers of the package ({bench.NUMBERS - 1} -> {bench.NUMBERS})"
    ]


def test_images_are_read_again_only_where_their_files_changed(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    name = f"npz:{path}"
    monkeypatch.setattr(datasets._remembered, "SETTLED_SECONDS", -3600)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    put(path, 1)
    first = datasets.spec_of(name)
    with monkeypatch.context() as nothing_is_read:
        nothing_is_read.setitem(datasets._READERS, "npz", None)
        assert datasets.spec_of(name) == first
    put(path, 2)
    assert datasets.spec_of(name).digest != first.digest


def test_what_was_written_a_moment_ago_is_not_remembered(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    put(path, 1)
    datasets.spec_of(f"npz:{path}")
    assert not (tmp_path / "data").exists()


def test_other_images_are_other_data_in_the_same_process_too(tmp_path):
    path = tmp_path / "x.npz"
    config = small("uniform_noise", dataset=f"npz:{path}", detector="random")
    put(path, 1)
    first = started(config, tmp_path / "a").execute()
    put(path, 2)
    second = started(config, tmp_path / "b").execute()
    assert differing(first.trained_by, second.trained_by) == [DATA]


def plugin(path, text=""):
    name = f"noise_{path.stem}"
    path.write_text(MODEL.read_text().replace('"uniform_noise"', f'"{name}"') + text)
    load_plugins([path])
    return name


def test_a_plugin_belongs_to_the_runs_of_its_model_alone(tmp_path):
    (tmp_path / "helper_of_one.py").write_text("")
    one = plugin(tmp_path / "one.py", "\nimport sys\nassert 'helper_of_one'\n")
    plugin(tmp_path / "two.py")
    parts = Makers().of(small("uniform_noise")).trained
    mine = Makers().of(bench.models.configure(one)).trained
    assert not [part for part in parts if part.startswith("plugin noise")]
    assert set(mine) - set(parts) == {"plugin one.py"}


def test_a_plugin_s_source_is_that_which_was_imported(tmp_path):
    path = tmp_path / "edited.py"
    name = plugin(path)
    then = Makers().of(bench.models.configure(name))
    path.write_text(path.read_text() + "\nX = 1\n")
    assert Makers().of(bench.models.configure(name)) == then
    assert any("edited.py" in sources for sources in PLUGINS.values())


def test_a_run_is_not_continued_with_other_data(tmp_path):
    path = tmp_path / "x.npz"
    config = small(dataset=f"npz:{path}", detector="random", **SHORT)
    put(path, 1)
    stopped = started(config, tmp_path / "a")
    stopped.should_stop = lambda: stopped.trainer.images_seen > 0
    with pytest.raises(Interrupted):
        stopped.execute()
    put(path, 2)
    with pytest.raises(UsageError, match="began with other data"):
        started(config, tmp_path / "a").execute()
    assert load_result(tmp_path / "a") is None


def test_the_best_state_of_another_measure_is_left_out_with_its_reason(tmp_path, monkeypatch):
    config = small(**SHORT)
    first = started(config, tmp_path / "a").execute()
    (tmp_path / "a" / "result.json").unlink()
    again = started(config, tmp_path / "a")
    monkeypatch.setattr(Run, "_selection", lambda _: "another measure")
    result = again.execute()
    assert not [name for name in result.metrics if name.startswith("test_best/")]
    assert "which is not what selects now" in result.not_applicable["test_best"]
    assert {name: value for name, value in first.metrics.items() if name.startswith("test/")} == {
        name: value for name, value in result.metrics.items() if name.startswith("test/")
    }


def test_files_of_a_folder_count_behind_links_too(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "pictures"
    outside.mkdir()
    folder.mkdir()
    (outside / "a.png").write_text("1")
    (folder / "cat").symlink_to(outside)
    (folder / "broken").symlink_to(tmp_path / "nowhere")
    before = datasets.files_of(f"folder:{folder}")
    assert before == datasets.files_of(f"folder:{folder}") != ""
    (outside / "a.png").write_text("12")
    changed = datasets.files_of(f"folder:{folder}")
    (outside / "a.png").rename(outside / "b.png")
    assert len({before, changed, datasets.files_of(f"folder:{folder}")}) == 3
    assert datasets.files_of("folder:nowhere") == datasets.files_of("digits") == ""
