"""Log as JSON: one object a line, with the id of the request that it belongs to.

    write_json_log()

`LOG_FORMAT=json` switches it on. With LOG_LEVEL=INFO each request gets a line, too.
"""

import json
import logging
import os
import re
import secrets
import time
from contextvars import ContextVar
from typing import Any

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # a log's reader may trust what this lets through
FIELDS = "fields"  # attribute of a log record: further fields of its object

request_id: ContextVar[str] = ContextVar("request_id", default="")


def id_of(sent: str | None) -> str:
    """Return the id that a request brings, where it is a sane one; else a new one."""
    return sent if sent and SANE_ID.fullmatch(sent) else secrets.token_hex(8)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        line.update(getattr(record, FIELDS, {}))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def writes_json() -> bool:
    """Return whether LOG_FORMAT in the environment asks for JSON."""
    return os.environ.get("LOG_FORMAT", "").lower() == "json"


def write_json_log() -> None:
    """Have all that is logged from now on written as JSON, also by uvicorn, which makes its handlers as it starts."""
    import uvicorn.config

    uvicorn.config.LOGGING_CONFIG["formatters"]["default"] = {"()": JsonFormatter}
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter())
