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

PACKAGE = Path(bench.__file__).parent

# One line for each file, or for all files of a room (``models/*``; its ``__init__`` is
# ``models``) that have no line of their own. Behind a bar stands what is imported inside
# functions. Every name stands above the lines that use it: imports go one way.
IMPORTS: dict[str, str] = {
    "bench": "",
    "errors": "",
    "records": "",
    "text": "",
    "registry": "errors",
    "config": "errors records registry",
    "claim": "config",
    "space": "config records",
    "plan": "claim config errors records registry space",
    "plan_text": "plan text",
    "stats": "",
    "stats_groups": "",
    "stats_order": "",
    "stats_trend": "stats",
    "stats_variance": "stats",
    "evidence": "records",
    "symptoms": "evidence",
    "health": "evidence records symptoms",
    "measures": "",
    "files": "errors",
    "modules": "",
    "gaussians": "",
    "kernels": "",
    "neighbours": "",
    "kernel_sums": "",
    "images": "",
    "contracts": "images records",
    "runtime": "bench errors",
    "nets": "images",
    "data_splits": "errors",
    "data_npz": "data_splits errors",
    "data_folder": "data_splits errors",
    "data_install": "data_npz data_splits errors files",
    "idx": "data_splits errors",
    "torchvision_import": "",
    "tensor_file": "",
    "feature_cache": "files tensor_file",
    "inception": "data_install errors files modules torchvision_import",
    "annealing": "contracts",
    "latent_rate": "contracts images",
    "labels": "contracts errors records",
    "losses": "registry",
    "losses/*": "contracts losses",
    "split_bound": "contracts images losses/*",
    "likelihoods": "contracts records registry",
    "likelihoods/*": "contracts errors images likelihoods records",
    "posteriors": "contracts registry",
    "posteriors/*": "contracts posteriors",
    "priors": "contracts registry",
    "priors/*": "contracts gaussians images nets priors",
    "latent_model": "contracts labels posteriors priors",
    "variational": (
        "config contracts errors images labels latent_model likelihoods losses/* nets posteriors "
        "priors records"
    ),
    "adversarial": "config contracts gaussians labels losses losses/* nets records",
    "models": "config contracts errors records registry",
    "models/*": (
        "adversarial config contracts gaussians images labels losses models nets posteriors/* "
        "records variational"
    ),
    "datasets": "data_folder data_install data_npz data_splits errors files idx records registry",
    "datasets/*": "datasets idx torchvision_import",
    "metrics": "contracts errors registry",
    "classifier": "errors images modules nets runtime tensor_file",
    "detectors": "classifier contracts registry",
    "detectors/*": "classifier detectors images inception modules runtime",
    "detection": (
        "classifier config contracts detectors errors files measures records registry tensor_file"
    ),
    "detector_training": "bench classifier config datasets detection detectors errors records",
    "detector_list": "detection detectors errors text",
    "metrics/*": (
        "annealing contracts gaussians images kernels latent_rate losses/* measures metrics "
        "neighbours runtime split_bound"
    ),
    "latents": "contracts images",
    "inversion": "contracts",
    "scatter": "images",
    "bars": "images scatter",
    "pictures": "contracts images registry",
    "pictures/*": "bars contracts images inversion latent_rate latents pictures scatter",
    "trainer": "config contracts images modules records runtime",
    "held": "contracts datasets feature_cache runtime",
    "evaluator": "contracts held images labels records runtime",
    "measurement": "config evaluator held measures",
    "histories": "",
    "tracking": "errors histories images records",
    "outside": "contracts data_folder data_npz data_splits errors evaluator held records runtime",
    "recorded_studies": "config errors plan tracking",
    "widths": "config models modules records",
    "grid": "config datasets errors models plan records space widths",
    "book": "errors records space",
    "progress": "grid records",
    "results": "",
    "metrics/_evaluate": "evaluator metrics",
    "pictures/_draw": "evaluator images pictures",
    "runner": (
        "config contracts datasets detection errors evaluator evidence feature_cache health held "
        "images measurement metrics metrics/_evaluate models modules pictures/_draw records "
        "runtime trainer"
    ),
    "forecast": "config evaluator held measurement runner trainer",
    "work": "errors models records registry runner runtime tracking",
    "engines": "records work",
    "engines/*": "engines errors runtime work",
    "study": "book config engines errors grid plan records tracking work",
    "search": "book config engines grid plan records space study tracking",
    "preview": "config forecast grid plan progress records runner runtime space text",
    "results/*": "errors measures plan records results/* stats",
    "plots/curves": "results/*",
    "plots/factor": "results/*",
    "results/tracked": "plan records results/* tracking",
    "plots": "registry results/*",
    "plots/*": "plots plots/curves plots/factor results/* stats_order",
    "report": "",
    "report/*": (
        "claim measures plan report/* results/* stats stats_groups stats_trend stats_variance"
    ),
    "report/card_figures": "plots results/*",
    "report/card_tables": "report/card_figures results/*",
    "report/card": "errors measures report/card_figures report/card_tables results/*",
    "report/trust": "config results/*",
    "report/differences": "",
    "report/manifest": "bench errors plan",
    "report/runs_csv": "records results/*",
    "report/writer": (
        "errors plan plots records report/* report/manifest report/runs_csv report/trust results/*"
    ),
    "commands/report": "plan recorded_studies report/writer results/tracked tracking",
    "report/written": "bench errors plan report/* report/differences report/manifest report/writer",
    "report/verify": (
        "errors plan recorded_studies report/differences report/manifest report/runs_csv "
        "report/writer report/written results/* results/tracked tracking"
    ),
    "report/side_by_side": "measures plan report/* results/* stats",
    "report/side_by_side_text": "measures report/* report/side_by_side results/*",
    "report/diff": "records results/*",
    "catalogue": (
        "config errors plan plan_text registry text | datasets detector_list models modules"
    ),
    "commands": "",
    "commands/study": (
        "config engines engines/* errors evaluator grid metrics models plan preview progress "
        "registry runner runtime search study text tracking | report/writer"
    ),
    "commands/init": "errors",
    "commands/train": "config errors metrics models records registry runner runtime tracking work",
    "commands/sample": (
        "contracts errors evaluator held images labels models registry runner runtime tracking"
    ),
    "commands/evaluate": (
        "config data_splits errors evaluator health measurement metrics metrics/_evaluate models "
        "outside pictures/_draw plan recorded_studies records registry runner runtime tracking"
    ),
    "commands/ui": "errors tracking",
    "commands/verify": "report/verify",
    "commands/compare": "errors report/side_by_side report/side_by_side_text results/* tracking",
    "commands/diff": "report/diff text tracking",
    "corruptions": "contracts images models/* runtime",
    "gauges": "contracts gaussians held kernel_sums kernels measures results/* runtime",
    "calibration": "contracts corruptions errors gauges held measures results/* runtime",
    "commands/calibrate": (
        "bench calibration config contracts corruptions datasets detection errors evaluator "
        "feature_cache files gauges held images registry report/card report/trust results/* "
        "runtime"
    ),
    "cli/options": "| detection",
    "cli/reading": (
        "cli/options | catalogue commands/calibrate commands/compare commands/diff commands/init "
        "commands/report commands/ui commands/verify"
    ),
    "cli/held": "cli/options | datasets detection detector_list detector_training runtime",
    "cli": (
        "cli/held cli/options cli/reading errors | commands/evaluate commands/sample "
        "commands/study commands/train"
    ),
    "cli/__main__": "cli",
}

