"""Put the photos of a folder on the Hugging Face Hub as a data set, with their sources and licences.

Reads  DATA/<label>/..., DATA/valid/<label>/..., DATA/test/<label>/..., or the photos in DATA/labels.csv;
       DATA/sources.csv; a token: hf auth login, or HF_TOKEN
Writes hf://datasets/USER/NAME, created private: one commit, or none where nothing changed. What was taken from DATA
       goes there too

    python -m training.gather --push hf://datasets/USER/NAME --out data/bears --dry-run    # shows it, sends nothing
    python -m training.gather --push hf://datasets/USER/NAME --out data/bears
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from training.data.labels import read_labels
from training.data.listed import listed_notes
from training.data.splits import n_photos
from training.hub.account import obstacle
from training.hub.connection import connected, valid
from training.hub.errors import HubError
from training.hub.repo import Changes, Content, Repo, changes

from .dataset_card import ORDER, TAG
from .hub_files import Photo, files_to_send, photos_to_send
from .sources.candidates import several_and_none
from .sources.hub import PREFIX


def repository(where: str) -> str:
    """Return the name in an address of the Hub; CliError for one that is none."""
    name = where.removeprefix(PREFIX).strip("/")
    try:
        return valid(name if where.startswith(PREFIX) else "")
    except CliError as error:
        raise CliError(f"--push {where}: {PREFIX}USER/NAME is expected, of letters, digits, - _ and .") from error


def push_to_hub(where: str, data: str, dry_run: bool = False) -> None:
    """Make the data set on the Hub hold the photos of a folder and no others; CliError where it cannot.

    dry_run: show what would be sent, and send nothing.
    """
    name = repository(where)
    photos = photos_to_send(Path(data))
    if (labels := read_labels(data)).multi_label:
        print(*listed_notes(Path(data), labels, [photo.file for photo in photos]), sep="\n")
    print(summary(where, photos), flush=True)
    files = files_to_send(photos, name)
    repo = Repo(connected(), name, "dataset")
    try:
        info = _checked(repo)
        parent, differing = _compared(repo, files) if info else ("", Changes(added=list(files)))
        if dry_run:
            state = "would be changed" if info else "would be created, private"
            print(f"{where} {state}: {differing}. Nothing was sent; without --dry-run it is.")
            return
        private = info is None or bool(info.private)
        if info is None:
            repo.create(private=True)
            print(f"created {_page(repo)}, private", flush=True)
            parent, differing = _compared(repo, files)
        if differing:
            commit = repo.send(files, differing, f"{n_photos(len(photos))}: {differing}", parent)
            print(f"sent as {commit[:12]}: {differing}", flush=True)
        else:
            print(f"nothing to send: {name} holds these {n_photos(len(photos))}")
    except HubError as error:
        raise CliError(str(error)) from error
    except KeyboardInterrupt:
        raise CliError(
            f"Interrupted. {where} has all of it or is as it was: the same command sends what is missing."
        ) from None
    print(_visibility(repo, private))


def summary(where: str, photos: Sequence[Photo]) -> str:
    """Return what is to be sent in a sentence: photos by split, and how many have no licence."""
    of_split = [(split, sum(photo.split == split for photo in photos)) for split in ORDER]
    splits = ", ".join(f"{n} {split}" for split, n in of_split if n)
    unknown = sum(not photo.source.get("licence") for photo in photos)
    told = f"The licence of {n_photos(unknown)} is not known: see its card." if unknown else ""
    labels = len({label for photo in photos for label in photo.labels})
    many = several_and_none(Counter((photo.split, photo.labels) for photo in photos)) + " "
    many = many if any(photo.several for photo in photos) else ""
    return f"{where}: {n_photos(len(photos))} of {labels} label{'s' * (labels != 1)} ({splits}). {many}{told}".strip()


def _checked(repo: Repo) -> Any:
    """Return what the Hub says of the data set, None where there is none; HubError where it may not be written to."""
    problem, fix = obstacle(repo.call("asking whose token this is", repo.api.whoami), repo.name.split("/")[0])
    if problem:
        raise HubError(f"Nothing was sent: {problem}. {fix}")
    info = repo.info()
    if info is None:
        return None
    tags = getattr(info.card_data, "tags", None) or []
    others = [path for path in repo.tree() if path not in (".gitattributes", "README.md")]
    if others and TAG not in tags:
        raise HubError(f"Nothing was sent: {repo.name} holds another data set ({others[0]}). Take another name.")
    return info


def _compared(repo: Repo, files: Mapping[str, Content]) -> tuple[str, Changes]:
    """Return the data set's last commit and what differs from it; what lies beside the splits may stay: a LICENSE."""
    parent = repo.commits()[0][0]  # before the files: a commit that comes in between is refused then
    differing = changes(files, repo.tree())
    ours = tuple(f"{split}/" for split in ORDER)
    return parent, replace(differing, deleted=[path for path in differing.deleted if path.startswith(ours)])


def _page(repo: Repo) -> str:
    return f"{repo.api.endpoint}/datasets/{repo.name}"


def _visibility(repo: Repo, private: bool) -> str:
    """Return who sees the data set, and where that is changed."""
    if private:
        owner = repo.name.partition("/")[0]
        return f"{_page(repo)} is private: only {owner} sees it. {_page(repo)}/settings makes it public."
    return f"{_page(repo)} is public: everybody sees these photos. {_page(repo)}/settings makes it private."
