"""Bundles: what a store holds of a study as one file, that says when a byte of it is another."""

import hashlib
import json
import math
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from golden.golden import IDENTITY, STUDY, stored_records
from hypothesis import given, settings, strategies as st

from bench.errors import UsageError
from bench.plan.files import load_study, study_files
from bench.plan.study import Study
from bench.records import OWNER
from bench.tracking import bundle as bundles
from bench.tracking.bundle import Bundle, write_bundle
from bench.tracking.experiments import Experiment

OTHER = IDENTITY.model_copy(update={"tier": "lab"})
"""Another study of the same data set in the same store."""


class Kept:
    """Records in the place of a store, and those of another study."""

    def __init__(self, records, pictures=(), other=()):
        self.known, self.pictures = records, dict(pictures)
        self.by_study = {IDENTITY: records, OTHER: list(other)}

    def experiments(self):
        tags = {"bench.study": STUDY.name, OWNER: "ada on vm in /home/ada"}
        return [
            Experiment(id=one.key, name="", given="", identity=one, tags=tags)
            for one in self.by_study
        ]

    def plan(self, _):
        return STUDY

    def records(self, experiment_id):
        return next(v for k, v in self.by_study.items() if k.key == experiment_id)

    def histories(self, run_ids, name):
        known = {one.run_id: one for one in self.known}
        last = {k: [(0, one.metrics[name])] for k, one in known.items() if name in one.metrics}
        return {k: known[k].histories.get(name) or last[k] for k in run_ids if k in last}

    def artifacts(self, run_id, _):
        return sorted(self.pictures) if run_id == self.known[0].run_id else []

    def artifact(self, _, path):
        return self.pictures[path.removeprefix("pictures/")]


def written(path, records=None, *, pictures=None, other=()):
    kept = Kept(stored_records() if records is None else records, pictures or {}, other)
    write_bundle(path, kept, IDENTITY, IDENTITY.key, pictures=pictures is not None)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return written(tmp_path_factory.mktemp("whole") / "a.zip").read_bytes()


def test_runs_come_back_as_they_were_to_the_last_digit(tmp_path):
    records = stored_records()
    records[0].metrics.update({"test/odd": math.nan, "test/larger": math.inf})
    found = Bundle(written(tmp_path / "a.zip", records))
    again = {one.run_id: one for one in found.records(IDENTITY.key)}
    for one in records:
        ours = again[one.run_id]
        assert (ours.params, ours.tags, ours.finished) == (one.params, one.tags, one.finished)
        assert repr(sorted(ours.metrics.items())) == repr(sorted(one.metrics.items()))
        for name, points in one.histories.items():
            assert repr(found.histories([one.run_id], name)) == repr({one.run_id: points})
    assert found.histories([records[0].run_id], "no/such") == {}
    assert (found.plan(IDENTITY), found.study.identity) == (STUDY, IDENTITY)
    assert [one.identity for one in found.experiments()] == [IDENTITY]
    assert found.experiment_tags(IDENTITY.key) == {"bench.study": "small"}


def test_ended_runs_of_other_studies_of_the_data_set_go_along_without_curves(tmp_path):
    first, second, *_ = stored_records()
    others = [replace(first, run_id="ended"), replace(second, run_id="running", finished=False)]
    found = Bundle(written(tmp_path / "a.zip", other=others))
    assert found.study.identity == IDENTITY
    assert [one.identity for one in found.experiments()] == [IDENTITY, OTHER]
    (one,) = found.records(OTHER.key)
    assert (one.run_id, one.metrics) == ("ended", first.metrics)
    assert found.histories(["ended"], "train/generator_loss") == {}
    assert len(found.records(IDENTITY.key)) == len(stored_records())


def test_pictures_go_along_on_request(tmp_path):
    records = sorted(stored_records(), key=lambda one: one.run_id)
    run_id = records[0].run_id
    found = Bundle(written(tmp_path / "a.zip", records, pictures={"samples.png": b"a picture"}))
    assert found.has_pictures
    assert found.artifact(run_id, "pictures/samples.png") == b"a picture"
    assert found.artifact(run_id, "pictures/other.png") is None
    assert found.image(run_id, "samples", 100) is None


def test_the_same_runs_give_the_same_bytes_that_any_program_can_read(tmp_path, whole):
    records = list(reversed(stored_records()))
    path = written(tmp_path / "b.zip", records)
    assert path.read_bytes() == whole
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["bundle.json", "runs.jsonl", "curves.jsonl"]
        lines = archive.read("runs.jsonl").splitlines()
    assert sorted(json.loads(line)["run_id"] for line in lines) == sorted(
        one.run_id for one in stored_records()
    )


