"""Runs on a cluster of Ray: placed, refused in one sentence, and the same to the last bit after any death."""

import asyncio
import errno
import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fault_lab import Lab, one_sentence

from bench.datasets import installed_file, spec_of
from bench.engines import Placement, engine_of, num_jobs
from bench.engines._dependencies import (
    Dependencies,
    NeededFile,
    adopt_environment,
    dependencies_of,
    shared_environment,
    with_dependencies,
)
from bench.engines._ray_cluster import connect, in_time, require_nodes
from bench.engines._ray_node import (
    Coordinator,
    RemoteTask,
    _judged,
    _sigterm_stops,
    _Stop,
    work,
)
from bench.engines.ray import RayTasks
from bench.engines.task import Task
from bench.errors import DiskTrouble, Interrupted, NoWorkers, UsageError
from bench.files import file_digest
from bench.models import configure
from bench.tracking.entries import About

CPU = torch.device("cpu")
SEEK = '''"""A search of one arm."""
from bench.plan import Arm, LogUniform, Search, Study, Tier

STUDY = Study(
    name="seek",
    question="Which rate?",
    arms=(Arm(name="vae", model="vae_mlp"),),
    search=Search(
        spaces={"vae": {"model.lr": LogUniform(low=1e-5, high=1e-2)}}, validations=4, startup=2
    ),
    tiers={"classroom": Tier(dataset="digits", seeds=1, settings={"train.num_images": 1_280})},
)
'''


def task_of(plugins=(), **settings):
    config = configure("vae_mlp", settings)
    about = About(experiment="e", name="n", params={}, tags={})
    return Task(params=config.params(), about=about, folder="f", uri="u", plugins=plugins)


def test_option_of_a_cluster_is_refused_by_an_engine_of_this_machine():
    with pytest.raises(UsageError, match="engine 'local' runs on this machine: --ray-address"):
        engine_of(None, Placement(address="auto"))
    for wrong in (-1.0, 0.0, float("nan"), float("inf")):
        with pytest.raises(
            UsageError, match=f"--cpus-per-run takes a number above 0, got {wrong:g}"
        ):
            Placement(cpus=wrong)
    with pytest.raises(UsageError, match=r"part of one GPU or whole ones, got 1\.5: give 1"):
        Placement(gpus=1.5)
    assert engine_of("ray", Placement(cpus=2.0)).placement.cpus == 2.0
    assert engine_of("ray").placement == Placement()


def test_without_ray_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'latentbench\[ray\]'"):
        num_jobs("2", "ray", CPU)


def test_a_run_has_as_many_cores_as_it_is_to_have(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert num_jobs("auto", "ray", CPU) == 6
    assert num_jobs("auto", engine_of("ray", Placement(cpus=2.0)), CPU) == 3
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    cuda = torch.device("cuda")
    assert num_jobs("auto", "ray", cuda) == 4  # a quarter of the GPU each
    assert num_jobs("auto", engine_of("ray", Placement(gpus=1.0)), cuda) == 1


def test_help_imports_no_ray():
    code = "import sys, bench.engines, bench.cli.run; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_plugin_that_a_machine_lacks_is_brought_once_and_never_written_over(tmp_path, monkeypatch):
    plugin = tmp_path / "driver" / "mine.py"
    plugin.parent.mkdir()
    plugin.write_text("X = 1\n")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "node"))
    task = task_of(plugins=(str(plugin),))
    needed = dependencies_of(task)
    assert with_dependencies(task, needed, None, "n").plugins == (
        str(plugin),
    )  # it is seen: nothing to bring
    plugin.rename(tmp_path / "gone.py")
    asked = []

    def content(file):
        asked.append(file.name)
        return b"X = 1\n"

    here = Path(with_dependencies(task, needed, content, "n").plugins[0])
    assert with_dependencies(task, needed, content, "n").plugins == (str(here),)
    assert (len(asked), here.read_text()) == (1, "X = 1\n")
    here.write_text("X = 2\n")
    with pytest.raises(UsageError, match="on n is another file than the driver's"):
        with_dependencies(task, needed, content, "n")