# Rooms whose files are parts of one whole; anywhere else a file never imports its neighbour.
WHOLES = {"cli", "report", "results"}

# What the files of a room share, being lines of their own above or below them.
PARTS = {"metrics/_evaluate", "pictures/_draw", "plots/curves", "plots/factor"}

# What a line's files reach neither themselves nor through what they import.
NEVER_REACH = {
    "trainer": "tracking study metrics models detection",
    "evaluator": "tracking study models detection",
    "models/*": "datasets metrics tracking study",
    "metrics/*": "models detection detectors tracking study",
    "plots/*": "images contracts tracking study",
    "catalogue": "tracking study",
    "calibration": "tracking study trainer runner",
}

# Packages that one file alone imports, so that another can take their place.
SOLE_IMPORTERS = {
    "mlflow": "tracking",
    "optuna": "book",
    "rich": "progress",
    "safetensors": "tensor_file",
    "torch_fidelity": "inception",
    "torchvision": "torchvision_import",
    "typer": "cli",
}

# Whatever outlives a run, and whatever everything imports, needs the standard library alone.
STANDARD_LIBRARY_ONLY = {"bench", "errors", "evidence", "health", "records", "registry", "symptoms"}

# The one training loop, the fixed recipe of the detectors, and the search for a latent z, which
# moves no weight.
OPTIMIZER_STEPS = {"trainer", "classifier", "inversion"}


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
    return frozenset(
        Import(target, node in inside)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for target in targets(module, node)
    )


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


