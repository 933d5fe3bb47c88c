"""Write text of unknown origin, lists and tables as Markdown."""

ESCAPES = str.maketrans({"|": r"\|", "`": "'", "<": r"\<", "\n": " "})


def plain(text: object) -> str:
    """Return text with its Markdown escaped, as a table shows it."""
    return str(text).translate(ESCAPES)


def table(head: str, rows: list[list[str]]) -> str:
    """Return a Markdown table. head: the names of the columns, with bars between."""
    columns = head.count("|")
    return f"| {head} |\n|---|{'---:|' * columns}\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def listed(names: list[str], n_all: int) -> str:
    """Return names in a line, and how many more there are."""
    return ", ".join(names) + (f" and {n_all - len(names)} more" if n_all > len(names) else "")