def test_data_set_travels_with_its_run(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "driver"))
    (tmp_path / "driver").mkdir()
    installed_file("mnist").write_bytes(b"images")
    needed = dependencies_of(task_of(**{"data.dataset": "mnist"}))
    digest = file_digest(installed_file("mnist"))
    assert needed == Dependencies(
        files=(NeededFile(name="mnist.npz", digest=digest, source=str(installed_file("mnist"))),),
        dataset="mnist",
    )
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "node"))
    with_dependencies(task_of(), needed, lambda _: b"images", "n")
    assert (tmp_path / "node" / "mnist.npz").read_bytes() == b"images"


def test_own_images_have_to_be_on_every_machine_and_the_same(tmp_path):
    path = tmp_path / "x.npz"
    needed = Dependencies(files=(), dataset=f"npz,gray:{path}", images="d1")
    with pytest.raises(
        UsageError, match=r"the images of npz,gray:.* are not on n: put '/.*x\.npz'"
    ):
        with_dependencies(task_of(), needed, None, "n")
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(path, x=images)
    digest = spec_of(needed.dataset).digest
    with pytest.raises(UsageError, match=rf"the npz '/.*' on n .* \(digest {digest}\) .* \(d1\)"):
        with_dependencies(task_of(), needed, None, "n")
    with_dependencies(task_of(), replace(needed, images=digest), None, "n")


def test_what_the_driver_has_in_its_environment_fills_gaps_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "mine")
    monkeypatch.delenv("BENCH_DATA", raising=False)
    assert shared_environment() == {"MLFLOW_TRACKING_TOKEN": "mine"}
    adopt_environment({"MLFLOW_TRACKING_TOKEN": "other", "BENCH_DATA": str(tmp_path / "none")})
    assert (os.environ["MLFLOW_TRACKING_TOKEN"], "BENCH_DATA" in os.environ) == ("mine", False)


