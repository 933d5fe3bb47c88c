"""Photos that end, block or fail the process that opens them, for processes that are started with `environment`.

Usage:

    (folder / "a.jpg").write_bytes(poisoned("end"))
    run_module("classifier", folder, env=environment(tmp_path))

Kinds: "end" (as a fault in a decoder does), "hang" (for ever), "memory", "raise", and "wait", which leaves a file
WAITING-<process id> in the folder of `environment` and opens the photo that follows once there is a file GO.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from helpers.paths import ROOT

MARK = b"poisoned photo: "
PATIENCE = 300  # seconds for one photo in those processes
IMPATIENCE = 8  # where one of them hangs and none waits: a photo that waits must not be ended for it

CODE = '''
"""Python runs this file at each start of a process that has its folder in PYTHONPATH."""
import importlib.machinery, os, signal, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
MARK = {mark!r}

def wait(data):
    open(os.path.join(HERE, f"WAITING-{{os.getpid()}}"), "w").close()
    while not os.path.exists(os.path.join(HERE, "GO")):
        time.sleep(0.02)

def open_poisoned(data):
    kind = data[len(MARK):].split(b"\\n")[0]
    if kind == b"end":
        open(os.path.join(HERE, f"ENDED-{{os.getpid()}}"), "w").close()
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == b"hang":
        time.sleep(10**6)
    if kind == b"memory":
        raise MemoryError
    if kind == b"raise":
        raise ZeroDivisionError("a fault of ours")
    wait(data)

def change(name, module):
    if name == "classifier.bulk.careful":
        module.MAX_SECONDS = {seconds}
        return
    original = module.open_photo
    def open_photo(source, *args, **options):
        data = source if isinstance(source, bytes) else open(source, "rb").read()
        if data.startswith(MARK):
            open_poisoned(data)
            data = data.split(b"\\n", 1)[1]
        return original(data, *args, **options)
    module.open_photo = open_photo

class Poison:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in ("classifier.photo.decode", "classifier.bulk.careful"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            change(name, module)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Poison)
'''


def poisoned(kind: str, photo: bytes = b"") -> bytes:
    """Return a photo of one kind; photo: what "wait" opens in the end."""
    return MARK + kind.encode() + b"\n" + photo


def environment(folder: Path, seconds: int = PATIENCE) -> dict[str, str]:
    """Return the environment of processes that heed poison; the folder takes their files, and names them.

    seconds: that one photo may take.
    """
    (folder / "sitecustomize.py").write_text(CODE.format(mark=MARK, seconds=seconds))
    paths = os.pathsep.join([str(folder), str(ROOT)])
    return {**os.environ, "PYTHONPATH": paths, "POISON": str(folder), "CPU_CORES": "2", "OMP_NUM_THREADS": "1"}


def processes_with(folder: Path) -> set[int]:
    """Return the processes that have the environment of a folder, but for Ray's agents.

    Where whoever started them was killed, these idle for a minute, as Ray has it, and end.
    """
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                ours = f"POISON={folder}\0".encode() in (entry / "environ").read_bytes()
                if ours and b"Agent" not in (entry / "cmdline").read_bytes().split(b"\0")[0]:
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


def waiting(folder: Path) -> set[int]:
    """Return the processes that have come to a photo that waits, the dead included."""
    return {int(path.name.split("-")[1]) for path in folder.glob("WAITING-*")}


def until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
