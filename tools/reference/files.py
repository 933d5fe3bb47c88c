"""The pages of files: metrics.json, and the records of feedback."""

import re

from .markdown import described, escaped, page, sentence, table


def keys(meanings: dict[str, str]) -> str:
    """Return a table of a file's keys."""
    return table(("key", "meaning"), *((f"`{key}`", sentence(meaning)) for key, meaning in meanings.items()))


def metrics() -> str:
    """Return the page of metrics.json."""
    from training import metrics_keys

    groups: dict[str, dict[str, str]] = {}
    for key, meaning in metrics_keys.KEYS.items():
        groups.setdefault(re.split(r"[.\[]", key)[0], {})[key] = meaning
    alone = {key: meaning for group in groups.values() if len(group) == 1 for key, meaning in group.items()}
    return page(
        "metrics.json",
        "The figures of a training, in a file beside its export. The report, the model card and the app read them.",
        "A name in capitals stands for any name, `[]` for each entry of a list. Shares lie between 0 and 1; times are "
        "UTC. `python -m training.train` writes the file; `trust` is added by `python -m benchmarks.trust --save`.",
        "## The run",
        keys(alone),
        *(part for name, group in groups.items() if len(group) > 1 for part in (f"## {name}", keys(group))),
    )


def feedback_records() -> str:
    """Return the page of the feedback's files."""
    from server.feedback import counters, records, store

    def files(module) -> list[str]:
        """Return a module's docstring without its title, and with JSON as JSON."""
        parts = described(module.__doc__)[1:]
        return [part.replace("```bash\n{", "```text\n{") for part in parts]

    return page(
        "Feedback records",
        escaped(store.__doc__.split("\n")[0]) + " [Collect feedback](../guides/feedback.md) explains how to use them.",
        "## Files",
        *(part for part in files(store) if not part.startswith("- Writes")),
        "\n".join(
            f"- {file}"
            for file in next(
                part.removeprefix("- Reads: ") for part in files(records) if part.startswith("- Reads")
            ).split("; ")
        ),
        "## A record",
        keys(records.RECORD),
        "## A counter file",
        escaped(counters.__doc__.split("\n")[0]),
        *files(counters),
        keys(records.COUNTERS),
    )
