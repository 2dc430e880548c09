"""Two folders on one store: a study is run from one of them, and by one driver at a time."""

import signal

import pytest
from fault_lab import Lab, one_sentence

from bench.tracking.mlflow import Store

pytestmark = pytest.mark.faults


def test_second_person_is_told_who_runs_a_study_and_later_whose_it_is(tmp_path, store_uri):
    mine, hers = (Lab(tmp_path / name, store_uri) for name in ("a b", "hers?"))
    for lab in (mine, hers):
        lab.write_study(num_images=3_000, seeds=1)
    first = mine.start("run", "--study", "tiny", "--jobs", "1")
    store = Store(store_uri)
    while first.poll() is None and not store._client.search_experiments(
        filter_string="name LIKE '.claim/%'"
    ):
        pass
    first.send_signal(signal.SIGSTOP)  # so that it is still there when the second one comes
    code, said = hers.bench("run", "--study", "tiny", "--jobs", "1")
    assert code == 2, said
    assert f"in '{mine.folder}/runs/tiny-classroom-digits' since 20" in one_sentence(said)
    first.send_signal(signal.SIGKILL)  # nobody lets go of its claim
    first.communicate()
    assert mine.bench("run", "--study", "tiny", "--jobs", "1")[0] == 0
    assert len(mine.values()) == 2
    code, said = hers.bench("run", "--study", "tiny", "--jobs", "1")
    assert code == 2, said
    assert "in this store belong to" in one_sentence(said)
    assert len(mine.values()) == 2
