"""Registries: names taken once, kinds listed each by itself, plugins."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.models import configure
from bench.registry import PACKAGES, Registry, load_plugins, registry_of


def made() -> Registry[int]:
    return Registry("thing", "bench.adversarial.losses")


def test_name_taken_by_another_module_is_refused():
    registry = made()
    registry.add("one", 1, origin="a")
    with pytest.raises(UsageError, match="thing 'one' of b is already registered by a"):
        registry.add("one", 2, origin="b")


def test_thing_comes_from_the_module_that_adds_it():
    registry = made()
    registry.add("one", 1)
    registry.register("two")(made)
    with pytest.raises(UsageError, match=f"of b is already registered by {__name__}:"):
        registry.add("one", 2, origin="b")
    with pytest.raises(UsageError, match=f"of {__name__} is already registered by {__name__}:"):
        registry.add("two", 2)


@pytest.mark.parametrize("kind", PACKAGES)
def test_kind_is_the_name_of_its_package_and_each_thing_has_a_summary(kind):
    registry = registry_of(kind)
    assert registry.package.rpartition(".")[2] == kind
    summaries = registry.summaries()
    assert list(summaries) == registry.names()
    assert all(summaries.values())


def test_decorated_thing_comes_from_its_own_module():
    for kind in ("models", "metrics", "pictures"):
        registry = registry_of(kind)
        registry.names()
        assert registry.package not in registry._origins.values()


def test_plugin_adds_a_model_that_trains_like_the_others(tmp_path):
    plugin = tmp_path / "toy_plugin.py"
    plugin.write_text(
        "from bench.models import model\n"
        "from bench.config import ModelSettings\n"
        "from bench.models.uniform_noise import build as noise\n"
        "@model('toy', settings=ModelSettings, family='baseline', paper='mine')\n"
        "def build(settings, spec):\n"
        '    """A toy."""\n'
        "    return noise(settings, spec)\n"
    )
    load_plugins([plugin])
    load_plugins([plugin])  # once per process
    assert configure("toy").name == "toy"


def test_plugin_that_breaks_is_told_with_its_reason(tmp_path):
    plugin = tmp_path / "broken_plugin.py"
    plugin.write_text("1 / 0\n")
    with pytest.raises(UsageError, match=r"could not be imported \(ZeroDivisionError"):
        load_plugins([plugin])


def test_plugin_that_exits_ends_no_command(tmp_path):
    plugin = tmp_path / "script.py"
    plugin.write_text("import sys\nsys.exit('two\\nlines')\n")
    with pytest.raises(UsageError, match=r"could not be imported \(SystemExit: two lines\)"):
        load_plugins([plugin])
