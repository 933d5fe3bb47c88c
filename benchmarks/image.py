"""Build what the Dockerfile says without a container engine, and measure it: size, start, memory, end.

Usage:

    python -m benchmarks.image                # 3 minutes; as root on Linux, since it mounts and changes roots

Each step runs in a root of its own, over this machine's /usr (read-only) and the Python that --python names in
/usr/local. The app then runs as the image has it run: by the user in USER, on a file system that it cannot write to but
for an empty /tmp. The sizes are those of the files in all layers but the base image's, which are not here.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from fastcore.script import CliError, call_parse

from .measuring.balancer import ROOT

READ_ONLY = ("/usr", "/etc", "/opt")
PORT = 7860
START_SECONDS = 60


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile: each its name and the rest of its lines."""
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.M).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def ignored(path: Path, patterns: list[str]) -> bool:
    """Return whether .dockerignore leaves a path of the project out: its last pattern that fits decides."""
    out = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        parts = [path.as_posix(), *(parent.as_posix() for parent in path.parents)]
        if any(fnmatch(part, bare) or fnmatch(Path(part).name, bare) for part in parts[:-1] or parts):
            out = not pattern.startswith("!")
    return out


class Stage:
    """One stage of the Dockerfile: a root of its own, and what its instructions have set."""

    def __init__(self, root: Path, python: Path) -> None:
        self.root, self.python, self.workdir, self.user = root, python, "/", "0:0"
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTP"))}
        self.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        self.environment["LD_LIBRARY_PATH"] = "/usr/local/lib"  # the base image has told its linker
        for name in ("usr", "etc", "opt", "dev", "proc", "tmp"):
            (root / name).mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (root / name).symlink_to(f"usr/{name}")

    def command(self, command: list[str], read_only: bool = False) -> list[str]:
        """Return the command line that runs a command inside."""
        root = shlex.quote(str(self.root))
        mounts = [f"mount --bind {root} {root}"]
        mounts += [f"mount --bind {path} {root}{path} && mount -o remount,ro,bind {root}{path}" for path in READ_ONLY]
        mounts += [f"mount --bind {self.python} {root}/usr/local", f"mount --rbind /dev {root}/dev"]
        mounts += [f"mount --bind /proc {root}/proc", f"mount -t tmpfs tmpfs {root}/tmp -o mode=1777"]
        mounts += [f"mount -o remount,ro,bind {root}"] if read_only else []
        uid, _, gid = self.user.partition(":")
        inside = f"cd {self.workdir} && exec {shlex.join(command)}"
        entry = f"exec /usr/sbin/chroot --userspec={uid}:{gid or uid} {root} /bin/sh -c {shlex.quote(inside)}"
        return ["unshare", "-m", "sh", "-ec", "\n".join([*mounts, entry])]

    def run(self, command: str) -> None:
        """Run a line of shell inside; raises CliError where it fails."""
        print(f"RUN {command}")
        if subprocess.run(self.command(["sh", "-c", command]), env=self.environment).returncode:
            raise CliError(f"This step of the Dockerfile failed: {command}")

    def copy(self, arguments: str, stages: dict[str, "Stage"], patterns: list[str]) -> None:
        """Copy files of the project, or of another stage."""
        words = arguments.split()
        source = stages[words.pop(0).removeprefix("--from=")].root if words[0].startswith("--from=") else ROOT
        *names, target = words
        place = self.root / Path(self.workdir).joinpath(target).as_posix().lstrip("/")
        for name in names:
            file = source / name.lstrip("/")
            if file.is_dir():
                shutil.copytree(file, place, symlinks=True, dirs_exist_ok=True, ignore=leaving_out(source, patterns))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place)


def leaving_out(source: Path, patterns: list[str]) -> Any:
    """Return what tells `shutil.copytree` which files of the project to leave out; of a stage all are copied."""
    if source != ROOT:
        return None
    return lambda folder, names: [n for n in names if ignored((Path(folder) / n).relative_to(ROOT), patterns)]


def build(folder: Path, python: Path) -> tuple[Stage, list[str]]:
    """Do all steps of the Dockerfile; return the last stage and its command."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    stages: dict[str, Stage] = {}
    stage, command = None, []
    for name, rest in instructions((ROOT / "Dockerfile").read_text()):
        if name == "FROM":
            stage = stages[rest.partition(" AS ")[2] or "last"] = Stage(folder / str(len(stages)), python)
        assert stage is not None
        if name == "RUN":
            stage.run(rest)
        elif name == "COPY":
            stage.copy(rest, stages, patterns)
        elif name == "WORKDIR":
            stage.workdir = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            stage.environment.update(word.split("=", 1) for word in shlex.split(rest))
        elif name == "USER":
            stage.user = rest
        elif name == "CMD":
            command = json.loads(rest)
    assert stage is not None
    return stage, command


def megabytes(folder: Path, ending: str = "") -> float:
    """Return the size of the files below a folder whose names end so."""
    return sum(f.lstat().st_size for f in folder.rglob(f"*{ending}") if f.is_symlink() or f.is_file()) / 1e6


def measure(stage: Stage, command: list[str]) -> dict[str, str]:
    """Run the app as the image does, and return what was measured."""
    from .measuring.apps import App  # it reads what Linux alone tells

    began = time.perf_counter()
    with subprocess.Popen(stage.command(command, read_only=True), env=stage.environment) as process:
        try:
            health = wait_for_health(process)
            start = time.perf_counter() - began
            photo = next((ROOT / "examples").glob("*.jpg")).read_bytes()
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/classify", photo, timeout=60) as answer:
                label = json.load(answer)["label"]
            status = Path(f"/proc/{process.pid}/status").read_text()
            processor = App(process, PORT, began).cpu()
        finally:
            stopped = time.perf_counter()
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    memory = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1e3  # type: ignore[index]  # Linux has it
    user = re.search(r"Uid:\s+(\d+)", status)[1]  # type: ignore[index]
    return {
        "ready after": f"{start:.1f} s, of it {processor:.1f} s of processor",
        "answers": f"{label}, model {health['model_version']}, compiled: {health['compiled']}",
        "runs as user": user,
        "memory": f"{memory:.0f} MB",
        "ends after": f"{time.perf_counter() - stopped:.1f} s, with {process.returncode}",
    }


def wait_for_health(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Return what /health says once it answers; CliError where the app has ended."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5) as answer:
            return dict(json.load(answer))
        time.sleep(0.02)
    raise CliError("The app did not start: its own message stands above.")


@call_parse
def main(
    python: str = sys.base_prefix,  # a Python's folder, which stands for the base image's /usr/local
    starts: int = 3,  # how often to start the app
):
    "Print what the image of the Dockerfile weighs, and how soon it answers."
    if sys.platform != "linux" or os.geteuid() or not shutil.which("unshare"):
        raise CliError("This mounts folders and changes roots: run it as root on Linux.")
    with tempfile.TemporaryDirectory() as folder:
        stage, command = build(Path(folder), Path(python))
        venv, app = stage.root / "venv", stage.root / "app"
        print(f"\npackages     {megabytes(venv):6.0f} MB, of it bytecode {megabytes(venv, '.pyc'):.0f}")
        print(f"app          {megabytes(app):6.0f} MB")
        for _ in range(starts):
            print(*(f"{name:<12} {value}" for name, value in measure(stage, command).items()), sep="\n")
