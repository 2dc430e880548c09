"""What is built for others: the wheel and the source distribution hold what a run needs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import bench

ROOT = Path(__file__).parents[1]
NAME = f"latentbench-{bench.__version__}"

pytestmark = pytest.mark.slow


def build(source: Path, to: Path) -> Path:
    """The folder with what hatchling makes of a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(to)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return to


def tracked(*folders: str) -> set[str]:
    command = ["git", "ls-files", "--", *folders]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(said.stdout.splitlines())


def files_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def test_wheel_holds_the_package_its_data_and_the_studies_and_nothing_else(built: Path) -> None:
    wheel = files_in(built / f"{NAME}-py3-none-any.whl")
    assert wheel == tracked("bench") | {f"bench/{path}" for path in tracked("studies")}
    assert {
        "bench/py.typed",
        "bench/failed_checks.json",
        "bench/datasets/digits.npz",
        "bench/detectors/weights/digits.safetensors",
        "bench/studies/depth_sweep.py",
    } <= wheel


def test_installed_wheel_has_its_own_studies_and_not_those_that_lie_beside_it(
    built: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl") as archive:
        archive.extractall(installed)
    (installed / "studies").mkdir()
    (installed / "studies" / "of_another_package.py").write_text("")
    code = "import bench.plan.files as files; print(*files.study_files().values(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    shipped = [path for path in tracked("studies") if not path.endswith("__init__.py")]
    assert set(done.stdout.split()) == {str(installed / "bench" / path) for path in shipped}


def test_wheel_made_of_the_source_distribution_is_the_same(built: Path, tmp_path: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / NAME, tmp_path / "dist")
    name = f"{NAME}-py3-none-any.whl"
    assert files_in(again / name) == files_in(built / name)


def test_source_distribution_holds_tests_and_documents_and_no_runs(built: Path) -> None:
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        held = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    assert tracked("bench", "studies", "tests", "docs", "benchmarks") <= held
    assert {"LICENSE", "PROTOCOL.md", "CHANGELOG.md", "noxfile.py"} <= held
    assert not [name for name in held if name.startswith(("runs/", "reports/", ".nox"))]
