"""Clean photos with the help of the trained model, on a page; where the lesson has `ImageClassifierCleaner`.

Reads  export.pkl, and DATA/<label>/*.jpg; or the photos that DATA/labels.csv names, with several labels or none; and
       DATA/_inbox, the photos without a label
Writes DATA/.clean/choices.db as you decide; Apply moves files, or changes rows of labels.csv, with the journal in
       DATA/.rejected

    python -m training.clean export.pkl data/bears             # the page
    python -m training.clean export.pkl data/bears --list 20   # the most suspicious, as text
    python -m training.clean export.pkl data/bears --next 20   # the photos without a label that teach most, as text
    python -m training.clean export.pkl data/bears --undo      # take the last Apply back
"""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastcore.script import CliError

from classifier.command_line import run
from training.data.labels import FILE_NAME
from training.data.photos import get_photos, inbox_photos
from training.journal.label_edits import labels_of
from training.journal.moves import Journal

from .multi_label_session import MultiLabelCleaner
from .review.labelled import review
from .review.multi_label_photo import MultiLabelPhoto
from .review.reviewed_photo import ReviewedPhoto, describe_unlabelled
from .session import STAGE, Cleaner, describe

PORT = 7861  # the app has 7860


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the port, for 0 on the first free one from PORT on; CliError where it is taken.

    A server takes the socket itself: a port that was only found to be free may be another's by then.
    """
    for tried in [port] if port else range(PORT, PORT + 100):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, tried))
            listener.listen()
        except (OSError, OverflowError):
            listener.close()
            continue
        return listener
    raise CliError(f"Port {port or PORT} of {host} cannot be used. Name another with --port.")


def open_cleaner(data: str | Path, photos: Sequence[ReviewedPhoto], labels: Sequence[str]) -> Cleaner:
    """Return the cleaner of what `review` returned."""
    several = [photo for photo in photos if isinstance(photo, MultiLabelPhoto)]
    cleaner = MultiLabelCleaner(data, several, labels) if several else Cleaner(data, photos, labels)
    marked = [decision.label for _, _, decision in cleaner.select(show="marked") if decision.action == "label"]
    new = {label for text in marked for label in (labels_of(text) if several else [text])}  # given on the map before
    cleaner.labels = sorted({*cleaner.labels, *new})
    return cleaner


def counts_text(
    photos: Sequence[ReviewedPhoto],
    labels: Sequence[str],
    unreadable: Mapping[Path, str],
    unlabelled: Sequence[ReviewedPhoto],
    inbox: Sequence[Path],
) -> str:
    """Return how many photos there are, with a label and without one; inbox: all without one, copies too."""
    n_unreadable = sum(file in unreadable for file in inbox)
    text = f"{len(photos)} photos of {len(labels)} labels, {len(unreadable)} unreadable"
    if not inbox:
        return text
    n_copies = len(inbox) - n_unreadable - len(unlabelled)
    return f"{text}; {len(unlabelled)} without a label, and {n_copies} copies in the inbox"


def main(
    export: str,  # export.pkl, ours or anybody's
    data: str,  # folder of photos: one folder a label, or with a labels.csv
    host: str = "127.0.0.1",  # address to listen on; 0.0.0.0 lets your phone, and everybody near, open the page
    port: int = 0,  # port to listen on; 0: the first free one from 7861 on
    list: int = 0,  # print so many of the most suspicious photos, and open no page
    next: int = 0,  # print so many of the photos without a label, those first that teach most, and open no page
    labels: str = "",  # labels to give that no photo has yet, with commas between
    undo: bool = False,  # take the last Apply back, and open no page
) -> None:
    "Look at the photos of DATA, the most suspicious first, and keep, delete or relabel them on a page."
    if undo:
        get_photos(data)  # raises CliError for a folder that is not there
        undone = Journal(data).take_back(STAGE, only_last=True)
        print(f"{data}: {undone.n} photos are back {'as' if undone.labelled else 'where'} they were")
        if undone.kept:
            print(f"{len(undone.kept)} rows of {FILE_NAME} stay as they are: somebody changed them since")
        return
    print(f"looking at {data} with {export}", flush=True)
    reviewed, vocab, unreadable = review(export, data, [label for label in labels.split(",") if label.strip()])
    photos = [photo for photo in reviewed if not photo.unlabelled]
    unlabelled = reviewed[len(photos) :]  # they come last
    counted = counts_text(photos, vocab, unreadable, unlabelled, inbox_photos(data))
    if list or next:
        shown = [*map(describe, photos[: max(0, list)]), *map(describe_unlabelled, unlabelled[: max(0, next)])]
        print("\n".join([*shown, f"{data}: {counted}"]))
        return
    cleaner, listener = open_cleaner(data, reviewed, vocab), listen(host, port)
    port = listener.getsockname()[1]
    from .app import serve  # imported here: --list needs no gradio

    print(
        f"{data}: {counted}. "
        f"Clean them on http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port} and stop with Ctrl-C",
        flush=True,
    )
    serve(cleaner, export, host, listener, len(unreadable))


if __name__ == "__main__":
    run(main)
