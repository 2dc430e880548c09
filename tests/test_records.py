"""What a run leaves behind, as text and back."""

import json

import pytest

from bench.measures import read_measures
from bench.records import HealthWarning, RunRecord, RunTags, TrialResult


def test_tags_are_read_back_as_they_were_written():
    tags = RunTags(family="gan", seed=0, trial=3, config_digest="ab", test_reads=1, role="search")
    assert tags.to_tags() == {
        "family": "gan",
        "seed": "0",
        "trial": "3",
        "config_digest": "ab",
        "test_reads": "1",
        "role": "search",
    }
    assert RunTags.from_tags(tags.to_tags()) == tags


def test_tag_that_nobody_knows_stays_in_the_record_alone():
    tags = {"family": "vae", "detector_digest_mnist": "ff", "seed": ""}
    record = RunRecord(run_id="a", params={}, tags=tags, metrics={})
    assert record.about == RunTags(family="vae")
    assert record.tags["detector_digest_mnist"] == "ff"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (TrialResult(status="ok"), {"status": "ok", "reason": "", "primary": ""}),
        (TrialResult(status="failed", reason="why"), {"status": "failed", "reason": "why"}),
        (
            TrialResult(status="ok", primary="fd_x_n9", not_applicable={"b": "2", "a": "1"}),
            {
                "status": "ok",
                "reason": "",
                "primary": "val/fd_x_n9",
                "not_applicable": '{"a": "1", "b": "2"}',
            },
        ),
    ],
)
def test_ending_is_told_in_the_tags_of_every_version(result, expected):
    assert result.tags() == expected


def test_warnings_and_reasons_are_read_from_the_tags_of_an_ending():
    warning = HealthWarning(kind="copying", sentence="it copies", turn="raise num_images")
    result = TrialResult(status="ok", not_applicable={"elbo": "none"}, warnings=[warning])
    tags = RunTags.from_tags(result.tags())
    assert tags.reasons == {"elbo": "none"}
    assert tags.warnings == (warning,)
    assert json.loads(tags.health)[0]["kind"] == "copying"
    assert RunTags().warnings is None
    assert RunTags(health="ok").warnings == ()


@pytest.mark.parametrize("text", ["{", "[", "3", '"text"', "[1]", '[{"colour": 1}]', "null"])
def test_tag_that_somebody_has_written_over_is_as_if_it_were_not_there(text):
    about = RunTags.from_tags(
        {"seed": text, "threads": "many", "not_applicable": text, "health": text, "family": "vae"}
    )
    assert about.seed == (3 if text == "3" else None)
    assert about.threads is None
    assert about.reasons == {}
    assert not about.warnings
    assert read_measures(text) == {}
    assert about.family == "vae"
