"""What a Space says of its model: its README comes from this project, and may describe the model that came with that.

Gives  `words_for` its metadata, and `note_for` its text
"""

import re
from collections.abc import Collection

SHIPPED = "Grizzly, black or teddy bear? Ask by page or API."
SHIPPED_LABELS = {"black", "grizzly", "teddy"}
MOST = 60  # characters of a short_description
NOTE = """
> This Space answers with a model of its own labels: {labels}. What follows is the README of Fieldguide, the app that it
> runs on; its examples and figures are of the model that comes with that.
"""


def describe(labels: Collection[str]) -> str:
    """Return what a model does, in at most MOST characters."""
    names = [label.replace("_", " ") for label in sorted(labels)]
    named = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    text = f"{named[:1].upper()}{named[1:]}? Ask by page or API."
    return text if len(text) <= MOST else f"Tells {len(names)} kinds of photos apart, by page or API."


def words_for(labels: Collection[str], found: str | None) -> dict[str, str]:
    """Return metadata in place of those of the shipped model; {} for that model, and where the owner has written some.

    found: the short_description that is there.
    """
    if found != SHIPPED or set(labels) <= SHIPPED_LABELS:
        return {}
    return {"short_description": describe(labels), "emoji": "📷"}


def note_for(labels: Collection[str]) -> str:
    """Return what goes in front of the text that speaks of the shipped model, as Markdown."""
    names = [label.replace("_", " ") for label in sorted(labels)]
    known = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return NOTE.format(labels=re.sub(r"([\\`*_<>\[\]])", r"\\\1", known))
