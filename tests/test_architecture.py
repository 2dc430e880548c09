"""The structure of the package: who imports whom, and what a command does not import."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import bench
from bench.registry import PACKAGES

PACKAGE = Path(bench.__file__).parent

# The ground: files that every room may import. Each line names what the file imports of the ones
# above it; behind a bar what is imported inside functions.
GROUND: dict[str, str] = {
    "bench": "",
    "text": "",
    "console": "text",
    "errors": "text",
    "records": "",
    "sources": "",
    "registry": "errors sources text",
    "dataset_names": "errors registry text",
    "measures": "",
    "failed_checks": "",
    "files": "errors",
    "memory": "",
    "config": "dataset_names errors records registry text",
    "images": "",
    "logger": "images",
    "contracts": "bench logger",
    "labels": "contracts errors records",
    "pieces": "errors",
    "palette": "",
    "signals": "",
    "runtime": "bench errors memory registry signals text",
    "networks": "config errors images",
    "modules": "",
    "tensor_file": "files",
    "torchvision_import": "",
}

# Rooms from the bottom up, and the rooms each imports beside the ground; behind a bar what is
# imported inside functions. The first wing reads runs and knows no torch, the second makes them.
READS_RUNS: dict[str, str] = {
    "stats": "",
    "plan": "",
    "tracking": "plan",
    "results": "stats plan tracking",
    "plots": "plan results",
    "report": "stats plan results plots",
    "compare": "stats plan tracking results plots report",
}
MAKES_RUNS: dict[str, str] = {
    "distances": "",
    "datasets": "",
    "detectors": "distances datasets",
    "adversarial": "distances",
    "variational": "distances",
    "models": "distances adversarial variational",
    "evaluation": "datasets",
    "metrics": "distances variational evaluation",
    "pictures": "datasets evaluation",
    "training": "datasets detectors models evaluation metrics pictures",
    "engines": "tracking models training | datasets detectors",
    "study": "plan tracking models training engines | datasets",
}
BOTH: dict[str, str] = {
    "calibration": "results plots distances evaluation metrics",
    "exam": "results plots distances evaluation calibration",
    "testing": "datasets models evaluation training",
    "cli": (
        "plan tracking results report compare datasets detectors models evaluation metrics pictures "
        "training study calibration exam engines | testing"
    ),
    "api": "plan cli | results",
}
ROOMS = READS_RUNS | MAKES_RUNS | BOTH

# Rooms whose own files one registry finds: those register one thing each and share nothing, but for
# what begins with an underscore and what is listed here.
REGISTRIES = {
    "datasets": "",
    "detectors": "",
    "models": "",
    "metrics": "",
    "pictures": "",
    "plots": "axes boards curves factor references",
    "tracking/mirrors": "",
    "engines": "task worker",
    "report/sections": "",
    "adversarial/losses": "",
    "variational/likelihoods": "",
    "variational/posteriors": "",
    "variational/priors": "",
}

# Packages that one file alone imports, so that another can take their place.
SOLE_IMPORTERS = {
    "mlflow": "tracking",
    "sqlalchemy": "tracking",
    "optuna": "study/storage",
    "ray": "engines",
    "rich": "cli/progress",
    "safetensors": "tensor_file",
    "torch_fidelity": "detectors",
    "torchvision": "torchvision_import",
    "typer": "cli",
}

# Whatever outlives a run, and whatever everything imports, needs the standard library alone.
STANDARD_LIBRARY_ONLY = {
    "bench",
    "text",
    "console",
    "errors",
    "records",
    "registry",
    "signals",
    "training/health",
    "training/health_checks",
}

# The one training loop and the fixed recipe of the detectors; the search for a latent z, which moves no
# weight, moves it by itself.
OPTIMIZER_STEPS = {"training/trainer", "detectors/_classifier"}


class Import(NamedTuple):
    """One import statement's target.

    Attributes:
        target: Dotted module; within bench as ``models/vae``.
        late: Whether it stands inside a function.
    """

    target: str
    late: bool


@cache
def modules() -> dict[str, Path]:
    """``models/vae`` to its file; the package itself is ``bench``, a room's own file ``models``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found["/".join(part for part in parts if part != "__init__") or "bench"] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[Import]:
    """Everything that a file imports."""
    inside = {
        node
        for function in ast.walk(tree(module))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for_readers = names_for_type_checkers() if module == "bench" else set()
    return frozenset(
        Import(target, node in inside)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in for_readers
        for target in targets(module, node)
    )


def names_for_type_checkers() -> set[ast.AST]:
    """What the package itself imports where only those look: at run time it asks ``bench.api``."""
    return {
        node
        for block in tree("bench").body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }


def targets(module: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    """What a statement imports; ``from bench import idx`` imports the module idx."""
    if isinstance(node, ast.Import):
        return [short(alias.name) for alias in node.names]
    assert not node.level, f"{module}: write relative imports in full"
    names = [short(f"{node.module}.{alias.name}") for alias in node.names]
    return [name if name in modules() else short(str(node.module)) for name in names]


def short(dotted: str) -> str:
    """``bench.models.vae`` to ``models/vae``; a name outside of bench stays as it is."""
    return (
        dotted.removeprefix("bench.").replace(".", "/") if dotted.startswith("bench.") else dotted
    )


def room_of(module: str) -> str:
    return module.partition("/")[0]


def stands_in(module: str) -> str:
    """``ground``, or the name of its room."""
    return "ground" if module in GROUND else room_of(module)


def parsed(allowed: str) -> tuple[set[str], set[str]]:
    """What may be imported at the top, and inside functions."""
    top, _, late = allowed.partition("|")
    return set(top.split()), set(late.split())


def uses(room: str) -> tuple[set[str], set[str]]:
    """The rooms that the files of a room import, at the top and inside functions alone."""
    rows: tuple[set[str], set[str]] = set(), set()
    for module in modules():
        if stands_in(module) == room:
            for target, late in imports(module):
                if target in modules() and stands_in(target) not in {"ground", room}:
                    rows[late].add(stands_in(target))
    return rows[0], rows[1] - rows[0]


@pytest.mark.parametrize("module", GROUND)
def test_file_of_the_ground_imports_exactly_what_its_line_says(module: str) -> None:
    found: tuple[set[str], set[str]] = set(), set()
    for target, late in imports(module):
        if target in modules():
            found[late].add(target)
    assert found == parsed(GROUND[module])
    above = list(GROUND)[: list(GROUND).index(module)]
    assert found[0] | found[1] <= set(above)


def test_every_file_stands_in_a_room_or_on_the_ground() -> None:
    assert {stands_in(module) for module in modules()} == {"ground", *ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_exactly_what_its_line_says(room: str) -> None:
    assert uses(room) == parsed(ROOMS[room])


@pytest.mark.parametrize("room", ROOMS)
def test_line_of_a_room_names_only_rooms_above_it(room: str) -> None:
    top, late = parsed(ROOMS[room])
    above = list(ROOMS)[: list(ROOMS).index(room)]
    assert top | late <= set(above)


def test_rooms_that_make_runs_know_nothing_of_results_and_reports() -> None:
    known = {name for room in MAKES_RUNS for name in set.union(*parsed(ROOMS[room]))}
    assert known & {"results", "plots", "report", "compare"} == set()


def reached(start: set[str]) -> set[str]:
    """The modules that these import, and those that they import, and so on."""
    found = set(start)
    while more := {target for module in found for target in graph()[module]} - found:
        found |= more
    return found


def test_rooms_that_read_runs_reach_no_torch() -> None:
    reading = reached({m for m in modules() if stands_in(m) in READS_RUNS})
    at_the_top = {m for m in reading for node in tree(m).body if "torch" in imported_names(node)}
    assert at_the_top == set()


def test_report_is_written_without_a_store() -> None:
    writing = reached({m for m in modules() if stands_in(m) in {"plots", "report"}})
    assert {m for m in writing if stands_in(m) in {"tracking", "study"}} == set()


def test_no_file_reaches_itself_through_its_imports() -> None:
    assert circle(graph()) == []


def graph() -> dict[str, set[str]]:
    """Module to the modules that it imports."""
    return {
        module: {target for target, _ in imports(module) if target in modules()}
        for module in modules()
    }


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The first circle of a graph, or nothing."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        steps: list[str] = error.args[1]
        return [f"{used} is imported by {user}" for used, user in pairwise(steps)]
    return []


@pytest.mark.parametrize("room", REGISTRIES)
def test_registered_file_never_imports_its_neighbour(room: str) -> None:
    shared = set(REGISTRIES[room].split())

    def registers(module: str) -> bool:
        name = module.removeprefix(f"{room}/")
        return name != module and not name.startswith("_") and name not in shared

    pairs = [
        f"{module} imports {target}"
        for module in modules()
        for target, _ in imports(module)
        if registers(module) and registers(target)
    ]
    assert pairs == []


def test_registry_of_every_kind_is_listed() -> None:
    listed = REGISTRIES.keys() - {"report/sections"}  # nobody chooses a section by its name
    assert set(PACKAGES.values()) == {f"bench.{room.replace('/', '.')}" for room in listed}
    made = {m for m in modules() if "] = Registry(" in ast.unparse(tree(m)) and m != "registry"}
    assert made == set(REGISTRIES)


@pytest.mark.parametrize(("package", "owner"), SOLE_IMPORTERS.items())
def test_package_has_one_importer(package: str, owner: str) -> None:
    importers = {
        module
        for module in modules()
        for node in ast.walk(tree(module))
        if package in imported_names(node)
    }
    assert {module for module in importers if room_of(module) != owner} <= {owner}
    assert importers


def imported_names(node: ast.AST) -> set[str]:
    """Top-level packages that a statement, or a call of ``import_module("...")``, imports."""
    match node:
        case ast.Import(names=names):
            return {alias.name.partition(".")[0] for alias in names}
        case ast.ImportFrom(module=str(module)):
            return {module.partition(".")[0]}
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(str(module))]):
            return {module.partition(".")[0]}
    return set()


@pytest.mark.parametrize("module", sorted(STANDARD_LIBRARY_ONLY))
def test_module_needs_the_standard_library_alone(module: str) -> None:
    outside = {target.partition(".")[0] for target, _ in imports(module)} - set(modules())
    assert outside <= sys.stdlib_module_names


def test_only_training_and_the_detectors_recipe_step_an_optimizer() -> None:
    steppers = {
        module
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "step"
    }
    assert steppers == OPTIMIZER_STEPS


def loaded(code: str) -> set[str]:
    """The modules that a new process holds after running ``code``."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def command(line: str) -> str:
    """Code that runs a command line and goes on after it."""
    return (
        f"sys.argv = {['bench', *line.split()]!r}\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )


def test_package_and_its_python_names_load_nothing_heavy() -> None:
    heavy = {"torch", "mlflow", "optuna", "pandas", "numpy", "pydantic", "rich", "typer"}
    assert loaded("import bench\nassert 'train' in dir(bench)") & {*heavy, "bench.api"} == set()
    every = loaded("from bench import *\nassert callable(train)")
    assert every & (heavy - {"pydantic"}) == set()


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "mlflow", "optuna", "pandas", "numpy", "pydantic", "rich"}
    heavy |= {"psycopg", "ray", "sqlalchemy"}
    assert loaded(command("--help")) & heavy == set()


def test_models_are_listed_and_configured_without_torch() -> None:
    found = loaded(
        "import bench.plan\nfrom bench.models import MODELS, configure\n"
        "for name in MODELS.names():\n    configure(name)"
    )
    assert "bench.models.cgan" in found
    assert found & {"torch", "numpy", "mlflow", "optuna"} == set()


def test_report_loads_no_torch_and_a_store_when_it_is_opened() -> None:
    code = (
        "import bench.cli.report, bench.cli.bundle, bench.cli.verify, bench.results.tracked\n"
        "from bench.plots import PLOTS\n"
        "PLOTS.names()"
    )
    found = loaded(code)
    assert {"bench.tracking.mlflow", "matplotlib"} <= found  # the figures are drawn
    assert found & {"torch", "optuna", "mlflow", "scipy"} == set()


def test_what_a_study_says_at_its_end_loads_nothing_that_draws_or_tests() -> None:
    found = loaded("import bench.report.short, bench.stats.tests as t\nt.t_interval([1, 2, 3])")
    assert "scipy.special" in found
    assert found & {"torch", "scipy.stats", "pandas", "matplotlib", "mlflow", "optuna"} == set()


def test_training_and_measuring_load_nothing_that_it_does_not() -> None:
    found = loaded(
        "import bench.datasets, bench.runtime, bench.study.driver, bench.training.forecast\n"
        "bench.engines.ENGINES.names()\nbench.runtime.prepare(deterministic=True)\n"
        "from bench.models import configure\nfrom bench.training.parts import reference_for\n"
        "config, cpu = configure('vae_mlp'), bench.runtime.resolve_device('cpu')\n"
        "bench.training.forecast.seconds_per_run(config, reference_for(config, cpu))"
    )
    assert {"torch", "optuna", "bench.engines.task", "bench.tracking.mlflow"} <= found
    heavy = {
        "torch._dynamo",
        "torch._inductor",
        "sympy",
        "sklearn",
        "scipy",
        "mlflow",
        "pandas",
        "rich",
    }
    assert found & heavy == set()


MISTAKES = (
    "run --study depth_swep",
    "run --study depth_sweep --tier clasroom",
    "run --study depth_sweep --set dept=3",
    "run --study depth_sweep --set depth=9",
    "run --study depth_sweep --tracking-uri sqlit:///a.db",
    "train vea",
    "train vae:vmap",
    "train vae --set dept=3",
    "train vae --tracking-uri store",
    "show vea",
    "list model",
)


def test_mistake_in_a_name_is_told_before_anything_heavy_is_loaded() -> None:
    found = loaded(
        f"from bench.cli import main\nfor line in {MISTAKES}:\n"
        "    sys.argv = ['bench', *line.split()]\n    try:\n        main()\n"
        "    except SystemExit as done:\n        assert done.code == 2, line"
    )
    assert "bench.models.vae" in found
    assert found & {"torch", "numpy", "mlflow", "sqlalchemy", "optuna", "pandas", "rich"} == set()
