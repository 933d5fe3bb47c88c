"""Commands in the documentation's shell blocks, split into words; no shell is run."""

import re
import shlex

PUNCTUATION = set("();|&")
PLACEHOLDERS = ("…", "...")


def commands(text: str) -> list[list[str]]:
    """Return the words of each simple command of a script: of pipelines, lists and $(…) each part on its own."""
    found: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= PUNCTUATION:
                found.append(words)
                words = []
            else:
                words.append(word)
        found.append(words)
    return [words for words in found if words]


def without_variables(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables that a command begins with, and the rest of it."""
    variables = {}
    for i, word in enumerate(words):
        if not re.match(r"[A-Za-z_]+=", word):
            return variables, words[i:]
        name, _, variables[name] = word.partition("=")
    return variables, []


def sessions(text: str) -> list[tuple[str, str]]:
    """Return each command of a console block, and what it printed."""
    parts = re.split(r"^\$ ", text, flags=re.M)
    assert not parts[0].strip(), "a console block begins with $ and a command"
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts[1:])]
