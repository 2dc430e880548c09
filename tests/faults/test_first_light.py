"""The laboratory itself: an undisturbed study, asked twice."""

import pytest
from fault_lab import Lab, one_sentence

pytestmark = pytest.mark.faults


def test_an_undisturbed_study_is_complete_and_asked_again_repeats_nothing(tmp_path, store_uri):
    lab = Lab(tmp_path, store_uri)
    lab.write_study(num_images=2_000, seeds=1)
    code, said = lab.bench("run", "--study", "tiny", "--jobs", "1")
    assert code == 0, said
    values = lab.values()
    assert [(arm, seed) for arm, seed, _ in values] == [("gan", 0), ("vae", 0)]
    code, said = lab.bench("run", "--study", "tiny", "--jobs", "1")
    assert code == 0
    assert "2 of 2 runs are finished already" in said
    assert lab.values() == values
    assert lab.doubled() == []
    assert one_sentence(said)
