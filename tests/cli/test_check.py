"""`bench check`: a stranger's plugin, and the sentence for each way in which it may be broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli.check import check_file
from bench.cli.check_model import OF_TRAINING, model_faults
from bench.cli.init import write_start
from bench.cli.templates import DATASET, METRIC, MODEL
from bench.errors import UsageError
from bench.models import MODELS
from bench.registry import PACKAGES, PLUGINS, registry_of
from bench.testing import MODEL_PROMISES


@pytest.fixture(autouse=True)
def own_registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a file registers here stays out of the tests that come after."""
    before = set(PLUGINS)
    for kind in PACKAGES:
        registry = registry_of(kind)
        monkeypatch.setattr(registry, "_entries", dict(registry.items()))
        monkeypatch.setattr(registry, "_origins", registry.origins())
    yield
    for name in PLUGINS.keys() - before:
        del PLUGINS[name], sys.modules[name]


BROKEN_MODELS: dict[str, tuple[tuple[str, str], str]] = {
    "no_return": (
        ("    return Trainable(", "    Trainable("),
        "its builder returns nothing: end it with `return Trainable(...)`",
    ),
    "other_return": (("    return Trainable(", "    return dict("), "its builder returns a dict, "),
    "no_field": (
        (
            "def build(settings: Settings, spec: DataSpec) -> Trainable:",
            "def build(settings: Settings) -> Trainable:",
        ),
        "its builder fails (TypeError: ",
    ),
    "unknown_module": (
        ('modules=("encoder", "decoder"), kind', 'modules=("encoder", "dekoder"), kind'),
        "optimizer 'adam' moves 'dekoder', expected one of 'encoder', 'decoder'",
    ),
    "unknown_optimizer": (
        ('optimizer="adam", loss', 'optimizer="sgd", loss'),
        "has optimizer 'sgd', expected one of 'adam'",
    ),
    "forgotten_module": (
        ('modules=("encoder", "decoder"), kind', 'modules=("encoder",), kind'),
        "module 'decoder' has parameters that no optimizer moves: name it in one",
    ),
    "missing_method": (
        ('nets["encoder"](step.images)', 'nets["encoder"].encode(step.images)'),
        "has no attribute 'encode'; missing_method.py, line ",
    ),
    "no_scalar": (
        ("        return distortion + kl, {", "        return (distortion + kl).expand(3), {"),
        "the loss of phase 'no_scalar' is no scalar, got [3]: take a mean or a sum of it",
    ),
    "no_pair": (
        ("        return distortion + kl, {", "        return distortion + kl  # {"),
        "the loss of phase 'no_pair' returns a Tensor, expected (loss, {name: scalar})",
    ),
    "logs_a_float": (
        ('{"distortion": distortion', '{"distortion": 1.0'),
        "logs as 'distortion' is no scalar, got float",
    ),
    "not_finite": (
        ("        return distortion + kl, {", "        return (distortion - 1e9).log(), {"),
        "is nan on noise images: keep it finite",
    ),
    "no_gradient": (
        ("        return distortion + kl, {", "        return (distortion + kl).detach(), {"),
        "depends on no parameter: compute it from the modules it is given",
    ),
    "own_noise": (
        ("step.noise.normal(*mu.shape)", "torch.randn_like(mu)"),
        "the loss of phase 'own_noise' draws from torch's global generator",
    ),
    "own_latent": (
        (
            "return noise.normal(n, settings.latent_dim)",
            "return torch.randn(n, settings.latent_dim)",
        ),
        "latent draws from torch's global generator, so that a run does not repeat: draw from ",
    ),
    "out_of_range": (
        ('torch.sigmoid(nets["decoder"](z))', '5 * torch.sigmoid(nets["decoder"](z))'),
        ", expected 0..1: end decode with a sigmoid",
    ),
    "flat_images": (
        (".view(-1, *spec.shape)", ""),
        "decode gives [6, 64] for 6 latents, expected images [6, 1, 8, 8]",
    ),
    "one_image": (
        (
            "return noise.normal(n, settings.latent_dim)",
            "return noise.normal(1, settings.latent_dim).expand(n, -1)",
        ),
        "every sample is the same image: make latent draw from its noise, and decode use it",
    ),
    "foreign_phase": (
        (
            "        x = step.images.flatten(1)\n",
            "        x = step.images.flatten(1)\n"
            "        with torch.no_grad():\n"
            "            nets['extra'].weight.add_(1.0)\n",
        ),
        "phase 'foreign_phase' moves 'extra', which its optimizer does not name",
    ),
}


def checked(path: Path) -> list[str]:
    found = check_file(path)
    return list(found["faults"])


@pytest.mark.parametrize("name", BROKEN_MODELS)
def test_broken_model_is_answered_with_what_is_broken(name: str) -> None:
    (good, bad), sentence = BROKEN_MODELS[name]
    text = MODEL.format(name=name)
    assert good in text
    if name == "foreign_phase":
        text = text.replace('"decoder": decoder}', '"decoder": decoder, "extra": nn.Linear(1, 1)}')
    path = Path(f"{name}.py")
    path.write_text(text.replace(good, bad))
    faults = checked(path)
    assert any(sentence in one for one in faults), faults
    assert all(one.startswith(f"model '{name}': ") for one in faults)


def test_model_for_gray_digits_alone_is_found_out_on_colour_images() -> None:
    good, bad = ".view(-1, *spec.shape)", ".view(-1, 1, *spec.shape[1:])"
    text = MODEL.format(name="gray_alone")
    assert good in text
    Path("gray_alone.py").write_text(text.replace(good, bad))
    (fault,) = checked(Path("gray_alone.py"))
    assert "on colour images of 32x32, decode gives [6, 1, 32, 32] for 2 latents, expected" in fault


