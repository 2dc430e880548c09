"""A run's folder is the truth: what is told is kept in order, once, and reaches any store."""

import json
import threading
import time
from collections import Counter

import numpy as np
import pytest
from fault_lab import examples
from hypothesis import given, settings as examined, strategies as st

from bench.errors import Damaged, Undelivered
from bench.tracking import delivery, entries, patience
from bench.tracking.delivery import Sender, deliver, deliver_all
from bench.tracking.entries import (
    CURSOR,
    NAME,
    About,
    Cursor,
    is_told,
    loaded,
    require_whole,
    run_id_of,
)
from bench.tracking.journal import Journal, note_tags
from bench.tracking.mlflow import Store

TAGS = {"study_key": "s", "config_digest": "d", "folder": "s/run", "role": "run", "seed": "0"}
ABOUT = About(experiment="e", name="r", params={"model": "vae"}, tags=TAGS, facts={"why": "so"})
PICTURE = np.full((5, 7, 3), 200, np.uint8)


@pytest.fixture
def store(store_uri):
    return Store(store_uri)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "runs" / "s" / "run"
    made.mkdir(parents=True)
    return made


def told(folder, begun=True, last=30):
    """A journal with a curve, a picture and an end."""
    written = Journal(folder, ABOUT, begun=begun)
    written.state("RUNNING")
    for step in range(10, last + 1, 10):
        written.metrics({"train/loss": step / 7, "val/nan": float("nan")}, step)
    written.picture("samples", PICTURE, last)
    written.tags({"status": "ok"})
    written.state("FINISHED")
    written.close()
    return written


def held(store, run_id):
    """Every value that a store has of a run, as it was logged; pictures and tags."""
    run = store._client.get_run(run_id)
    values = {
        name: sorted(
            (p.step, p.timestamp, repr(p.value))
            for p in store._client.get_metric_history(run_id, name)
        )
        for name in run.data.metrics
    }
    pictures = [
        each.path.rpartition("+")[0] for each in store._client.list_artifacts(run_id, "images")
    ]
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}
    return values, len(pictures), tags, run.info.status


def test_journal_is_sent_once_and_whole_to_each_store_that_asks(store, folder):
    told(folder)
    deliver(folder, store)
    first = run_id_of(folder)
    values, pictures, tags, status = held(store, first)
    assert [step for step, _, _ in values["train/loss"]] == [10, 20, 30]
    assert (pictures, tags["status"], status) == (2, "ok", "FINISHED")
    assert store._client.get_run(first).data.params == {"model": "vae"}
    assert store.experiment_tags(store.experiment("e"))["why"] == "so"
    Cursor(folder, loaded(folder)[0].id).tell(first, 0)  # the process died before it could say so
    deliver(folder, store)
    assert held(store, first) == (values, pictures, tags, status)
    (folder / CURSOR).write_text("")
    deliver(folder, store)
    assert run_id_of(folder) == first
    assert held(store, first) == (values, pictures, tags, status)


def test_resumed_run_says_nothing_twice_and_half_a_line_is_forgotten(store, folder):
    told(folder, last=20)
    with (folder / NAME).open("ab") as file:
        file.write(b'{"sum": "00000000", "at": 17')
    told(folder)
    told(folder)
    _, found, end = loaded(folder)
    assert end == (folder / NAME).stat().st_size
    assert [each.step for each in found if each.metrics] == [10, 20, 30]
    assert [each.step for each in found if each.picture] == [20, 30]
    assert [each.state for each in found if each.state] == ["RUNNING", "FINISHED"] * 3


def test_what_a_run_told_takes_one_request_of_each_kind(store, folder, monkeypatch):
    told(folder)
    asked = Counter()

    def counted(name, method):
        def call(*args, **kwargs):
            asked[name] += 1
            return method(*args, **kwargs)

        return call

    writes = ("create_run", "log_batch", "log_artifacts", "set_terminated", "update_run")
    for name in writes:
        monkeypatch.setattr(store._client, name, counted(name, getattr(store._client, name)))
    deliver(folder, store)
    assert asked == dict.fromkeys(writes[:4], 1)
    deliver(folder, store)
    assert asked == dict.fromkeys(writes[:4], 1)


def test_run_that_goes_on_is_sent_when_it_begins_and_when_it_has_ended(store, folder, monkeypatch):
    sent = []
    send = delivery.Delivery.send
    monkeypatch.setattr(delivery, "EVERY_SECONDS", 60.0)
    monkeypatch.setattr(delivery.Delivery, "send", lambda one: (sent.append(1), send(one)))
    written = Journal(folder, ABOUT, begun=False)
    sender = Sender(folder, lambda: store, written)
    sender.start()
    assert sender.run_id() == run_id_of(folder)
    for step in range(1, 20):
        written.metrics({"train/loss": 1.0}, step)
        written.flush()
    written.close()
    sender.close()
    assert is_told(folder)
    assert len(sent) == 2


