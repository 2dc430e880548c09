"""The table of the protocol, where a study is of a user's own pictures."""

from synthetic_study import IDENTITY, STUDY, study_records

from bench.report.sections.protocol import protocol
from bench.results.results import read_results


def said(dataset):
    identity = IDENTITY.model_copy(update={"dataset": dataset})
    return protocol(read_results(STUDY, identity, study_records(), lambda *_: None))


def test_own_pictures_have_their_whole_name_in_the_protocol_unless_it_is_a_place_of_the_machine():
    assert "| data set | `folder,resize=32,skip:a/photos` |" in said(
        "folder,resize=32,skip:a/photos"
    )
    assert "| data set | `folder,resize=32,skip:photos` |" in said(
        "folder,resize=32,skip:/home/ann/photos"
    )
    assert "| data set |" not in said("digits")


def test_what_was_done_to_own_pictures_stands_in_the_protocol():
    text = said("folder,resize=32,gray:photos")
    assert (
        "| pictures | Each picture is turned to gray (luma of ITU-R BT.601); each is scaled" in text
    )
    assert "| pictures |" not in said("folder:photos")
    assert "| pictures |" not in said("digits")
