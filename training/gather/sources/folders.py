"""Read a folder as people have it: of any depth, with or without splits, with a table beside the photos or not.

Gives  a `DataSet`

A photo's label is the first folder below the data set, or below the folder of its split; the first group of a pattern
where one is given; what a table says where one names the photos.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fastcore.script import CliError

from classifier.photo import PhotoError, photo_format
from classifier.photo.download import MAX_BYTES
from training.data.files import PHOTO_EXTENSIONS, get_files
from training.data.skipped import NO_LABELS, folders_left_out
from training.data.splits import base_of, n_photos

from .annotations import is_annotations, read_annotations
from .candidates import Candidate, DataSet, as_folder
from .labelling import labelled
from .layouts import by_folders, by_pattern, has_labels, no_labels, only_structure
from .marks import SeveralLabels
from .options import ReadingOptions
from .photo_index import PhotoIndex
from .table_files import TABLES
from .tables import read_table

DEEPEST_TABLE = 2  # folders below the data set in which a table or annotations are looked for
MOST_TOLD = 2  # tables that could not be read, of which each has a sentence
SAMPLE = re.compile("sample_?submission|^submission", re.I)  # a table whose labels are none


def read_folder(folder: Path, options: ReadingOptions, confined: bool = False) -> DataSet:
    """Return the data set in a folder; CliError where it holds no photos, or nothing says their labels.

    confined: a table may name files in the folder alone, since it came out of a stranger's archive.
    """
    if not folder.is_dir():
        raise CliError(f"There is no folder {folder}.")
    photos, notes = photos_in(folder)
    if options.unlabelled:
        candidates = [Candidate((), file=photo, title=photo.name) for photo in photos]
        return labelled(DataSet("photos", candidates, notes), options)
    if options.pattern:
        return labelled(by_pattern(folder, photos, options.pattern, notes), options, in_folders=True)
    tables, samples = _tables(folder, photos)
    notes += [f"{table.name} was not read: its labels are a sample's." for table in samples]
    if not photos and not tables:
        raise CliError(f"No photos under {folder}. {' '.join(notes)}".strip())
    index = PhotoIndex(folder, photos, confined)
    unclear: list[CliError] = []
    found = [read for table in tables if (read := _labels_of(table, options, index, unclear)) is not None]
    candidates = [candidate for read in found for candidate in read.candidates]
    structural = bool(photos) and only_structure(folder, photos)
    by_folder = by_folders(folder, photos, [*notes, *_told(unclear)]) if photos and not structural else None
    several = options.several(any(read.several for read in found))
    if not candidates or (by_folder and not several and _agree(by_folder, candidates)):
        if unclear and (by_folder is None or options.names_columns or not has_labels(folder, photos)):
            raise CliError(" ".join(map(str, unclear[:2])))
        if by_folder is None:
            raise CliError(f"{no_labels(folder, photos)} {' '.join(notes)}".strip())
        by_folder.notes += _contradictions(by_folder, candidates)
        return labelled(by_folder, options, in_folders=True)
    told = [note for read in found for note in read.notes]
    named = {candidate.file for candidate in candidates if candidate.file}
    if rest := [photo for photo in photos if photo not in named]:
        told.append(f"{n_photos(len(rest))} left out: not named in the table, such as {rest[0].relative_to(folder)}.")
    kind = ", ".join(dict.fromkeys(read.kind for read in found))
    return labelled(DataSet(kind, candidates, [*notes, *told], several=several), options)


def photos_in(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the photos under a folder, sorted, and sentences on what was left out.

    A file without a photo's extension is a photo where its content is a photo's.
    """
    by_target: dict[str, Path] = {}
    others: Counter[str] = Counter()
    files = [file for file in get_files(folder) if NO_LABELS.isdisjoint(file.relative_to(folder).parts[:-1])]
    for file in sorted(files, key=lambda file: (len(file.parts), file)):  # links: the shortest way counts
        suffix = file.suffix.lower()
        if suffix in PHOTO_EXTENSIONS or (suffix not in KNOWN and _is_photo(file)):
            by_target.setdefault(os.path.realpath(file), file)
        elif suffix not in KNOWN:
            others[suffix or "no extension"] += 1
    photos = sorted(by_target.values())
    notes = list(folders_left_out(folder, photos)) if photos else []
    if others:
        listed = ", ".join(f"{n} with {suffix}" for suffix, n in others.most_common(5))
        notes.append(f"Files that are no photos, left out: {listed}.")
    return photos, notes


KNOWN = {*TABLES, ".json", ".txt", ".md", ".xml", ".yaml", ".yml", ".html", ".py", ".ipynb", ".db"}  # never photos


def _is_photo(file: Path) -> bool:
    """Return whether a file is a photo by its content; some formats have their head at the end."""
    try:
        with file.open("rb") as opened:
            photo_format(opened.read(MAX_BYTES))
    except (OSError, PhotoError):
        return False
    return True


def _tables(folder: Path, photos: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the tables and annotations near the top of a folder, and apart the samples of what to send to Kaggle."""
    base = base_of(folder, photos) if photos else folder
    deepest = len(base.relative_to(folder).parts) + DEEPEST_TABLE + 1
    found = sorted(
        file
        for file in get_files(folder, extensions={*TABLES, ".json"})
        if len(file.relative_to(folder).parts) <= deepest
        and NO_LABELS.isdisjoint(file.relative_to(folder).parts)
        and file.name != "sources.csv"  # of an earlier gathering: the folders say the same, and what became of it
    )
    return [file for file in found if not SAMPLE.search(file.stem)], [
        file for file in found if SAMPLE.search(file.stem)
    ]


def _labels_of(table: Path, options: ReadingOptions, index: PhotoIndex, unclear: list[CliError]) -> DataSet | None:
    """Return what a table or annotations say of the photos; None where that is unclear, and why in `unclear`."""
    try:
        if table.suffix.lower() == ".json" and is_annotations(table):
            return read_annotations(table, index)
        return read_table(table, options, index)
    except SeveralLabels:
        raise
    except CliError as error:
        unclear.append(error)
        return None


def _told(unclear: Sequence[CliError]) -> list[str]:
    """Return sentences on the tables that are none: a few, since each photo may have a JSON of its own beside it."""
    more = len(unclear) - MOST_TOLD
    return [*map(str, unclear[:MOST_TOLD]), *([f"{more} more such files are no tables of photos."] if more > 0 else [])]


def _contradictions(by_folder: DataSet, candidates: Sequence[Candidate]) -> list[str]:
    """Return a sentence on the photos of which a table says something else than their folders."""
    labels = {found.file: as_folder(found.label) for found in by_folder.candidates}
    n = sum(
        found.file in labels and as_folder(found.labels[0]) != labels[found.file]
        for found in candidates
        if found.labels
    )
    return [f"The folders are taken; a table says otherwise of {n_photos(n)}. --source TABLE takes it."] * bool(n)


def _agree(by_folder: DataSet, candidates: Sequence[Candidate]) -> bool:
    """Return whether a table says of its photos what their folders say, and no more than that."""
    labels = {found.file: as_folder(found.label) for found in by_folder.candidates}
    same = sum(tuple(map(as_folder, found.labels)) == (labels.get(found.file),) for found in candidates)
    splits = [{found.split for found in said} for said in (by_folder.candidates, candidates)]
    return same > 0.9 * len(candidates) and len(splits[0]) >= len(splits[1])