def test_run_that_begins_anew_takes_the_place_of_the_one_before(store, folder):
    told(folder, last=20)
    deliver(folder, store)
    before = run_id_of(folder)
    told(folder, begun=False)
    deliver(folder, store)
    assert run_id_of(folder) != before
    assert store.is_active(before) is False
    assert len(store.records(store.experiment("e"))) == 1
    assert [step for step, _, _ in held(store, run_id_of(folder))[0]["train/loss"]] == [10, 20, 30]


@pytest.mark.parametrize("how", ["deleted", "gone for good", "deleted while it goes on"])
def test_run_deleted_in_mlflow_is_made_anew_with_all_that_it_told(store, folder, how, capsys):
    written = told(folder, last=20)
    one = delivery.Delivery(folder, store, written.header, written.cursor)
    one.send()
    first = run_id_of(folder)
    values = held(store, first)[0]
    store.delete_run(first)
    if how == "gone for good":
        store._client._tracking_client.store._hard_delete_run(first)
    if how == "deleted while it goes on":
        Journal(folder, ABOUT, begun=True).metrics({"train/loss": 3.0}, 30)
        one.send()
    else:
        deliver(folder, store)
    assert run_id_of(folder) != first
    again = held(store, run_id_of(folder))
    assert {name: points[:2] for name, points in again[0].items()} == values
    assert again[1] == 2
    said = capsys.readouterr().err.splitlines()
    assert said == (
        []
        if how == "gone for good"
        else [f"tracking: run {first} was deleted in MLflow: all of it is sent again"]
    )


def test_run_of_a_version_without_journals_goes_on_in_its_run_of_mlflow(store, folder):
    before = store.create_run(
        store.experiment("e"), name="old", params=ABOUT.params, tags=ABOUT.tags
    )
    told(folder)
    deliver(folder, store)
    assert run_id_of(folder) == before
    (folder / NAME).unlink()
    (folder / CURSOR).unlink()
    alone = About(experiment="train", name="r", params={}, tags={})
    other = store.create_run(store.experiment("train"), name="old", params={}, tags={})
    (folder / "run_id").write_text(other)
    Journal(folder, alone, begun=True).close()
    deliver(folder, store)
    assert run_id_of(folder) == other


def test_what_a_store_was_told_behind_the_journal_is_noted_in_it(store, folder):
    told(folder)
    deliver(folder, store)
    note_tags(folder, {"test_reads": "2"}, run_id="another")
    assert is_told(folder)
    note_tags(folder, {"test_reads": "2"}, run_id=run_id_of(folder))
    store.delete_run(run_id_of(folder))
    deliver(folder, store)
    assert store.record(run_id_of(folder)).about.test_reads == 2


def test_slow_store_keeps_nobody_waiting(store, folder, monkeypatch):
    answers = threading.Event()
    monkeypatch.setattr(delivery, "AT_THE_END_SECONDS", 0.05)
    written = Journal(folder, ABOUT, begun=False)
    sender = Sender(folder, lambda: answers.wait() and store, written)
    sender.start()
    began = time.monotonic()
    written.metrics({"train/loss": 1.0}, 10)
    written.close()
    sender.close()
    assert time.monotonic() - began < 1.0
    assert sender.is_alive()
    answers.set()
    sender.join()
    assert is_told(folder)


def test_run_by_itself_never_takes_another_one_of_its_configuration(store, tmp_path):
    alone = About(experiment="train", name="r", params={}, tags={"config_digest": "d"})
    for name in ("mine", "yours"):
        (tmp_path / name).mkdir()
        Journal(tmp_path / name, alone, begun=False).close()
        deliver(tmp_path / name, store)
    assert len(store.records(store.experiment("train"))) == 2


@pytest.mark.parametrize("stage", range(4))
def test_delivery_that_was_cut_short_goes_on_where_it_was(store, folder, monkeypatch, stage):
    told(folder)
    steps = iter(range(10))

    def fails(method):
        def tried(*args, **kwargs):
            if next(steps) == stage:
                raise ConnectionError("reset by peer")
            return method(*args, **kwargs)

        return tried

    with monkeypatch.context() as patched:
        for name in ("create_run", "log_batch", "log_artifacts", "set_terminated"):
            patched.setattr(store._client, name, fails(getattr(store._client, name)))
        with pytest.raises(ConnectionError):
            deliver(folder, store)
    assert not is_told(folder)
    deliver(folder, store)
    assert is_told(folder)
    assert len(store.records(store.experiment("e"))) == 1
    values, pictures, tags, status = held(store, run_id_of(folder))
    assert [step for step, _, _ in values["train/loss"]] == [10, 20, 30]
    assert (pictures, tags["status"], status) == (2, "ok", "FINISHED")