@cache
def table() -> dict[str, tuple[set[str], set[str]]]:
    """Line to what its files may import at the top, and inside functions."""
    rows = {}
    for line, allowed in IMPORTS.items():
        top, _, late = allowed.partition("|")
        rows[line] = (set(top.split()), set(late.split()))
    return rows


def line_of(module: str) -> str:
    """The line that speaks for a module: its own, else its room's."""
    room = module.rpartition("/")[0]
    return module if module in table() or not room else f"{room}/*"


def room_of(module: str) -> str:
    return module.partition("/")[0]


def uses(line: str) -> tuple[set[str], set[str]]:
    """What the files of a line import, at the top and inside functions, as lines."""
    rows: tuple[set[str], set[str]] = set(), set()
    for module in modules():
        if line_of(module) == line:
            for target, late in imports(module):
                if target in modules():
                    rows[late].add(line_of(target))
    return rows


def test_every_file_has_a_line_in_the_table() -> None:
    assert [module for module in modules() if line_of(module) not in table()] == []


def test_every_line_of_the_table_has_a_file() -> None:
    assert set(table()) == {line_of(module) for module in modules()}


@pytest.mark.parametrize("line", table())
def test_files_import_exactly_what_the_table_says(line: str) -> None:
    (top, late), (may_top, may_late) = uses(line), table()[line]
    assert (top - may_top, late - may_late) == (set(), set()), "imported, not in the table"
    assert (may_top - top, may_late - late) == (set(), set()), "in the table, not imported"


def test_imports_go_one_way_through_the_table() -> None:
    order = {line: place for place, line in enumerate(table())}
    backwards = [
        f"{line} imports {target}"
        for line, (top, late) in table().items()
        for target in top | late
        if order[target] > order[line] or (target == line and room_of(line) not in WHOLES)
    ]
    assert backwards == []


def test_no_file_reaches_itself_through_its_imports() -> None:
    assert circle(graph()) == []


def test_no_room_reaches_itself_through_its_imports() -> None:
    rooms: dict[str, set[str]] = {}
    for module, imported in graph().items():
        others = {room_of(target) for target in imported} - {room_of(module)}
        rooms.setdefault(room_of(module), set()).update(others)
    assert circle(rooms) == []


@pytest.mark.parametrize("line", NEVER_REACH)
def test_files_never_reach_what_is_not_their_business(line: str) -> None:
    reached = {module for module in modules() if line_of(module) == line}
    while more := {target for module in reached for target in graph()[module]} - reached:
        reached |= more
    forbidden = NEVER_REACH[line].split()
    assert set(forbidden) <= set(table())
    assert {line_of(module) for module in reached} & set(forbidden) == set()


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


@pytest.mark.parametrize("room", sorted({room_of(m) for m in modules() if "/" in m} - WHOLES))
def test_file_of_a_room_never_imports_its_neighbour(room: str) -> None:
    pairs = [
        f"{module} imports {target}"
        for module in modules()
        for target, _ in imports(module)
        if module.startswith(f"{room}/")
        and target.startswith(f"{room}/")
        and not {module, target} & PARTS
    ]
    assert pairs == []


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


def test_only_training_the_detectors_recipe_and_inversion_step_an_optimizer() -> None:
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
    """Top-level modules that a new process holds after running ``code``."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def command(line: str) -> str:
    """Code that runs a command line and goes on after it."""
    return (
        f"sys.argv = {['bench', *line.split()]!r}\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "mlflow", "optuna", "pandas", "numpy", "pydantic", "rich"}
    assert loaded(command("--help")) & heavy == set()


def test_list_models_loads_neither_mlflow_nor_optuna() -> None:
    found = loaded(command("list models"))
    assert "torch" in found  # the models were imported in this process
    assert found & {"mlflow", "optuna"} == set()


def test_plans_and_configurations_load_no_torch() -> None:
    assert "torch" not in loaded("import bench.config, bench.plan")


def test_report_loads_neither_torch_nor_optuna() -> None:
    code = "import bench.commands.report\nfrom bench.plots import PLOTS\nPLOTS.names()"
    found = loaded(code)
    assert {"mlflow", "matplotlib"} <= found  # the store is read, the figures are drawn
    assert found & {"torch", "optuna"} == set()
