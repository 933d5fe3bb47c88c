"""Prepare the process before the page is built: log, decoder, folder for uploads, environment, compiled copy."""

import logging
import os
import sys
import tempfile
from pathlib import Path
from threading import Thread
from zlib import crc32

from filelock import FileLock, Timeout

from classifier import Classifier
from classifier.inference.compiled_copy import CompileError
from classifier.photo import set_max_pixels
from server.monitoring.log import write_json_log, writes_json

from .settings import Settings

log = logging.getLogger(__name__)

_locks: list[FileLock] = []  # until the process ends


def own_uploads_folder(project: Path) -> Path:
    """Return a folder for uploads that no other app has until this process ends, made if need be.

    An app deletes in it what is old, and at its end what came meanwhile; in a shared folder, that would delete the
    uploads of another. It is the first of the project's folders that is free, so that what a killed app left is found
    at the next start. Raises OSError.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    base = Path(tempfile.gettempdir()) / f"fieldguide-uploads-{user}-{crc32(os.fsencode(project)):08x}"
    n = 0
    while True:
        n += 1
        folder = base if n == 1 else base.with_name(f"{base.name}-{n}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(f"{folder}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        except NotImplementedError:  # a disk that cannot lock
            return folder
        _locks.append(lock)
        return folder


def prepare() -> Settings:
    """Set up log, decoder and environment, before the page is built, and return the settings.

    Ends the process with a message where there is no folder for uploads.
    """
    _set_up_log()
    settings = Settings.from_environment()
    set_max_pixels(int(1e6 * settings.max_megapixels))
    try:
        _make_uploads_folder()
    except OSError as error:
        sys.exit(
            f"The app cannot start. Uploads cannot be kept in {error.filename}: {error.strerror}. "
            "GRADIO_TEMP_DIR names another folder."
        )
    os.environ.setdefault("GRADIO_MCP_SERVER", "True")  # assistants find the app too
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # `address_of` alone decides which proxies are trusted
    if os.environ.get("SPACES_ZERO_GPU"):
        _define_gpu_function()
    return settings


def _make_uploads_folder() -> None:
    """Make the folder that Gradio keeps uploads in, and name it in GRADIO_TEMP_DIR; raises OSError."""
    tempfile.gettempdir()  # Python chooses it now: first asked for on a full disk, it would be another folder
    if not os.environ.get("GRADIO_TEMP_DIR"):
        os.environ["GRADIO_TEMP_DIR"] = str(own_uploads_folder(Path(__file__).parent.parent))
    Path(os.environ["GRADIO_TEMP_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)


def compile_in_background(classifier: Classifier) -> None:
    """Compile an export that has no compiled copy, and answer with the copy then; until then the export answers."""

    def compile() -> None:
        try:
            classifier.compile()
        except CompileError as error:
            log.warning("%s The export itself goes on answering.", error)
        else:
            log.warning(
                "Compiled in memory: answers are fast now. `make onnx` writes the file, so that the next start is."
            )

    if not classifier.compiled:
        Thread(target=compile, daemon=True).start()


def _define_gpu_function() -> None:
    """Define the function without which ZeroGPU hardware starts no app.

    It is never called: photos are answered on the CPU, so that visitors spend nothing of their quota.
    """
    import spaces  # exists on that hardware only; torch must not have been imported before it

    @spaces.GPU  # type: ignore[untyped-decorator]  # `spaces` has no types
    def on_gpu() -> None:
        """Do nothing."""


def _set_up_log() -> None:
    """Set the level of our own loggers to LOG_LEVEL in the environment, and the form of all that is logged."""
    logging.basicConfig(format="%(message)s")
    if writes_json():
        write_json_log()
    level = os.environ.get("LOG_LEVEL", "").upper()
    if level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        for name in ("fieldguide", "classifier", "server"):
            logging.getLogger(name).setLevel(level)
