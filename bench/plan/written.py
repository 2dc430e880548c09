"""A study that was made in Python as the file that every command reads."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UsageError
from bench.files import written_where_asked
from bench.plan.files import load_study, study_files
from bench.plan.study import Study

_HEAD = "# Written by bench.run from a Study: without this line it is kept as it stands."


def write_plan(study: Study) -> Path:
    """The path of the file that says the study: ``studies/NAME.py`` in the current folder.

    A file that says the same is left alone, also one that is shipped; one that was written this way
    before is replaced.

    Raises:
        UsageError: The name is none of a Python file, or a file of somebody's or of a study that is
            shipped says another study.
    """
    if not study.name.isidentifier():
        raise UsageError(
            f"a study's name has letters, digits and _ only, got '{study.name}': write for example "
            "my_study"
        )
    path = Path("studies") / f"{study.name}.py"
    there = study_files().get(study.name)  # which may be one that is shipped
    if there is not None and not there.read_text(encoding="utf-8").startswith(_HEAD):
        if load_study(study.name) != study:
            raise UsageError(
                f"'{there}' says another study of the name '{study.name}': give yours another name, or "
                "run that one by its name"
            )
        return there
    with written_where_asked(path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(_text(study), encoding="utf-8")
    return path


def _text(study: Study) -> str:
    # In JSON an apostrophe stands only within texts, and has another spelling there.
    said = study.model_dump_json(indent=1, exclude_defaults=True).replace("'", r"\u0027")
    return f"""{_HEAD}
from bench.plan import Study

STUDY = Study.model_validate_json(r'''
{said}
''')
"""
