"""Sixty usual mistakes at the command line: what is said of each, with which exit code, and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from bench import cli

STUDY = """
from bench.plan import Arm, Study, Tier
STUDY = Study(
    name="study", question="?", arms=(Arm(name="vae", model="vae"),), tiers={"a": Tier(dataset="digits")}
)
"""

NOT_THERE = "no runs are recorded in '{here}/none.db', which is not there: go to the folder "

MISTAKES: dict[str, str] = {
    # words and options
    "runn depth_sweep": "bench has no command 'runn', did you mean 'run'? see `bench --help`",
    "trian vae": "bench has no command 'trian', did you mean 'train' or 'run'? see `bench --help`",
    "fit vae": "bench has no command 'fit', did you mean 'train'? see `bench --help`",
    "evaluate abc": "bench has no command 'evaluate', did you mean 'eval'? see `bench --help`",
    "version": "bench has no command 'version', did you mean '--version'? see `bench --help`",
    "help": "bench has no command 'help', did you mean '--help'? see `bench --help`",
    "lr": "bench has no command 'lr', 'lr' is a setting: see `bench --help`",
    "data fecth mnist": "bench data has no command 'fecth', did you mean 'fetch'? see ",
    "train vae gan": "bench train takes no further word, got 'gan': see `bench train --help`",
    "train vae show": "bench train takes no further word 'show', which is a command of its own: see ",
    "train vae lr=0.1": "bench train takes no further word 'lr=0.1', a setting is given as --set lr=0.1: ",
    "train vae --lr 1e-3": "bench train has no option '--lr', a setting is given as --set lr=1e-3: see ",
    "train vae --lr": "bench train has no option '--lr', a setting is given as --set lr=VALUE: see ",
    "train vae --lr=0.1": "bench train has no option '--lr', a setting is given as --set lr=0.1: see ",
    "train vae --learning-rate 1": "bench train has no option '--learning-rate', a setting is given as "
    "--set lr=1: ",
    "train vae --epochs 5": "bench train has no option '--epochs', a setting is given as --set "
    "num_images=5000, since digits has 1,000 images to train on: see ",
    "train vae --dataset mnist --epochs 5": "bench train has no option '--epochs', a setting is given as "
    "--set num_images=270000, since mnist has 54,000 images to train on: see ",
    "train vae --dataset npz:x.npz --epochs 5": "bench train has no option '--epochs', a setting is given "
    "as --set num_images=VALUE, in real images seen: epochs times the images of the train split: see ",
    "run depth_sweep --epochs 5": "bench run has no option '--epochs', a setting is given as "
    "--set num_images=VALUE, in real images seen: epochs times the images of the train split: see ",
    "train vae --num-images 500": "bench train has no option '--num-images', a setting is given as "
    "--set num_images=500: see ",
    "train ddpm --num-steps 50": "bench train has no option '--num-steps', a setting is given as --set "
    "num_steps=50: see ",
    "train vae --seed 3": "bench train has no option '--seed', a setting is given as --set seed=3: ",
    "train --model vae": "bench train has no option '--model', MODEL is given without one: see ",
    "train vae --data mnist": "bench train has no option '--data', did you mean '--dataset'? see ",
    "train vae --gpu": "bench train has no option '--gpu', did you mean '--device cuda'? see ",
    "run depth_sweep --seed 3": "bench run has no option '--seed', did you mean '--only-seed 3', that "
    "seed alone, or '--seeds', how many? see ",
    "run depth_sweep --workers 2": "bench run has no option '--workers', did you mean '--jobs'? see ",
    "run depth_sweep --tier": "Option '--tier' requires an argument: see ",
    "run depth_sweep --seeds three": "--seeds must be a whole number in 1..1,000, got 'three': see ",
    "train vae --threads two": "--threads must be a whole number in 1..1,024, got 'two': see ",
    "ui --port abc": "--port must be a whole number in 1..65,535, got 'abc': see `bench ui --help`",
    "sample": "bench sample needs RUN: id of a tracked run, or its beginning: see ",
    "list models depth_sweep": "bench list models takes no further word, got 'depth_sweep': leave ",
    "list runs": NOT_THERE,
    "list": "bench list needs KIND: models, datasets, ..., studies, runs: see `bench list --help`",
    # studies and models
    "run": "give one study, got none: `bench list studies` names them",
    "run dept_sweep": "unknown study 'dept_sweep': did you mean 'depth_sweep'",
    "run studies/depth_sweep.py": "unknown study 'studies/depth_sweep.py': did you mean 'depth_sweep'",
    "run my": "unknown study 'my': looked for studies in '{here}/studies', which is not there, found: ",
    "train mymix": "unknown model 'mymix': did you mean --plugin broken.py? registered: ",
    "check study.py": "'study.py' is a study, and bench check takes what registers something: bench show ",
    "run depth_sweep kl_sweep": "bench run takes no further word, got 'kl_sweep': see ",
    "run depth_sweep --study kl_sweep": "give one study, got 'depth_sweep' and 'kl_sweep': ",
    "run depth_sweep --tier large": "unknown tier 'large': did you mean 'lab'? tiers of depth_sweep: ",
    "run depth_sweep --storage a.db": "--storage takes a database URL, got 'a.db': write sqlite:///a.db",
    "run depth_sweep --tracking-uri a.db": "tracking URI 'a.db' names no store: write sqlite:///a.db or ",
    "train VAE": "unknown model 'VAE': did you mean 'vae'? registered: ",
    "train vae:betavae": "unknown preset 'betavae': presets of vae: ",
    "train vae --config abc": "bench train takes a MODEL or --config RUN: give exactly one of them",
    "show depth": "unknown model or study 'depth': did you mean 'depth_sweep'",
    "init my-study": "a study's name has letters, digits and _ only, got 'my-study': ",
    "init depth_sweep": "study 'depth_sweep' comes with bench, which a file of that name would hide: ",
    # settings
    "train vae --set learning_rate=1": "unknown key 'learning_rate': a setting here is --set lr=VALUE",
    "train vae --set epochs=5": "unknown key 'epochs': a setting here is --set num_images=VALUE, in real ",
    "train vae --set beta=4": "unknown key 'beta': a setting here is --set kl_weight=VALUE",
    "train vae --set z_dim=4": "unknown key 'z_dim': a setting here is --set latent_dim=VALUE",
    "run depth_sweep --set epochs=3": "unknown key 'epochs': a setting here is --set num_images=VALUE, ",
    "train vae --set lr=fast": "model.lr must be a number > 0 and <= 1e+38, got 'fast': change it with ",
    "train vae --set depth=2.5": "model.depth must be a whole number in 1..5, got '2.5': change it with ",
    "train vae --set floors=maybe": "eval.floors must be true or false, got 'maybe': change it with ",
    "train vae --set stack_norm=bach": "model.stack_norm must be one of batch, layer, none, got 'bach': ",
    "train vae --set lr": "--set takes key=value, got 'lr': write for example depth=3",
    # devices, data and files
    "train vae --device gpu": "unknown device 'gpu': did you mean 'cuda'? expected auto, cpu or cuda",
    "train vae --device cuda:1": "unknown device 'cuda:1': did you mean 'cuda' with CUDA_VISIBLE_DEVICES=1?",
    "train vae --dataset MNIST": "unknown dataset 'MNIST': did you mean 'mnist'? known: cifar10, ",
    "train vae --dataset cifar": "unknown dataset 'cifar': did you mean 'cifar10'? known: cifar10, ",
    "train vae --dataset empty": "unknown dataset 'empty': for what lies there write folder:empty, and ",
    "train vae --dataset folder:nowhere": "'nowhere' is no folder: give folder:PATH with the path of a folder",
    "train vae --dataset folder:empty": "'empty' holds no pictures, expected files ending in .bmp ",
    "train vae --dataset npz:note.txt": "'note.txt' cannot be read (damaged or another format), expected ",
    "train vae --plugin broken.py": "plugin 'broken.py' could not be imported (SyntaxError: ",
    "train vae --root note.txt": "'note.txt' is a file, expected a folder: give another one with --root",
    "data import mnist empty": "'empty' has no train-images-idx3-ubyte nor train-images-idx3-ubyte.gz: ",
    "eval --images nowhere --dataset digits": "'nowhere' is neither a folder nor an .npz file: give --images ",
    "verify nowhere": "'nowhere' is no report: give its folder, the README.md in it, or a file of ",
    "report nowhere.zip": "'nowhere.zip' cannot be read (No such file or directory): give a file of ",
    "merge note.txt": "'note.txt' is no bundle: give a file of `bench bundle`",
    # runs that are somewhere else
    "sample abc": NOT_THERE,
    "log-model abc": NOT_THERE,
    "log-model": "bench log-model takes ids of runs, or --study: give one of them",
    "eval abc": NOT_THERE,
    "eval abc --set lr=1": "bench eval measures and does not train: --set takes ",
    "compare abc": "bench compare takes two or more runs, got 1: add ids of `bench list runs`",
    "diff abc def": NOT_THERE,
    "report depth_sweep": NOT_THERE,
    "bundle depth_sweep": NOT_THERE,
    "export": NOT_THERE,
    "export depth_sweep": NOT_THERE,
    "train --config abc": NOT_THERE,
    "ui": NOT_THERE,
    "replication": NOT_THERE,
    "sync --root nowhere": "'nowhere' is no folder of runs: give the one that they lie in with --root",
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which nothing was run."""
    Path("note.txt").write_text("hello")
    Path("broken.py").write_text('@model("mymix")\ndef f(:\n')
    Path("study.py").write_text(STUDY)
    Path("empty").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)


@pytest.mark.parametrize("line", MISTAKES)
def test_mistake_is_answered_in_one_sentence_with_code_2_and_nothing_is_made(
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", *line.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.startswith("bench: " + MISTAKES[line].format(here=tmp_path)), err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} == {
        "note.txt",
        "broken.py",
        "study.py",
        "empty",
    }


def test_sixty_mistakes_are_in_the_table() -> None:
    assert len(MISTAKES) >= 60
    words = re.findall(r"[a-z_]+", " ".join(MISTAKES))
    assert {"run", "train", "eval", "report", "compare", "sample", "list"} <= set(words)
