"""Study files: where they lie, what they say in a line, and the study in one."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

from pydantic import ValidationError

import bench
from bench.errors import UsageError
from bench.plan.space import Search
from bench.plan.study import Arm, Planned, Study, Tier
from bench.registry import closest, in_a_line, near
from bench.text import shown


def study_files() -> dict[str, Path]:
    """Study name to file: those in ./studies stand before those that come with the package."""
    return _files(_shipped(), Path.cwd() / "studies")


def hidden_by_own(name: str) -> str:
    """What to say where a file in ./studies stands before a study that is shipped; else nothing."""
    own, shipped = study_files().get(name), _files(_shipped()).get(name)
    if own is None or shipped is None or own.resolve() == shipped.resolve():
        return ""
    return (
        f"note: study '{name}' is that of '{own}', not the one that is shipped: rename it for that"
    )


def looked_in() -> str:
    """Where a study of one's own would have been found."""
    own = Path.cwd() / "studies"
    return f"looked for studies in '{own}'{'' if own.is_dir() else ', which is not there'}"


def is_shipped(name: str) -> bool:
    """Whether a study of that name comes with the package."""
    return name in _files(_shipped())


def _shipped() -> Path:
    """The folder in the package, where a wheel has it; a checkout has it beside the package.

    Beside an installed package lie those of others: a folder of that name there is not ours.
    """
    package = Path(bench.__file__).parent
    inside = package / "studies"
    return inside if inside.is_dir() else package.parent / "studies"


def _files(*folders: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for folder in folders:
        found = (p for p in sorted(folder.glob("*.py")) if p.is_file() and p.stem != "__init__")
        files.update({path.stem: path for path in found})
    return dict(sorted(files.items()))


def study_summaries() -> dict[str, str]:
    """Study name to the first line of its docstring; reads the files, runs nothing."""
    summaries = {}
    for name, path in study_files().items():
        try:
            doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            doc = f"(cannot be read: {in_a_line(error)})"  # it must not hide the others
        summaries[name] = doc.partition("\n")[0]
    return summaries


def load_study(name: str) -> Study:
    """Imports one study file and returns its ``STUDY``.

    Raises:
        UsageError: No such file, it does not import, or it has no valid ``STUDY``.
    """
    files = study_files()
    if name not in files:
        raise UsageError(closest(name, files, kind="study", what=f"{looked_in()}, found"))
    spec = importlib.util.spec_from_file_location(f"bench_study_{name}", files[name])
    if spec is None or spec.loader is None:
        raise UsageError(f"study file {files[name].name} is no Python file: rename it to .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        study = module.STUDY
    except (Exception, SystemExit) as error:  # a script's own exit must not end the command
        raise UsageError(
            f"study file {files[name].name} does not load ({_short(error)}): mend it"
        ) from error
    if not isinstance(study, Study) or study.name != name:
        raise UsageError(
            f"study file {files[name].name} must define STUDY = Study(name='{name}', ...)"
        )
    return study


def _short(error: BaseException) -> str:
    """An error in one line: of what pydantic finds wrong with a setting, the first."""
    if not isinstance(error, ValidationError):
        return in_a_line(error)
    found = error.errors()
    # A field that is misspelled is missing as well.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    where = ".".join(map(str, (error.title, *first["loc"])))
    if first["type"] == "extra_forbidden":
        return f"{where}: no such field{_meant(str(first['loc'][-1]), error.title)}"
    if first["type"] == "missing":
        return f"{where} is missing"
    given = f", got {shown(first['input'])}" if first["loc"] else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{given}"


def _meant(field: str, title: str) -> str:
    """``, did you mean 'arms'?``, where a class of that name has such a field."""
    kinds = {kind.__name__: kind for kind in (Arm, Planned, Search, Study, Tier)}
    guessed = near(field, kinds[title].model_fields) if title in kinds else ""
    return f", did you mean {guessed}?" if guessed else ""