def test_worker_prints_without_passwords_into_a_log_that_another_one_may_have_had(tmp_path):
    code = """
import os, socket, sys
from pathlib import Path
from bench.engines._ray_node import _log_into
log = Path(f"ray-{socket.gethostname()}-{os.getpid()}.log")
log.write_text("before\\n")
for each in ("one", "two"):
    _log_into(Path.cwd())
    print(f"{each} postgresql://me:secretword@host/x", file=sys.stderr)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    (log,) = tmp_path.glob("ray-*.log")
    assert log.read_text().splitlines() == [
        "before",
        *(f"{each} postgresql://me:***@host/x" for each in ("one", "two")),
    ]


def test_wish_to_end_is_answered_as_before_ray(monkeypatch):
    import ray

    def init(**_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Ray puts its own there

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr("bench.engines._ray_cluster._joined", False)
    before = signal.getsignal(signal.SIGTERM)
    connect(Placement(), jobs=1)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("address", "stored"), [("auto", [b"images"]), (None, [])])
def test_data_set_is_kept_in_ray_once_and_only_where_it_may_travel(
    tmp_path, monkeypatch, address, stored
):
    import ray

    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    installed_file("mnist").write_bytes(b"images")
    put = []
    monkeypatch.setattr(ray, "put", put.append)
    made = RayTasks.placed(Placement(address=address))(1, tmp_path)
    for samples in (100, 200):
        task = task_of(**{"data.dataset": "mnist", "eval.max_samples": samples})
        (file,) = made._dependencies_of(task).files
    assert put == stored
    assert list(made._stored) == [file.digest] * len(stored)


def test_trial_ends_early_where_the_driver_says_so():
    async def asked(verdict):
        coordinator = Coordinator()
        trial = asyncio.create_task(coordinator.ask("runs/a", [3.0, 4.0]))
        await asyncio.sleep(0)
        assert await coordinator.questions() == [("runs/a", [3.0, 4.0])]
        await coordinator.answer("runs/a", verdict)
        assert await coordinator.questions() == []
        return await trial

    assert [asyncio.run(asked(verdict)) for verdict in (True, False)] == [True, False]


def test_full_disk_of_a_node_that_brings_data_is_no_lost_worker(tmp_path, monkeypatch):
    import ray

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.engines._ray_node._log_into", lambda _: None)
    monkeypatch.setattr("bench.engines._dependencies.written_whole", full)
    monkeypatch.setattr(ray, "get", lambda _: True)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "node"))
    file = NeededFile(name="mnist.npz", digest="0", source="/d/mnist.npz")
    coordinator = FakeCoordinator(stopped=SimpleNamespace(remote=lambda: None))
    sent = RemoteTask(task_of(), Dependencies(files=(file,)), {}, coordinator, {}, tmp_path)
    kind, said = work(sent)
    assert (kind, type(said)) == ("trouble", DiskTrouble)
    assert re.search("/node' has no space left on its disk: free some", str(said))


def test_question_whether_to_stop_does_not_stay_open(monkeypatch):
    async def asked():
        coordinator = Coordinator()
        before = await coordinator.stopped()
        waiting = asyncio.create_task(coordinator.stopped())
        await coordinator.stop()
        return before, await waiting, await coordinator.stopped()

    monkeypatch.setattr("bench.engines._ray_node.HEAR_SECONDS", 0.05)
    assert asyncio.run(asked()) == (False, True, True)


@pytest.fixture
def nodes(monkeypatch):
    """What two nodes answer to a probe, or the error of one."""
    import ray

    answers = []

    def get(_):
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers

    probe = SimpleNamespace(remote=lambda _: None)
    monkeypatch.setattr(ray, "remote", lambda _: SimpleNamespace(options=lambda **_: probe))
    monkeypatch.setattr(ray, "get", get)
    two = [{"NodeManagerAddress": f"10.0.0.{n}", "NodeID": f"{n:056x}"} for n in (1, 2)]
    monkeypatch.setattr("bench.engines._ray_cluster.live_nodes", lambda: two)
    return answers


def test_node_without_bench_is_told_with_what_helps(nodes, tmp_path):
    import ray

    nodes.append(ray.exceptions.RaySystemError("traceback\nNo module named 'bench'\n"))
    task = replace(task_of(), uri="http://server:5000")
    said = r"cannot run bench .* \(No module named 'bench'\): install it there"
    with pytest.raises(UsageError, match=said):
        require_nodes(task, tmp_path)


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "postgresql+psycopg://me@db/mlflow"])
def test_several_machines_need_a_server_that_keeps_pictures(nodes, tmp_path, uri):
    with pytest.raises(
        UsageError, match=r"has 2 machines, and the tracking store .* MLflow server"
    ):
        require_nodes(replace(task_of(), uri=uri), tmp_path)


def test_node_that_came_later_and_sees_no_root_trains_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.engines._ray_node._log_into", lambda _: None)
    secret = {"MLFLOW_TRACKING_PASSWORD": "secretword"}
    sent = RemoteTask(task_of(), Dependencies(files=()), {}, None, secret, tmp_path / "runs")
    assert "secretword" not in repr(sent)
    kind, said = work(sent)
    assert kind == "trouble"
    assert re.search("does not see the folder '.*/runs', .* give --root", str(said))
    assert not (tmp_path / "runs").exists()


class FakeCoordinator(SimpleNamespace):
    """A handle of one, which is a key as Ray's are."""

    __hash__ = object.__hash__


def test_runs_of_a_worker_listen_once_until_they_are_told_to_stop(monkeypatch):
    """A coordinator answers so many calls at a time: one that stays open for each run would close it."""
    import ray

    told, calls = threading.Event(), []
    monkeypatch.setattr(ray, "get", lambda _: told.wait(30))
    coordinator = FakeCoordinator(stopped=SimpleNamespace(remote=lambda: calls.append("stopped")))
    first, second = _Stop.of(coordinator), _Stop.of(coordinator)
    assert first is second
    wait_for(lambda: calls, "it listens", 30.0)
    assert (calls, first.asked()) == (["stopped"], False)
    told.set()
    wait_for(first.asked, "it is told", 30.0)
    assert (
        _Stop.of(coordinator) is not first
    )  # the next run asks again: the coordinator may only have been away