@settings(max_examples=60)
@given(data=st.data())
def test_changed_byte_is_refused_in_one_sentence(tmp_path, whole, data):
    at, other = data.draw(st.integers(2, len(whole) - 1)), data.draw(st.integers(1, 255))
    path = tmp_path / "changed.zip"
    path.write_bytes(whole[:at] + bytes([whole[at] ^ other]) + whole[at + 1 :])
    with pytest.raises(
        UsageError, match=r"changed\.zip' is not as it was written, .*`bench bundle`"
    ):
        Bundle(path)


def test_sixty_runs_with_curves_take_less_than_two_megabytes(tmp_path):
    noise = random.Random(0)
    records = []
    for number in range(60):
        one = stored_records()[number % 12]
        curves = {
            name: [(x, noise.random()) for x in range(50)]
            for name in one.metrics
            if name.startswith(("train/", "val/"))
        }
        values = {name: noise.random() for name in one.metrics}
        run_id = f"{noise.getrandbits(128):032x}"
        records.append(replace(one, run_id=run_id, metrics=values, histories=curves))
    assert written(tmp_path / "a.zip", records).stat().st_size < 2_000_000


def test_what_is_no_bundle_is_refused(tmp_path, whole, monkeypatch):
    path = tmp_path / "other.zip"
    path.write_text("a text")
    with pytest.raises(UsageError, match=r"is no bundle: give a file of `bench bundle`"):
        Bundle(path)
    path.write_bytes(whole[:-100])
    with pytest.raises(UsageError, match="is not as it was written"):
        Bundle(path)
    with pytest.raises(UsageError, match=r"cannot be read \(no file\)"):
        Bundle(tmp_path)
    path.write_bytes(bundles._sealed({"bundle.json": b'{"form": 2}'}))
    with pytest.raises(
        UsageError, match=r"bench .* can read \(Input should be 1, got 2\): take the"
    ):
        Bundle(path)
    path.write_bytes(whole)
    monkeypatch.setattr(bundles, "MOST_BYTES", 10)
    with pytest.raises(UsageError, match=r"unpacks to .* bytes, at most 10 are read"):
        Bundle(path)


def read(bundle):
    """All that it holds."""
    return bundle.records(IDENTITY.key), bundle.histories(["a"], "x")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bundle.json", b"[" * 100_000),
        ("bundle.json", b"\xff"),
        ("runs.jsonl", b"3\n"),
        ("runs.jsonl", b"[]\n"),
        ("runs.jsonl", b'{"study": "another", "metrics": {}}\n'),
        ("curves.jsonl", b"{}\n"),
        ("curves.jsonl", b'{"run_id": "a", "curves": {"x": [[1, 2], [3]]}}\n'),
        ("curves.jsonl", b"null\n"),
    ],
)
def test_whatever_somebody_has_sealed_is_told_in_one_sentence(tmp_path, whole, name, content):
    path = tmp_path / "a.zip"
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    path.write_bytes(bundles._sealed({**files, name: content}))
    with pytest.raises(UsageError, match=r"a\.zip' is no bundle that bench .* can read \(") as told:
        read(Bundle(path))
    assert "\n" not in str(told.value)


def test_seal_of_what_is_no_zip_is_told(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK no zip" + bundles._digest(b"PK no zip"))
    with pytest.raises(UsageError, match=r"can read .*BadZipFile"):
        Bundle(path)


def test_bundle_that_lost_a_run_before_it_was_sealed_is_refused(tmp_path, whole):
    path = tmp_path / "a.zip"
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    rest = b"\n".join(files["runs.jsonl"].splitlines()[1:])
    path.write_bytes(bundles._sealed({**files, "runs.jsonl": rest}))
    with pytest.raises(UsageError, match=r"runs expected \{.*: 14\}, got \{.*: 13\}"):
        Bundle(path).records(IDENTITY.key)


def test_study_without_runs_is_refused(tmp_path):
    with pytest.raises(UsageError, match="has no runs to bundle: start it with bench run"):
        written(tmp_path / "a.zip", [])
    assert not (tmp_path / "a.zip").exists()


def test_page_on_bundles_says_how_they_are_read_without_the_package(tmp_path, whole):
    (tmp_path / "bundle.zip").write_bytes(whole)
    page = Path(__file__).parents[2] / "docs" / "bundle.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    found = {}
    exec(code, found)
    assert found["distances"].keys() <= {one.run_id for one in stored_records()}
    assert all(math.isfinite(value) for value in found["distances"].values())
    images, values = next(loss for loss in found["losses"].values() if loss)
    assert len(images) == len(values) > 1
    assert hashlib.sha256(whole[:-64]).hexdigest().encode() == whole[-64:]


@pytest.mark.parametrize("name", study_files())
def test_plan_of_every_study_comes_back_from_its_text(name):
    study = load_study(name)
    assert Study.model_validate_json(study.model_dump_json()) == study
