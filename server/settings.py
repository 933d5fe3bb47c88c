"""The app's limits: what the environment says, or a sane default.

    MAX_UPLOAD_MB=50 python app.py
"""
import logging
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from zlib import crc32

from filelock import FileLock, Timeout

from classifier.photo import set_max_pixels

try:
    import resource
except ImportError:
    resource = None

log = logging.getLogger(__name__)

MB = 1_000_000
CALL = 5  # times the bytes of one upload that a call of several photos may have


def _setting(default: float, least: float, most: float, what: str):
    return field(default=default, metadata={"least": least, "most": most, "what": what})


@dataclass(frozen=True)
class Settings:
    """Each is read from the environment, under its name in capitals."""

    max_upload_mb: float = _setting(20, 0.1, 2000, "megabytes of one photo")
    max_megapixels: float = _setting(100, 0.1, 1000, "megapixels of one photo")
    max_files: int = _setting(16, 1, 1000, "photos in one call of /classify")
    max_batch: int = _setting(1000, 1, 100_000, "photos in one batch on the page /many")
    max_waiting: int = _setting(100, 1, 100_000, "requests answered or waiting at once, half of them from one client")
    max_seconds: float = _setting(60, 1, 3600, "seconds for a request to arrive, and again for its answer")
    max_per_minute: int = _setting(300, 0, 1_000_000, "photos and uploads a minute from one client; 0: no limit")
    upload_minutes: float = _setting(60, 1, 10_000, "minutes after which an upload is deleted")
    max_stored_mb: float = _setting(2000, 10, 1_000_000, "megabytes of uploads kept at once; the oldest go first")
    max_feedback_mb: float = _setting(500, 1, 1_000_000, "megabytes of feedback on the disk; then no more is taken")
    feedback_per_minute: int = _setting(10, 1, 1_000_000, "photos a minute that one client may send as feedback")
    proxies: int = _setting(0, 0, 10, "proxies in front of the app whose word on a client's address counts")

    frame_ancestors: str = field(default="", metadata={
        "what": "further origins whose pages may show the app in a frame, such as https://lessons.example"})

    @property
    def upload_bytes(self) -> int:
        """The most bytes of one photo."""
        return int(self.max_upload_mb * MB)

    @property
    def call_bytes(self) -> int:
        """The most bytes of one call with several photos."""
        return CALL * self.upload_bytes

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings; a value that makes no sense is named in the log, and its default taken.

        On Spaces one proxy stands in front of each app.
        """
        given = {"proxies": 1} if environment.get("SPACE_ID") else {}
        for setting in fields(cls):
            name, limits = setting.name, setting.metadata
            text = environment.get(name.upper())
            if text and setting.type is str:
                given[name] = _origins(text, name.upper())
            elif text:
                value = _number(text, setting)
                if value is None:
                    log.warning("%s=%r is no number from %g to %g: %g is taken.", name.upper(), text, limits["least"],
                                limits["most"], given.get(name, setting.default))
                else:
                    given[name] = value
        return cls(**given)


ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.IGNORECASE)


def _origins(text: str, name: str) -> str:
    """Return the origins in a setting, separated by spaces; what is none is named in the log and left out."""
    origins = text.replace(",", " ").split()
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            log.warning("%s: %r is no origin, such as https://lessons.example or https://*.school.example. It is left "
                        "out.", name, origin)
    return " ".join(origin for origin in origins if ORIGIN.fullmatch(origin))


def most_connections() -> int:
    """Return how many connections to keep at once: files, the log and the model need descriptors too."""
    if resource is None:  # Windows has no limit of descriptors for sockets
        return 1000
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if soft == resource.RLIM_INFINITY else max(100, min(10_000, soft * 3 // 4))


def _number(text: str, setting) -> float | None:
    """Return a setting's number; None where the text is none, or out of range."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not setting.metadata["least"] <= value <= setting.metadata["most"]:  # nan and infinity neither
        return None
    if setting.type is int:
        return int(value) if value == int(value) else None
    return value


_held: list[FileLock] = []  # until the process ends


def own_uploads_folder(project: Path) -> Path:
    """Return a folder for uploads that no other app has until this process ends, made if need be.

    An app deletes in it what is old, and at its end what came meanwhile: what another one just got would go too. It is
    the first of the project's that is free, so that what a killed app left is found at the next start. Raises OSError.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    base = Path(tempfile.gettempdir()) / f"fieldguide-uploads-{user}-{crc32(os.fsencode(project)):08x}"
    for n in count(1):
        folder = base if n == 1 else base.with_name(f"{base.name}-{n}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(f"{folder}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        except NotImplementedError:  # a disk that cannot lock
            return folder
        _held.append(lock)
        return folder


def prepared() -> Settings:
    """Return the settings, once log, decoder and environment are set up for them; before the page is built.

    Raises OSError where there is no folder for uploads.
    """
    _show_log()
    settings = Settings.from_environment()
    set_max_pixels(int(1e6 * settings.max_megapixels))
    tempfile.gettempdir()  # Python chooses it now: first asked for on a full disk, it would be another folder
    if not os.environ.get("GRADIO_TEMP_DIR"):
        os.environ["GRADIO_TEMP_DIR"] = str(own_uploads_folder(Path(__file__).parent.parent))
    Path(os.environ["GRADIO_TEMP_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.setdefault("GRADIO_MCP_SERVER", "True")  # assistants find the app too
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # the gate alone says whose word on an address counts
    if os.environ.get("SPACES_ZERO_GPU"):
        _name_a_gpu_function()
    return settings


def _name_a_gpu_function() -> None:
    """Give ZeroGPU hardware the function without which it starts no app.

    It is never called: photos are answered on the CPU, so that visitors spend nothing of their quota.
    """
    import spaces  # exists on that hardware only; torch must not have been imported before it

    @spaces.GPU
    def on_gpu() -> None:
        """Do nothing."""


def _show_log() -> None:
    """Have our own loggers speak from LOG_LEVEL in the environment on: INFO tells each photo's size and time."""
    logging.basicConfig(format="%(message)s")
    level = os.environ.get("LOG_LEVEL", "").upper()
    if level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        for name in ("fieldguide", "classifier", "web"):
            logging.getLogger(name).setLevel(level)
