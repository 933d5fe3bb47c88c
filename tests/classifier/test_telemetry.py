"""classifier/telemetry.py: nothing is looked up or kept that nobody asked for, in Python or below it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.telemetry import OFF
from helpers.commands import TINY
from helpers.paths import ROOT

# Every look-up of a name, whoever makes it, is a question to this name server: there is no other network
NAME_SERVER = """
import socket, subprocess, sys

def name(question):
    at, parts = 12, []
    while question[at]:
        parts.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(parts)

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
server.settimeout(0.2)
process = subprocess.Popen(sys.argv[1:])
while process.poll() is None:
    try:
        question, client = server.recvfrom(512)
    except TimeoutError:
        continue
    print("looked up:", name(question), flush=True)
    server.sendto(question[:2] + b"\\x81\\x83" + question[4:], client)
sys.exit(process.returncode)
"""
ALONE = """
set -e
ip link set lo up
echo nameserver 127.0.0.1 > "$1"
mount --bind "$1" /etc/resolv.conf
shift
exec "$@"
"""
CLIENT = """
import sys, time, urllib.request
url = "http://127.0.0.1:7860"
for _ in range(600):
    try:
        urllib.request.urlopen(url + "/gradio_api/info", timeout=10).read()
        break
    except OSError:
        time.sleep(0.2)
photo = open(sys.argv[1], "rb").read()
answer = urllib.request.urlopen(urllib.request.Request(url + "/classify", photo), timeout=60).read()
print("answered:", answer.decode()[:200], flush=True)
"""
APP = """
import signal, subprocess, sys, time
app = subprocess.Popen([sys.executable, "app.py"])
subprocess.run([sys.executable, "-c", sys.argv[1], "examples/teddy-1.jpg"], timeout=200, check=True)
time.sleep(float(sys.argv[2]))
app.send_signal(signal.SIGINT)
app.wait(60)
"""
OPENED = "import onnxruntime, time; onnxruntime.InferenceSession('export.onnx'); time.sleep({seconds})"
LONG = 15  # seconds: onnxruntime would report some 10 s after a model was opened


@pytest.fixture
def alone(tmp_path):
    """A function that runs Python in a network of its own; returns its output and the names that were looked up."""
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "ip", "mount"))):
        pytest.skip("a network of one's own needs Linux with util-linux and iproute2")
    if subprocess.run(
        ["unshare", "-rnm", "sh", "-c", ALONE, "sh", tmp_path / "resolv.conf", "true"], capture_output=True
    ).returncode:
        pytest.skip("this user may not make a network of one's own (unshare -rnm)")
    (tmp_path / "home").mkdir()

    def run(*arguments, **environment) -> tuple[str, set[str]]:
        unset = {name: value for name, value in os.environ.items() if name not in OFF}
        done = subprocess.run(
            [
                "unshare",
                "-rnm",
                "sh",
                "-c",
                ALONE,
                "sh",
                tmp_path / "resolv.conf",
                sys.executable,
                "-c",
                NAME_SERVER,
                sys.executable,
                *arguments,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            env={**unset, "HOME": str(tmp_path / "home"), **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, set(line.partition(": ")[2] for line in done.stdout.splitlines() if "looked up" in line)

    return run


def kept(home: Path) -> list[str]:
    """Return the files that name this machine to somebody."""
    return [str(file) for file in home.rglob("*") if "Microsoft" in file.parts]


def test_what_is_off_can_be_asked_for():
    code = "import classifier, os; print({name: os.environ[name] for name in classifier.telemetry.OFF})"
    for given in ({}, {"ORT_DISABLE_TELEMETRY": "0", "GRADIO_ANALYTICS_ENABLED": "True"}):
        unset = {name: value for name, value in os.environ.items() if name not in OFF}
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**unset, **given}, capture_output=True, text=True
        )
        assert run.stdout.strip() == str({**OFF, **given}), run.stderr


@pytest.mark.parametrize("module", ["app", "training", "training.clean.page", "benchmarks", "classifier.__main__"])
def test_it_is_off_before_a_library_that_reports_is_imported(module):
    code = f"""
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("onnxruntime", "gradio", "huggingface_hub"):
            assert os.environ.get("ORT_DISABLE_TELEMETRY") == "1", name
            assert os.environ.get("GRADIO_ANALYTICS_ENABLED") == "False", name
sys.meta_path.insert(0, Watch())
import {module}
"""
    unset = {name: value for name, value in os.environ.items() if name not in OFF}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, env=unset, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_the_name_server_hears_every_look_up(alone):
    """The counter-test of the others: what they say is never looked up would have been heard."""
    code = "import socket\ntry: socket.getaddrinfo('somebody.example.', 443)\nexcept OSError: pass"
    assert alone("-c", code)[1] == {"somebody.example"}


@pytest.mark.slow
def test_the_name_server_hears_what_onnxruntime_would_report(alone, tmp_path):
    """What is turned off is real; when onnxruntime reports is its own affair, and on some machines it never does."""
    _, names = alone("-c", OPENED.format(seconds=LONG), ORT_DISABLE_TELEMETRY="0")
    if not names and not kept(tmp_path / "home"):
        pytest.skip(f"onnxruntime had reported nothing {LONG} s after it opened a model, here and now")


@pytest.mark.slow
def test_the_app_starts_answers_and_stops_and_looks_nothing_up(alone, tmp_path):
    output, names = alone("-c", APP, CLIENT, str(LONG), GRADIO_SERVER_PORT="7860")
    assert '"label":"teddy"' in output.replace(" ", "")
    assert names <= {"localhost"} and kept(tmp_path / "home") == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "data", "classifier"])
def test_a_command_looks_nothing_up(alone, tmp_path, photos, command):
    arguments = {
        "train": ("training.train", photos, *TINY, "--out", tmp_path / "export.pkl"),
        "data": ("training.data", photos),
        "classifier": ("classifier", photos, "--out", tmp_path / "answers.csv"),
    }[command]
    _, names = alone("-W", "ignore", "-m", *map(str, arguments))
    assert names <= {"localhost"} and kept(tmp_path / "home") == []
