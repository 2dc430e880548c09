"""What plugins and studies imported before files got their rooms is found for one version."""

from __future__ import annotations

import importlib
import sys
import warnings

import pytest

from bench import MOVED, __version__
from bench.registry import load_plugins

ADVERSARIAL = [
    "ConvGanSettings",
    "GanSettings",
    "Lipschitz",
    "conv_generator",
    "conv_opponent",
    "play",
]
VARIATIONAL = ["Encoder", "VaeSettings", "assemble"]
BELOW = {
    "bench.likelihoods.gaussian": "bench.variational.likelihoods.gaussian",
    "bench.losses.hinge": "bench.adversarial.losses.hinge",
    "bench.posteriors.diagonal": "bench.variational.posteriors.diagonal",
    "bench.priors.standard": "bench.variational.priors.standard",
}


@pytest.mark.filterwarnings("ignore:.* is now 'bench")  # of the package above it
@pytest.mark.parametrize(("old", "new"), (MOVED | BELOW).items())
def test_earlier_name_gives_todays_module_with_a_warning(old, new, monkeypatch):
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=f"'{old}' is now '{new}': import it from there"):
        found = importlib.import_module(old)
    assert found is importlib.import_module(new)
    assert found.__spec__.name == new


@pytest.mark.parametrize(
    ("package", "file", "name"),
    [
        *(("bench.adversarial", "game", name) for name in ADVERSARIAL),
        *(("bench.variational", "assembly", name) for name in VARIATIONAL),
    ],
)
def test_name_of_a_file_that_became_a_package_is_found_with_a_warning(package, file, name):
    with pytest.warns(DeprecationWarning, match=f"'{package}.{name}' is now '{package}.{file}"):
        found = getattr(importlib.import_module(package), name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # some have another name there
        assert found is getattr(importlib.import_module(f"{package}.{file}"), name)


def test_warning_points_at_the_line_of_the_plugin(tmp_path):
    plugin = tmp_path / "earlier_plugin.py"
    plugin.write_text(
        "import sys\nsys.modules.pop('bench.space', None)\nfrom bench.space import Int\n"
    )
    with pytest.warns(DeprecationWarning, match=r"bench\.space") as warned:
        load_plugins([plugin])
    assert [(each.filename, each.lineno) for each in warned] == [(str(plugin), 3)]


def test_name_that_never_was_is_no_attribute():
    with pytest.raises(AttributeError, match="nonsense"):
        importlib.import_module("bench.adversarial").nonsense  # noqa: B018


def test_earlier_names_go_with_the_version_that_says_so():
    assert __version__.startswith("0.2.")


def test_source_of_random_numbers_has_its_earlier_name_too():
    from bench.contracts import Noise, Rng

    assert Noise is Rng
