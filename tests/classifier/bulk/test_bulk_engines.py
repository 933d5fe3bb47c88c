"""python -m classifier --engine: the answers are those of this process, whoever dies meanwhile."""

import importlib.util
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pip install -r classifier/bulk/requirements.txt")

from classifier import Classifier
from helpers.bulk import EXPORT, answered, counts, finished, rows_in, start, write_photos
from helpers.paths import ROOT
from helpers.poison import IMPATIENCE, environment, poisoned, processes_with, until, waiting

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="it finds and kills processes as Linux has them"),
]
MODULES = {"dask": "distributed", "ray": "ray"}
SENTENCES = {
    "broken.jpg": "This file is not a photo.",
    "empty.jpg": "This file is empty.",
    "end.jpg": "This photo could not be opened: it ended the program.",
    "hang.jpg": "This photo could not be opened: it took more than 8 seconds.",
    "memory.jpg": "This photo failed: MemoryError.",
    "raise.jpg": "This photo failed: ZeroDivisionError.",
}
KINDS = ("end", "memory", "raise")  # none that hangs: another photo waits


def need(engine: str) -> None:
    """Skip the test where an engine is not installed."""
    if importlib.util.find_spec(MODULES[engine]) is None:
        pytest.skip(f"pip install -r classifier/bulk/requirements-{engine}.txt")


@pytest.fixture(params=MODULES)
def engine(request) -> str:
    need(request.param)
    return request.param


@pytest.fixture
def photos(tmp_path) -> Path:
    """Twenty photos, and one that waits in the middle of them."""
    folder = write_photos(tmp_path / "photos")
    (folder / "010.png").write_bytes(poisoned("wait", (folder / "010.png").read_bytes()))
    return folder


@contextmanager
def cluster(engine: str, env: dict[str, str], cwd: Path):
    """Yield the process of a cluster, and its address."""
    command = [sys.executable, "-W", "ignore", ROOT / "tests" / "helpers" / "clusters.py", engine]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=env, cwd=cwd, text=True, **pipes)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.communicate("", timeout=120)


def go(folder: Path) -> None:
    """Let the photos go on that wait."""
    (folder / "GO").touch()


def killed(processes: set[int]) -> int:
    """Kill those that live, and return how many."""
    n = 0
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            n += 1
    return n


def assert_answers(folder: Path, rows: dict[str, dict], names: set[str]) -> None:
    """Assert that each photo has a row, and the good ones what a classifier in this process says of them."""
    assert set(rows) == {f"{i:03}.png" for i in range(20)} | names
    classifier = Classifier.load(EXPORT)
    for name, row in rows.items():
        if name in SENTENCES:
            assert row["error"].startswith(SENTENCES[name]) and row["label"] is None
        elif name != "010.png":  # which begins with what makes it wait
            prediction = classifier.predict(folder / name)
            assert (row["label"], row["error"]) == (prediction.label, None)
            assert row["probability"] == pytest.approx(prediction.probabilities[prediction.label], abs=1e-6)


def test_killed_worker_and_poisonous_photos_cost_no_other_photo(engine, photos, tmp_path):
    env = environment(tmp_path)
    for kind in KINDS:
        (photos / f"{kind}.jpg").write_bytes(poisoned(kind))
    (photos / "broken.jpg").write_text("no photo")
    (photos / "empty.jpg").touch()
    run = start(photos, tmp_path / "out", "--engine", engine, "--workers", 2, "--part-size", 4, env=env)
    until(lambda: killed(waiting(tmp_path)))
    go(tmp_path)
    said = finished(run)
    assert len(said.splitlines()) == 1 and counts(said) == (25, 25, 25, 0) and ", 5 without an answer," in said
    assert_answers(photos, rows_in(tmp_path / "out"), set(SENTENCES) - {"hang.jpg"})
    assert len(list(tmp_path.glob("ENDED-*"))) <= 3
    assert not list((tmp_path / "out" / "trying").iterdir())
    until(lambda: not processes_with(tmp_path))


