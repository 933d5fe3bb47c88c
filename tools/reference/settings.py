"""The page of settings: limits, other variables, and what is switched off."""

import inspect
import re
from dataclasses import fields

from .markdown import escaped, page, sentence, table


def number(value: object) -> str:
    """Return a number without an exponent; a text as it is."""
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else str(value)


def settings() -> str:
    """Return the page of settings."""
    from classifier import telemetry
    from server.environment import ENVIRONMENT
    from server.settings import Settings

    limits = []
    for field in fields(Settings):
        of = field.metadata
        allowed = f"{number(of['least'])} to {number(of['most'])}" if "least" in of else ""
        limits.append(
            (
                f"`{field.name.upper()}`",
                number(field.default) or "none",
                allowed,
                sentence(of["what"]),
                escaped(of.get("beyond", "")),
            )
        )
    reasons = dict(re.findall(r'^    "(\w+)": "[^"]*",  # (.+)$', inspect.getsource(telemetry), re.M))
    off = [(f"`{name}`", f"`{value}`", escaped(reasons[name])) for name, value in telemetry.OFF.items()]
    others = [(f"`{name}`", escaped(default), sentence(meaning)) for name, (default, meaning) in ENVIRONMENT.items()]
    return page(
        "Settings",
        "The app and the commands read their settings from the environment. On a Space they are under Settings, "
        "Variables and secrets.",
        "```bash\nMAX_UPLOAD_MB=50 python app.py\n```",
        "## Limits",
        "Whoever meets a limit reads a sentence: in JSON, with the status in the last column and, where waiting helps, "
        "`Retry-After`. A value that is no number or out of range is named in the log, and the default is used. "
        "[Limits and security](../guides/limits-and-security.md) explains them.",
        table(("variable", "default", "range", "what it limits", "beyond it"), *limits),
        "## Other settings",
        table(("variable", "default", "meaning"), *others),
        "## Telemetry",
        "The app and the commands set these before they import the libraries. A variable that you set stays as it is.",
        table(("variable", "set to", "what it switches off"), *off),
    )
