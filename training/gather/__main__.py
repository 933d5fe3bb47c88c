"""Gather photos of labels: by a web image search, or from what you have; the lesson's first step.

Reads  search terms; or a source: a folder, a zip or tar archive, a table (csv, tsv, jsonl, parquet), annotations of
       Label Studio or COCO, a data set of the Hugging Face Hub or of Kaggle
Writes DATA/<label>/<hash>.jpg, or DATA/valid/<label>/ and DATA/test/<label>/ for sets that the source gives; where its
       photos have several labels, or none, DATA/photos/<hash>.jpg, and their labels in DATA/labels.csv; one row a
       photo in DATA/.sources.db, and what could not be had in DATA/.failed.db, at once; and when a run ends
       DATA/sources.csv, where each photo comes from, for people and spreadsheets; with --push a data set on the Hub

    python -m training.gather "grizzly bear" "black bear" "teddy bear" --out data/bears
    python -m training.gather --label grizzly="grizzly bear in the wild" --label grizzly="grizzly cub" --out data/bears
    python -m training.gather --source ~/phone --out data/bears --dry-run
    python -m training.gather --source photos.zip --out data/bears
    python -m training.gather --source labels.csv --label-column species --out data/bears
    python -m training.gather --source tags.csv --label-delim "," --out data/outfits    # several labels a photo
    python -m training.gather --source hf://datasets/USER/NAME --out data/bears    # or kaggle://OWNER/NAME
    python -m training.gather --source ~/phone --unlabelled --out data/bears    # photos without a label: DATA/_inbox
    python -m training.gather --feedback feedback --out data/bears
    python -m training.gather --push hf://datasets/USER/NAME --out data/bears    # to the Hub, private; --dry-run too

A source is shown as it was understood before anything is copied; --dry-run ends there. After an interruption, the same
command continues where it stopped: an address that was fetched, or can never be, is not fetched again. Files are named
by their content, so that no photo is stored twice.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from fastcore.script import CliError

from classifier.command_line import run, with_options
from classifier.photo.download import run_async
from training.data.files import folder_name
from training.feedback import Suggestions, fetch_feedback

from .collect import Collector, gather
from .gathered import takes_several
from .sources.candidates import DataSet
from .sources.opening import check_apart, opened_source
from .sources.options import SEVERAL, ReadingOptions

LABEL_HELP = "LABEL=TERM: a label and what to search for; give it as often as you like"


def read_terms(terms: Iterable[str], pairs: Iterable[str]) -> dict[str, list[str]]:
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


def print_understood(where: str, found: DataSet) -> None:
    """Print what a source was taken for: its labels, its splits, and what is left out."""
    print(f"{where}: {found.kind}", *found.table(), *found.notes, sep="\n", flush=True)


def add_feedback(feedback: str, out: str) -> None:
    """Keep what users of the app said as suggestions for `training.clean`."""
    suggestions = Suggestions(out)
    suggestions.add_all(fetch_feedback(feedback))
    print(f"{out}: {suggestions.summary()}. `python -m training.clean export.pkl {out}` leads with suggestions.")


def collect(
    out: Path,
    allow_private: bool,
    by_label: dict[str, list[str]],
    per_label: int,
    sets: list[DataSet],
    several: bool,
    unlabelled: bool = False,
) -> bool:
    """Collect what searches and data sets bring, print the counts, and return whether it came to its end.

    several: see `takes_several`; unlabelled: into the inbox.
    """
    try:
        collector = Collector(out, allow_private, several, unlabelled)
    except OSError as error:
        raise CliError(f"--out {out}: nothing can be written there ({error.strerror}).") from error
    listed = (candidate for found in sets for candidate in found.candidates)
    n_listed = sum(found.counted().total() for found in sets)
    try:
        run_async(gather(collector, by_label, per_label, listed, n_listed))
        return True
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here.")
        return False
    finally:
        for line in collector.not_taken():
            print(line)
        if note := collector.gathered.differing_note():
            print(note)
        counts = collector.counts
        print(
            f"{out}: {counts['new']} photos new, {counts['there']} were there, {counts['failed']} not taken; in all "
            f"{collector.gathered.counts()}"
        )


@with_options(ReadingOptions)
def main(  # many options: where photos come from, where they go, and how many
    *terms: str,  # what to search for: each term is a label of its own
    source: str = "",  # photos that you have: a folder, zip, tar, table, hf://datasets/USER/NAME or kaggle://OWNER/NAME
    out: str = "data",  # folder that the photos go to: one folder a label, or a labels.csv where they have several
    dry_run: bool = False,  # show what the source was understood as, and copy nothing
    label: Annotated[str, LABEL_HELP, {"action": "append"}] = None,
    per_label: int = 150,  # photos of each label that searches are to bring
    urls: str = "",  # as --source: a csv file of addresses, with the columns label and url
    folder: str = "",  # as --source: a folder of photos
    feedback: str = "",  # what users of the app said: a folder or hf://datasets/USER/NAME; becomes suggestions to clean
    push: str = "",  # put the photos of --out on the Hub, after gathering or alone: hf://datasets/USER/NAME, private
    allow_private: bool = False,  # also fetch from this machine and its network
    **options: Any,
) -> None:
    "Gather photos of TERMS from the web, or from a source."
    by_label, wheres = read_terms(terms, label or []), [str(where) for where in (source, urls, folder) if where]
    reading = ReadingOptions(**options)
    if reading.unlabelled and by_label:
        raise CliError("--unlabelled takes a --source: what is searched for is the label of the photos found.")
    if feedback:
        add_feedback(feedback, out)
    elif not (by_label or wheres or push):
        raise CliError('Say what to gather: python -m training.gather "grizzly bear" "black bear" --out data/bears')
    if per_label < 1:
        raise CliError(f"--per-label {per_label}: at least 1.")
    if push:
        from .push import push_to_hub, repository  # imported here: only this way needs huggingface_hub

        repository(push)  # before anything is gathered: an address that is none
    with ExitStack() as stack:
        sets = []
        for where in wheres:
            check_apart(where, out)
            sets.append(stack.enter_context(opened_source(where, reading)))
            print_understood(where, sets[-1])
        if by_label or sets:
            asked = any(found.several for found in sets) or reading.labels_per_photo == SEVERAL
            several = takes_several(Path(out), asked)
            if dry_run or not collect(Path(out), allow_private, by_label, per_label, sets, several, reading.unlabelled):
                return
    if push:
        push_to_hub(push, out, dry_run)


if __name__ == "__main__":
    run(main)