def test_sigterm_stops_a_run_and_then_ends_its_worker(monkeypatch):
    monkeypatch.setattr("bench.engines._ray_node.LAST_WORD_SECONDS", 0.05)
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    stop = SimpleNamespace(ask=lambda: asked.append(True))
    asked = []
    try:
        with _sigterm_stops(stop):
            signal.raise_signal(signal.SIGTERM)
            assert (asked, ended.is_set()) == ([True], False)
        wait_for(ended.is_set, "it ends as Ray ends it", 30.0)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_trial_that_waits_for_the_driver_hears_that_it_is_to_stop(monkeypatch):
    import ray

    stop = SimpleNamespace(asked=lambda: bool(waited))
    waited = []
    monkeypatch.setattr(ray, "wait", lambda asked, timeout: waited.append(timeout) or ([], asked))
    coordinator = FakeCoordinator(ask=SimpleNamespace(remote=lambda *_: "answer"))
    with pytest.raises(Interrupted, match="while it waited for the driver"):
        _judged(coordinator, "runs/a", stop, [3.0])


@pytest.mark.parametrize("callers", [True, False])
def test_ray_of_a_python_caller_is_used_and_stays(tmp_path, monkeypatch, callers):
    import ray

    monkeypatch.setattr("bench.engines._ray_cluster._joined", False)
    there, ended = [True] if callers else [], []
    monkeypatch.setattr(ray, "is_initialized", lambda: bool(there))
    monkeypatch.setattr(ray, "init", lambda **_: there.append(True))
    monkeypatch.setattr(ray, "shutdown", lambda: ended.append(True))
    connect(Placement(), jobs=1)
    made = RayTasks(1, tmp_path)
    made._coordinator = FakeCoordinator(stop=SimpleNamespace(remote=lambda: None))
    made.close()
    made.close()
    assert ended == ([] if callers else [True])


def busy_tasks(tmp_path, monkeypatch, said):
    """An engine with one task, of which Ray says something, and whose actor has died."""
    import ray

    def get(reference, timeout=None):
        if reference == "task":
            return said()
        raise ray.exceptions.ActorDiedError

    monkeypatch.setattr(ray, "wait", lambda asked, **_: (asked, []))
    monkeypatch.setattr(ray, "get", get)
    made = RayTasks(1, tmp_path)
    questions = SimpleNamespace(remote=lambda: "questions")
    made._coordinator = FakeCoordinator(questions=questions)
    made._busy = {"task": (replace(task_of(), folder=str(tmp_path)), lambda _: False)}
    return made


def died():
    import ray

    raise ray.exceptions.WorkerCrashedError


@pytest.mark.parametrize("said", [lambda: ("interrupted", None), died])
def test_lost_actor_is_one_sentence_and_no_failure_of_its_runs(tmp_path, monkeypatch, said):
    made = busy_tasks(tmp_path, monkeypatch, said)
    lost = r"^Ray lost the actor of this command, .* \(ActorDiedError: .*[^.]\): every run keeps"
    with pytest.raises(NoWorkers, match=lost):
        made.wait(1.0)


def test_result_of_a_run_counts_though_the_actor_is_lost(tmp_path, monkeypatch):
    made = busy_tasks(tmp_path, monkeypatch, lambda: ("result", "it"))
    assert [each.result for each in made.wait(1.0)] == ["it"]


def test_head_that_says_nothing_is_one_sentence(monkeypatch):
    monkeypatch.setattr("bench.engines._ray_cluster.STOP_SECONDS", 0.05)
    for_good = threading.Event()
    with pytest.raises(NoWorkers, match=r"^Ray lost the head of the cluster \(no answer in"):
        in_time(for_good.wait)
    for_good.set()
    assert in_time(lambda: 3) == 3


def workers(folder):
    """Process ids of the workers that have begun a task."""
    return [int(re.search(r"-(\d+)\.log", p.name)[1]) for p in folder.glob("runs/*/ray-*.log")]