def test_model_that_refuses_colour_images_in_words_may() -> None:
    text = MODEL.format(name="for_gray")
    first = next(line for line in text.splitlines() if line.startswith("def build("))
    refusal = "    if spec.shape[0] > 1:\n        raise UsageError('for_gray is for gray images')"
    text = text.replace(first, f"{first}\n{refusal}")
    text = text.replace(
        "from bench.contracts", "from bench.errors import UsageError\nfrom bench.contracts", 1
    )
    Path("for_gray.py").write_text(text)
    assert checked(Path("for_gray.py")) == []


@pytest.mark.parametrize(
    "name",
    [
        *("memoriser", "gan_mlp"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in MODELS.names()),
    ],
)
def test_models_of_this_package_have_no_faults(name: str) -> None:
    settings = MODELS.get(name).settings.model_fields
    assert list(model_faults(name, {"width": "4"} if "width" in settings else {})) == []


@pytest.mark.parametrize("kind", ["model", "metric", "dataset"])
def test_file_to_start_from_keeps_every_promise(kind: str) -> None:
    path = write_start(kind, f"fresh_{kind}")
    said: list[str] = []
    found = check_file(path, say=said.append)
    assert found["faults"] == []
    assert found["registered"] == [[f"{kind}s", f"fresh_{kind}"]]
    assert said[0] == f"{kind} 'fresh_{kind}' keeps its promises"
    assert said[1].startswith("next: bench train ")
    assert f"--plugin fresh_{kind}.py" in said[1]
    study = "bench init fresh_model_study --arms fresh_model,vae,gan --plugin fresh_model.py"
    assert said[1].endswith(study) == (kind == "model")
    compile(Path(f"test_fresh_{kind}.py").read_text(), "test", "exec")


@pytest.mark.parametrize(
    ("name", "good", "bad", "sentence"),
    [
        ("m_none", "    return {{", "    {{", "it returns None, expected {name: number}"),
        (
            "m_tensor",
            "abs(float(made - real)) / 255",
            "made",
            "is a Tensor, expected a number: write float(",
        ),
        (
            "m_fails",
            "made - real",
            "made - reel",
            "it fails (NameError: name 'reel' is not defined; m_fails.py, line ",
        ),
        (
            "m_random",
            "abs(float(made - real)) / 255",
            "float(__import__('random').random())",
            "it draws from Python's global generator",
        ),
    ],
)
def test_broken_metric_is_answered(name: str, good: str, bad: str, sentence: str) -> None:
    assert good in METRIC
    Path(f"{name}.py").write_text(METRIC.replace(good, bad).format(name=name))
    (fault,) = checked(Path(f"{name}.py"))
    assert fault.startswith(f"metric '{name}': ")
    assert sentence in fault


def test_metric_without_a_value_here_is_not_said_to_keep_its_promises() -> None:
    none = "raise NotApplicable('it is for points')"
    text = METRIC.format(name="m_points").replace("    n = view", f"    {none}\n    n = view")
    begin = "from bench.evaluation.view"
    text = text.replace(begin, f"from bench.errors import NotApplicable\n{begin}", 1)
    Path("m_points.py").write_text(text)
    said: list[str] = []
    assert check_file(Path("m_points.py"), say=said.append)["faults"] == []
    assert said == ["metric 'm_points' is registered, and not tested here: it is for points"]


@pytest.mark.parametrize(
    ("name", "good", "bad", "sentence"),
    [
        (
            "d_other",
            "default_rng(0)",
            "default_rng()",
            "read gives other images at the second call",
        ),
        (
            "d_float",
            "images.astype(np.uint8)",
            "images.astype(np.float32)",
            "images of dtype float32 and shape [2000, 1, 8, 8], expected uint8",
        ),
        ("d_fails", "(2_000, 1, 8, 8)", "(2_000, 1, 8, 8), size=3", "read fails (TypeError: "),
    ],
)
def test_broken_data_set_is_answered(name: str, good: str, bad: str, sentence: str) -> None:
    assert good in DATASET
    Path(f"{name}.py").write_text(DATASET.replace(good, bad).format(name=name))
    faults = checked(Path(f"{name}.py"))
    assert any(sentence in one for one in faults), faults


def test_promises_of_training_are_promises() -> None:
    assert set(OF_TRAINING) < MODEL_PROMISES.keys()


def test_file_that_registers_nothing_is_told_how() -> None:
    Path("idle.py").write_text("def build(settings, spec):\n    return None\n")
    (fault,) = checked(Path("idle.py"))
    assert fault.startswith("nothing is registered by 'idle.py': put @model(")


def test_what_is_no_plugin_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"'nix.py' is no file: give the path of a .py file"):
        check_file(Path("nix.py"))
    Path("bad.py").write_text("def f(:\n")
    with pytest.raises(UsageError, match=r"'bad.py' could not be imported \(SyntaxError"):
        check_file(Path("bad.py"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("model",), "a model needs a name: write bench init model my_model"),
        (
            ("modell", "mine"),
            "bench init writes a study, a dataset, a model, a metric, got 'modell'",
        ),
        (("model", "vae"), "model 'vae' is registered already: give another name"),
        (("metric", "a-b"), "a metric's name has letters, digits and _ only, got 'a-b'"),
    ],
)
def test_file_that_cannot_be_started_is_refused(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        write_start(*words)


def test_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("kept")
    with pytest.raises(UsageError, match=r"test_mine.py is there already: edit it"):
        write_start("model", "mine")
    assert not (tmp_path / "mine.py").exists()
    assert (tmp_path / "test_mine.py").read_text() == "kept"
