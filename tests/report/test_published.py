"""What is published under reports/ is of committed code, and follows from the bundle beside it."""

import shlex
import subprocess
import zipfile
from functools import cache
from pathlib import Path

import pytest

from bench.cli.replication import make_replication
from bench.compare.differences import table_differences
from bench.compare.report_folder import read_report_folder
from bench.compare.verify import verify_report
from bench.records import OWNER
from bench.report.origin import DIRTY
from bench.report.runs_csv import runs_table
from bench.report.writer import RUNS
from bench.results.tracked import bundled_results
from bench.tracking.bundle import BUNDLE, Bundle

ROOT = Path(__file__).parents[2]

MOST_BYTES = 2_000_000


@cache
def published():
    """Every file under reports/ that git holds; none where there is no checkout."""
    if not (ROOT / ".git").exists():
        return []
    listed = ["git", "ls-files", "-z", "reports"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name]


BUNDLES = [path.parent.name for path in published() if path.name == BUNDLE]


def test_nothing_published_is_of_code_that_no_commit_has():
    texts = [path for path in published() if path.suffix in {".md", ".csv", ".json", ".html"}]
    dirty = {
        path.relative_to(ROOT / "reports").parts[0]
        for path in texts
        if path.exists() and DIRTY in path.read_text(encoding="utf-8")
    }
    assert dirty == set()


def test_every_published_report_is_on_the_list():
    text = (ROOT / "reports" / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in published() if path.parent.parent.name == "reports"}
    assert folders
    assert [name for name in sorted(folders) if f"]({name}/README.md)" not in text] == []


def test_nothing_published_says_whose_machine_made_it():
    zips = [path for path in published() if path.suffix == ".zip" and path.exists()]
    inside = [zipfile.ZipFile(path).read("bundle.json") for path in zips]
    facts = [path.read_bytes() for path in published() if path.suffix == ".json" and path.exists()]
    assert zips
    assert not [text for text in (*inside, *facts) if OWNER.encode() in text]


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_beside_a_report_is_small_clean_and_gives_its_table_of_runs(name):
    folder = ROOT / "reports" / name
    bundle = Bundle(folder / BUNDLE)
    assert (folder / BUNDLE).stat().st_size < MOST_BYTES
    report = read_report_folder(folder, bundle.study.plan)
    assert bundle.study.identity == report.manifest.identity
    results = bundled_results(bundle, set(report.manifest.runs))
    assert not any(
        one.about.git_commit.endswith(DIRTY) for one in bundle.records(results.identity.key)
    )
    assert table_differences(report.files[RUNS], runs_table(results)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLES)
def test_every_number_and_curve_of_a_report_follows_from_its_bundle(name):
    assert list(verify_report(ROOT / "reports" / name).differences) == []


REPLICATION = ROOT / "reports" / "replication" / "README.md"


@pytest.mark.skipif(not REPLICATION.exists(), reason="no page of replications is published yet")
def test_page_of_replications_is_what_the_bundles_that_it_names_give(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = REPLICATION.read_text(encoding="utf-8")
    command = text.rstrip().rpartition("Written by `bench replication ")[2].removesuffix("`.")
    again = make_replication([Path(name) for name in shlex.split(command)], out=tmp_path)
    assert again.read_text(encoding="utf-8") == text