def wait_for(seen, what, seconds=240.0):
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core on this machine."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=small)
    made.second = made.add_node(num_cpus=1, object_store_memory=100 << 20)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What the study gives in one process that nothing befalls."""
    lab = Lab(tmp_path_factory.mktemp("alone"))
    lab.write_study(num_images=3_000, seeds=2)
    code, said = lab.bench("run", "--study", "tiny", "--jobs", "1", timeout=300)
    assert code == 0, said
    return lab


OF_ITS_OWN = {"Budget", "Provenance", "Runs and cost", "Quality and cost", "Who wins at equal cost"}
"""Sections with ids of runs, commands, places or seconds."""


def report(lab):
    """Title to text, without ids of runs and the links that a server has.

    A run that is killed as it measures opens the test split again, and the report says which.
    """
    code, said = lab.bench("report", "--study", "tiny", timeout=200)
    assert code == 0, said
    text = (lab.folder / "reports" / "tiny" / "README.md").read_text()
    text = re.sub(r"; more often: (`[0-9a-f]{32}` \(\d times\)(, | and )?)+", "", text)
    text = re.sub(r"\[(`RUN`)\]\([^)]*\)", r"\1", re.sub(r"[0-9a-f]{32}", "RUN", text))
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    found = zip(["", *parts[1::2]], parts[0::2], strict=True)
    return {title: text for title, text in found if title not in OF_ITS_OWN}


@pytest.mark.ray
@pytest.mark.postgres
def test_cluster_gives_the_same_report_though_a_worker_a_node_and_the_driver_die(
    cluster, alone, postgres, migrated_postgres, tmp_path
):
    """Optuna and an MLflow server on PostgreSQL; each loss once, on a cluster of two nodes."""
    from postgres_server import mlflow_serving

    tracked = postgres.database("tracked_by_ray", like=migrated_postgres)
    with mlflow_serving(tmp_path / "server", tracked) as server:
        lab = Lab(tmp_path / "lab", server.uri)
        lab.write_study(num_images=3_000, seeds=2)
        there = ("--engine", "ray", "--ray-address", cluster.address, "--jobs", "2")
        storage = postgres.database("optuna_of_ray")
        command = ("run", "--study", "tiny", *there, "--storage", storage)
        driver = lab.start(*command)
        wait_for(lambda: len(workers(lab.folder)) == 2, "two workers begin")
        wait_for(lambda: list(lab.folder.glob("runs/*/*/last.pt")), "one has a checkpoint")
        os.kill(workers(lab.folder)[0], signal.SIGKILL)
        wait_for(lambda: len(workers(lab.folder)) > 2, "another one takes its place")
        cluster.remove_node(cluster.second, allow_graceful=False)
        wait_for(lambda: list(lab.folder.glob("runs/*/*/result.json")), "a run ends")
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate()
        cluster.second = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        code, said = lab.bench(*command, timeout=300)
        assert code == 0, said
        assert lab.values() == alone.values()
        assert lab.curves() == alone.curves()
        assert lab.doubled() == []
        assert report(lab) == report(alone)


@pytest.mark.ray
def test_interrupted_cluster_keeps_checkpoints_and_continues(cluster, alone, tmp_path):
    lab = Lab(tmp_path)
    lab.write_study(num_images=3_000, seeds=2)
    command = ("run", "--study", "tiny", "--engine", "ray", "--ray-address", cluster.address)
    driver = lab.start(*command)
    wait_for(lambda: workers(tmp_path), "a worker begins")
    os.killpg(driver.pid, signal.SIGINT)
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    code, said = lab.bench(*command, timeout=300)
    assert (code, lab.values()) == (0, alone.values()), said


@pytest.mark.ray
def test_search_asks_the_driver_from_the_cluster(cluster, tmp_path):
    """Trials are told and pruned as by a process of its own: the same choices, the same curves."""
    curves, statuses = [], []
    for engine in (("--engine", "ray", "--ray-address", cluster.address), ()):
        lab = Lab(tmp_path / f"{len(engine)}")
        lab.write_study()
        (lab.folder / "studies" / "seek.py").write_text(SEEK)
        command = ("run", "--study", "seek", "--trials", "6", "--jobs", "1", *engine)
        code, said = lab.bench(*command, timeout=400)
        assert code == 0, said
        curves.append([each for each in lab.curves() if each[2].startswith("val/fd")])
        statuses.append(lab.statuses())
    assert curves[0] == curves[1] != []
    assert statuses[0] == statuses[1]
    assert statuses[0]["pruned"] == 1


def test_address_where_nothing_answers_is_one_sentence():
    far = engine_of("ray", Placement(address="127.0.0.1:1"))
    with pytest.raises(UsageError, match=r"no Ray cluster answers at '127.0.0.1:1' \(Connection"):
        num_jobs("auto", far, CPU)


def test_file_of_another_content_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"other")
    needed = Dependencies(files=(NeededFile(name="mnist.npz", digest="0", source="/d/mnist.npz"),))
    with pytest.raises(
        UsageError, match=r"mnist.npz' on n is another file .* '/d/mnist.npz': move"
    ):
        with_dependencies(task_of(), needed, None, "n")


LONG = 40_000_000
SELDOM = ("--set", "num_logs=10000", "--set", "num_validations=1")
"""Of a run of hours: its logs come every few seconds, its checkpoint at the end."""


def kept(folder):
    return list(folder.glob("runs/*/*/last.pt"))


def training(lab, *options):
    """A driver on Ray, one of whose runs of hours tells its losses."""
    lab.write_study(num_images=LONG, seeds=1)
    driver = lab.start("run", "--study", "tiny", *SELDOM, "--engine", "ray", *options)
    journals = lab.folder.glob
    wait_for(
        lambda: any("train/" in each.read_text() for each in journals("runs/*/*/journal.jsonl")),
        "a run tells its losses",
    )
    return driver


def named(words, parents):
    """Process ids of the children of some processes whose command begins so."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if parent in parents and words in command:
            found.append(int(path.name))
    return found


