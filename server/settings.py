"""Settings of the app, read from the environment: its limits, with their defaults and ranges.

Usage:

    MAX_UPLOAD_MB=50 python app.py
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

MB = 1_000_000
CALL_FACTOR = 5  # times the bytes of one upload that a call of several photos may have


def _setting(default: float, least: float, most: float, what: str, beyond: str = "") -> Any:
    """Return a setting: its default, the range it may have, what it limits, and what is answered beyond it."""
    return field(default=default, metadata={"least": least, "most": most, "what": what, "beyond": beyond})


@dataclass(frozen=True)
class Settings:
    """Each is read from the environment, under its name in capitals."""

    max_upload_mb: float = _setting(
        20, 0.1, 2000, "megabytes of one photo; several in one call may have five times as many", "413"
    )
    max_megapixels: float = _setting(
        100,
        0.1,
        1000,
        "megapixels of one photo once it is decoded. At 100 or more, JPEGs may have up to 250 and are opened smaller",
        "422",
    )
    max_files: int = _setting(16, 1, 1000, "photos in one call of /classify or one upload", "413")
    max_batch: int = _setting(
        1000, 1, 100_000, "photos in one batch on the page /many", "a sentence, and the first ones are answered"
    )
    max_waiting: int = _setting(
        100, 1, 100_000, "requests answered or waiting at once; from one client half as many", "503, 429"
    )
    max_seconds: float = _setting(60, 1, 3600, "seconds for a request to arrive, and again for its answer", "408, 503")
    max_per_minute: int = _setting(300, 0, 1_000_000, "photos and uploads a minute from one client; 0: no limit", "429")
    key_per_minute: int = _setting(
        3000, 0, 1_000_000, "photos and uploads a minute with one key of API_KEYS_FILE; 0: no limit", "429"
    )
    api_keys_required: int = _setting(
        1,
        0,
        2,
        "with API_KEYS_FILE, who needs a key: 0 nobody, 1 all but the app's own pages, 2 the pages, too",
        "401",
    )
    upload_minutes: float = _setting(60, 1, 10_000, "minutes after which an upload is deleted")
    max_stored_mb: float = _setting(2000, 10, 1_000_000, "megabytes of uploads kept at once", "the oldest are deleted")
    max_feedback_mb: float = _setting(
        500,
        1,
        1_000_000,
        "megabytes of feedback kept on the disk; the oldest that lie on the Hub make room",
        "a sentence",
    )
    feedback_per_minute: int = _setting(
        10, 1, 1_000_000, "photos a minute that one client may send as feedback", "a sentence"
    )
    proxies: int = _setting(
        0, 0, 10, "proxies in front of the app whose word on a client's address counts; on Spaces 1"
    )

    stop_delay: float = _setting(
        0, 0, 300, "seconds from SIGTERM on in which /health says 503, and photos are answered still"
    )

    frame_ancestors: str = field(
        default="",
        metadata={"what": "further origins whose pages may show the app in a frame, such as https://lessons.example"},
    )

    @property
    def upload_bytes(self) -> int:
        """The most bytes of one photo."""
        return int(self.max_upload_mb * MB)

    @property
    def call_bytes(self) -> int:
        """The most bytes of one call with several photos."""
        return CALL_FACTOR * self.upload_bytes

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings; an invalid value is named in the log, and the default used.

        On Spaces there is one proxy in front of each app.
        """
        values: dict[str, Any] = {"proxies": 1} if environment.get("SPACE_ID") else {}
        for setting in fields(cls):
            name, limits = setting.name, setting.metadata
            text = environment.get(name.upper())
            if text and setting.type is str:
                values[name] = _origins(text, name.upper())
            elif text:
                value = _number(text, setting)
                if value is None:
                    log.warning(
                        "%s=%r is no number from %g to %g: %g is taken.",
                        name.upper(),
                        text,
                        limits["least"],
                        limits["most"],
                        values.get(name, setting.default),
                    )
                else:
                    values[name] = value
        return cls(**values)


ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.IGNORECASE)


def _origins(text: str, name: str) -> str:
    """Return the origins in a setting, separated by spaces; an invalid one is named in the log and left out."""
    origins = text.replace(",", " ").split()
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            log.warning(
                "%s: %r is no origin, such as https://lessons.example or https://*.school.example. It is left out.",
                name,
                origin,
            )
    return " ".join(origin for origin in origins if ORIGIN.fullmatch(origin))


def max_connections() -> int:
    """Return how many connections to keep at once: files, the log and the model need descriptors too."""
    if sys.platform == "win32":  # it has no limit of descriptors for sockets
        return 1000
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if soft == resource.RLIM_INFINITY else max(100, min(10_000, soft * 3 // 4))


def _number(text: str, setting: Field[Any]) -> float | None:
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