def test_photo_that_hangs_costs_its_row_and_leaves_no_process(engine, photos, tmp_path):
    env = environment(tmp_path, IMPATIENCE)
    go(tmp_path)
    (photos / "hang.jpg").write_bytes(poisoned("hang"))
    said = answered(photos, tmp_path / "out", "--engine", engine, "--workers", 1, "--part-size", 10, env=env)
    assert counts(said) == (21, 21, 21, 0) and ", 1 without an answer," in said
    assert_answers(photos, rows_in(tmp_path / "out"), {"hang.jpg"})
    until(lambda: not processes_with(tmp_path))


def test_killed_driver_leaves_nobody_and_the_same_command_goes_on_beside_another(engine, photos, tmp_path):
    env = environment(tmp_path)
    given = (photos, tmp_path / "out", "--part-size", 4)
    run = start(*given, "--engine", engine, "--workers", 2, env=env)
    until(lambda: waiting(tmp_path) and list((tmp_path / "out" / "parts").glob("*")))
    run.kill()
    run.communicate()
    until(lambda: not processes_with(tmp_path))
    before = len(rows_in(tmp_path / "out"))
    assert 0 < before < 20
    go(tmp_path)
    both = start(*given, "--engine", engine, "--workers", 1, env=env), start(*given, env=env)
    for said in map(finished, both):
        there, n, now, earlier = counts(said)
        assert there == n == 20 and now + earlier == 20 and earlier >= before
    assert_answers(photos, rows_in(tmp_path / "out"), set())


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupt_ends_with_a_sentence(engine, end, photos, tmp_path):
    env = environment(tmp_path)
    given = (photos, tmp_path / "out", "--part-size", 4)
    run = start(*given, "--engine", engine, "--workers", 2, env=env, start_new_session=True)
    until(lambda: waiting(tmp_path))
    if end == signal.SIGINT:
        os.killpg(run.pid, end)  # as a terminal does
    else:
        run.send_signal(end)  # as a scheduler does
    said = finished(run, 130)
    assert "stopped at" in said and said.endswith("the same command goes on\n") and len(said.splitlines()) == 1
    until(lambda: not processes_with(tmp_path))


def test_dask_cluster_at_an_address_answers_what_relative_paths_name(photos, tmp_path):
    need("dask")
    env = environment(tmp_path)
    go(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with cluster("dask", env, tmp_path / "elsewhere") as (_, address):
        options = ("--part-size", 4, "--engine", "dask", "--address", address)
        said = answered("photos", "out", *options, env=env, cwd=tmp_path)
    assert counts(said) == (20, 20, 20, 0)
    rows = rows_in(tmp_path / "out")
    assert {Path(row["file"]).parent.name for row in rows.values()} == {"photos"}
    assert_answers(photos, rows, set())


def test_ray_node_that_goes_costs_no_photo(photos, tmp_path):
    need("ray")
    env = environment(tmp_path)
    with cluster("ray", env, tmp_path) as (nodes, address):
        run = start(photos, tmp_path / "out", "--part-size", 2, "--engine", "ray", "--address", address, env=env)
        until(lambda: waiting(tmp_path))
        nodes.stdin.write(f"{min(waiting(tmp_path))}\n")
        nodes.stdin.flush()
        assert nodes.stdout.readline() == "removed\n"
        go(tmp_path)
        assert counts(finished(run)) == (20, 20, 20, 0)
    assert_answers(photos, rows_in(tmp_path / "out"), set())


def test_ray_cluster_that_is_not_there_gets_one_sentence(photos, tmp_path):
    need("ray")
    said = answered(photos, tmp_path / "out", "--engine", "ray", "--address", "127.0.0.1:9", code=1)
    assert "127.0.0.1:9" in said and len(said.splitlines()) == 1