def raylets(cluster):
    return {node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()}


@pytest.mark.ray
def test_worker_that_is_told_to_end_keeps_what_it_trained(cluster, tmp_path):
    lab = Lab(tmp_path)
    driver = training(lab, "--ray-address", cluster.address, "--jobs", "1")
    (worker,) = workers(tmp_path)
    os.kill(worker, signal.SIGTERM)
    wait_for(lambda: kept(tmp_path), "its state is kept", 60.0)
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), "it ends", 60.0)
    wait_for(lambda: len(workers(tmp_path)) > 1, "another one goes on")
    os.killpg(driver.pid, signal.SIGINT)
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130, said
    assert "(3 times)" not in said  # the worker that ended was given no run again


@pytest.mark.ray
def test_command_whose_actor_dies_ends_in_a_sentence_and_keeps_its_runs(cluster, tmp_path):
    lab = Lab(tmp_path)
    driver = training(lab, "--ray-address", cluster.address, "--jobs", "1")
    (actor,) = named("ray::Coordinator", raylets(cluster))
    os.kill(actor, signal.SIGKILL)
    said, _ = driver.communicate(timeout=180)
    assert driver.returncode == 1, said
    assert one_sentence(said).startswith("bench: Ray lost the actor of this command, which its")
    assert kept(tmp_path)
    assert not list(tmp_path.glob("runs/*/*/result.json"))


@pytest.mark.ray
def test_command_whose_cluster_loses_its_head_ends_in_a_sentence(tmp_path):
    lab = Lab(tmp_path)
    driver = training(lab, "--jobs", "1")
    (head,) = named("gcs_server", {driver.pid})
    os.kill(head, signal.SIGKILL)
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 1, said
    assert "bench: Ray lost the " in said  # the head, or the cluster that no longer answers
    assert "Traceback" not in said
    # Nobody tells the workers: what a run keeps is its last checkpoint, which this one has not had.
    assert not list(tmp_path.glob("runs/*/*/result.json"))


@pytest.mark.ray
def test_interrupted_ray_of_this_machine_keeps_checkpoints_and_leaves_no_process(tmp_path):
    lab = Lab(tmp_path)
    driver = training(lab, "--jobs", "2")
    (raylet,) = named("/raylet ", {driver.pid})
    os.killpg(driver.pid, signal.SIGINT)
    said, _ = driver.communicate(timeout=180)
    assert driver.returncode == 130, said
    assert "interrupted; the same command continues" in one_sentence(said)
    wait_for(lambda: not Path(f"/proc/{raylet}").exists(), "Ray ends with it", 60.0)
    assert kept(tmp_path)


@pytest.mark.ray
def test_study_from_python_uses_the_ray_that_is_there_and_leaves_it(tmp_path):
    lab = Lab(tmp_path)
    lab.write_study(num_images=640, seeds=1)
    code = """
import ray
from bench import run
ray.init("local", num_cpus=2, object_store_memory=100 << 20, include_dashboard=False)
node = ray.get_runtime_context().get_node_id()
found = run("tiny", engine="ray", jobs=2, tracking_uri=__import__("sys").argv[3])
assert sum(found.runs.values()) == 2, found
assert ray.get_runtime_context().get_node_id() == node
assert ray.get(ray.remote(lambda: 3).remote()) == 3
"""
    process = lab.start_python(code, "run")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
