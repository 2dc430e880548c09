"""Two folders on one store: a study is run from one of them, and by one driver at a time."""

import signal
import time

import pytest
from fault_lab import Lab, one_sentence

from bench.tracking.claim_table import TablePlace
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


@pytest.mark.postgres
def test_second_process_is_refused_on_one_postgresql_from_another_folder(
    postgres, migrated_postgres, tmp_path
):
    """By the tracking store that both have; by Optuna's storage where they share nothing else."""
    uri = postgres.database("people_mlflow", like=migrated_postgres)
    shared = ("--storage", postgres.database("people_optuna"))
    labs = {name: Lab(tmp_path / name, uri) for name in ("mine", "hers")}
    labs["alone"] = Lab(tmp_path / "alone")
    commands = {}
    for name, lab in labs.items():
        lab.write_study(num_images=3_000, seeds=1)
        commands[name] = ("run", "--study", "tiny", "--jobs", "1", "--root", f"of {name}", *shared)
    first = labs["mine"].start(*commands["mine"])
    place = TablePlace(shared[1], "tiny-classroom-digits")
    while first.poll() is None and place.held() is None:
        time.sleep(0.2)
    first.send_signal(signal.SIGSTOP)  # so that it is still there when the others come
    held = f"in '{labs['mine'].folder}/of mine/tiny-classroom-digits' since 20"
    try:
        for name, where in (("hers", ""), ("alone", f" in the storage '{shared[1]}'")):
            code, said = labs[name].bench(*commands[name], timeout=400)
            assert code == 2, said
            told = one_sentence(said)
            assert told.startswith(f"bench: study 'tiny-classroom-digits'{where} is being run by ")
            assert held in told
            assert not list(labs[name].folder.glob("of */*/*/journal.jsonl"))
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