class Gone:
    """A store that does not answer for a while."""

    uri = "http://gone"

    def __init__(self, times):
        self.times = times

    def __getattr__(self, name):
        self.times -= 1
        if self.times >= 0:
            raise ConnectionError("connection refused")
        raise AttributeError(name)


def test_store_that_is_gone_is_said_once_and_what_it_lacks_is_kept(folder, monkeypatch, capsys):
    told(folder)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)
    with pytest.raises(Undelivered) as said:
        deliver_all([folder, folder.parent], Gone(100))
    assert str(said.value) == (
        "tracking store 'http://gone' does not answer (connection refused): what a run told is "
        f"kept in '{folder.parents[1]}': start it again, then give the same command or `bench sync`"
    )
    assert capsys.readouterr().err.count("\n") == 1
    patience.say_back()
    assert capsys.readouterr().err == "tracking: the store answers again\n"


def test_sender_gives_up_no_value_and_keeps_nobody_waiting(store, folder, monkeypatch, capsys):
    tries = iter([ConnectionError("refused"), UnicodeError("odd"), None, None])

    def open_store():
        if (error := next(tries)) is not None:
            raise error
        return store

    written = Journal(folder, ABOUT, begun=False)
    sender = Sender(folder, open_store, written)
    monkeypatch.setattr(sender._ending, "wait", lambda _: None)
    sender.start()
    assert sender.run_id() == run_id_of(folder)
    written.metrics({"train/loss": 1.0}, 10)
    written.close()
    sender.close()
    assert is_told(folder)
    assert capsys.readouterr().err.splitlines() == [
        "tracking: the store does not answer (refused): all is kept and sent later",
        "tracking: the store answers again",
    ]


def test_full_disk_leaves_no_half_a_line(folder, monkeypatch):
    written = told(folder, last=10)
    written = Journal(folder, ABOUT, begun=True)
    size = (folder / NAME).stat().st_size

    class Full:
        def __init__(self, file):
            self.file, self.left = file, 7

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, content):
            if not self.left:
                raise OSError(28, "No space left on device")
            written, self.left = self.file.write(content[: self.left]), 0
            return written

    written._file = Full(written._file)
    with pytest.raises(OSError, match="No space"):
        written.metrics({"train/loss": 1.0}, 20)
    assert (folder / NAME).stat().st_size == size
    require_whole(folder)


@examined(max_examples=examples(1_000))
@given(st.data())
def test_damaged_journal_is_found_or_does_no_harm(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("s") / "run"
    folder.mkdir()
    told(folder)
    path = folder / NAME
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    garbage = data.draw(st.binary(min_size=0, max_size=40))
    path.write_bytes(whole[:start] + garbage + whole[start + len(garbage) :])
    if data.draw(st.booleans()):
        path.write_bytes(path.read_bytes()[: start + len(garbage)])
    if path.read_bytes() == whole:
        return
    with pytest.raises(Damaged):
        require_whole(folder)


def test_journal_of_another_run_is_told_from_ones_own(folder, tmp_path):
    other = tmp_path / "other"
    folder.rename(other)
    told(other)
    with pytest.raises(Damaged, match="belongs to 'run', not to 'other'"):
        require_whole(other)


def test_lines_are_json_that_others_can_read(folder):
    told(folder)
    lines = [json.loads(line) for line in (folder / NAME).read_text().splitlines()]
    assert lines[0]["journal"]["about"]["name"] == "r"
    assert [path.name for path in (folder / "pictures").iterdir()] == ["samples-30.png"]


def test_journal_that_is_gone_while_a_store_was_told_is_missed(folder):
    told(folder)
    require_whole(folder)
    (folder / NAME).unlink()
    with pytest.raises(Damaged, match="is gone"):
        require_whole(folder)


def test_journal_that_grows_while_it_is_looked_at_is_whole(folder, monkeypatch):
    told(folder)

    def grown(place):
        found = loaded(place)
        with monkeypatch.context() as writer:
            writer.setattr(entries, "loaded", loaded)
            told(place, last=40)
        return found

    monkeypatch.setattr(entries, "loaded", grown)
    require_whole(folder)
