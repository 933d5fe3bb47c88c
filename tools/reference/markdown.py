"""Put a page together: Markdown of texts, tables and docstrings."""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTE = "<!-- Written by tools/reference from the code. Change the code, then run `python -m tools.reference`. -->\n"
PART = re.compile(r"(Reads|Writes|Gives)\s+")  # how a paragraph of a module's docstring names its files


def escaped(text: str) -> str:
    """Return text as Markdown that shows it as it stands, in a table too; what is in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        (part if i % 2 else re.sub(r"([<>*\\])", r"\\\1", part)).replace("|", r"\|") for i, part in enumerate(parts)
    )


def sentence(text: str) -> str:
    """Return text with a capital in front, unless it begins with a name, and a full stop at the end."""
    text = escaped(text)
    if re.match(r"[a-z]+[ ,:;]", text):
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def table(*rows: tuple[str, ...]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *rows = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)) + "\n"


def page(title: str, *parts: str) -> str:
    """Return a page: its title, and its parts with an empty line between."""
    return "\n\n".join([f"{NOTE}\n# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def described(docstring: str) -> list[str]:
    """Return a module's docstring as parts of a page: paragraphs, lists of what it reads and writes, and commands."""
    parts = []
    for paragraph in docstring.strip().split("\n\n"):
        if paragraph == "Usage:":
            continue
        if paragraph.startswith("    "):
            parts.append(f"```bash\n{textwrap.dedent(paragraph)}\n```")
        elif PART.match(paragraph):
            items = []
            for line in paragraph.splitlines():
                named = PART.match(line)
                items += [f"- {named[1]}: {line[named.end() :]}"] if named else []
                items[-1] += "" if named else f" {line.strip()}"
            parts.append("\n".join(map(escaped, items)))
        else:
            parts.append(escaped(paragraph))
    return parts
