"""Gather photos of labels by a web image search, from a list of addresses, or from folders: the lesson's first step.

Reads  search terms; or a csv of addresses; or folders of photos
Writes DATA/<label>/<hash>.jpg; one row a photo in DATA/.sources.db, and what could not be had in DATA/.failed.db, at
       once; and when a run ends DATA/sources.csv, where each photo comes from, for people and spreadsheets

    python -m training.gather "grizzly bear" "black bear" "teddy bear" --out data/bears
    python -m training.gather --label grizzly="grizzly bear in the wild" --label grizzly="grizzly cub" --out data/bears
    python -m training.gather --urls addresses.csv --out data/bears
    python -m training.gather --folder ~/phone --out data/bears
    python -m training.gather --feedback feedback --out data/bears    # or hf://datasets/USER/NAME

After an interruption, the same command continues where it stopped: an address that was fetched, or can never be, is
not fetched again. Files are named by their content, so that no photo is stored twice.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastcore.script import CliError

from classifier.command_line import run
from classifier.photo.download import run_async
from training.data.files import folder_name
from training.feedback import Suggestions, fetch_feedback

from .collect import Collector, gather
from .sources import photos_in_folder, read_address_list

LABEL_HELP = "LABEL=TERM: a label and what to search for; give it as often as you like"


def read_labels(terms: Iterable[str], pairs: Iterable[str]) -> dict[str, list[str]]:
    """Return the search terms of each label: a term's label is the term itself, or what LABEL=TERM says."""
    by_label: dict[str, list[str]] = {}
    for term in terms:
        by_label.setdefault(folder_name(term), []).append(term)
    for pair in pairs:
        label, equals, term = pair.partition("=")
        if not equals or not term.strip():
            raise CliError(f'--label {pair}: LABEL="search term" is expected, such as grizzly="grizzly bear".')
        by_label.setdefault(folder_name(label), []).append(term.strip())
    return by_label


def main(  # seven options: where photos come from, where they go, and how many
    *terms: str,  # what to search for: each term is a label of its own
    out: str = "data",  # folder that the photos go to, one folder a label
    label: Annotated[str, LABEL_HELP, {"action": "append"}] = None,
    per_label: int = 150,  # photos of each label that searches are to bring
    urls: str = "",  # CSV file of addresses, with the columns label and url
    folder: str = "",  # folder of photos, one folder a label: they are copied
    feedback: str = "",  # what users of the app said: a folder or hf://datasets/USER/NAME; becomes suggestions to clean
    allow_private: bool = False,  # also fetch from this machine and its network
) -> None:
    "Gather photos of TERMS from the web, from a list of addresses, or from folders."
    by_label = read_labels(terms, label or [])
    if feedback:
        suggestions = Suggestions(out)
        suggestions.add_all(fetch_feedback(feedback))
        print(f"{out}: {suggestions.summary()}. `python -m training.clean export.pkl {out}` leads with suggestions.")
        if not by_label and not urls and not folder:
            return
    if not by_label and not urls and not folder:
        raise CliError('Say what to gather: python -m training.gather "grizzly bear" "black bear" --out data/bears')
    if per_label < 1:
        raise CliError(f"--per-label {per_label}: at least 1.")
    listed = [*(read_address_list(Path(urls)) if urls else []), *(photos_in_folder(Path(folder)) if folder else [])]
    try:
        collector = Collector(Path(out), allow_private)
    except OSError as error:
        raise CliError(f"--out {out}: nothing can be written there ({error.strerror}).") from error
    try:
        run_async(gather(collector, by_label, listed, per_label))
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here.")
    finally:
        for why, n in collector.reasons.most_common(8):
            print(f"{n:6} not taken: {why}")
        of_label = Counter(row["label"] for row in collector.rows)
        counts = collector.counts
        print(
            f"{out}: {counts['new']} photos new, {counts['there']} were there, {counts['failed']} not taken; in all "
            f"{', '.join(f'{n} {name}' for name, n in sorted(of_label.items())) or 'none'}"
        )


if __name__ == "__main__":
    run(main)
