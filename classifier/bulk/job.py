"""A job: the list of a source's photos, in parts, and the model that answers them, all in one folder.

Reads  a source, an export, and OUT where an earlier run has begun
Writes OUT/job.json, OUT/list.parquet, OUT/model/export.pkl (and export.onnx), so that any worker that reaches OUT can
       answer a part; the workers write OUT/parts/NAME.parquet
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from fastcore.script import CliError

from classifier.inference.compiled_copy import onnx_path

from .earlier import PARTS, set_apart
from .listing import list_source
from .model import MODEL, load
from .photo_list import Listed, PhotoList, encoded
from .places import Place, why

JOB, LIST = "job.json", "list.parquet"
TRYING, AGAIN = "trying", "again"
"""folders of files named after a part, beside PARTS: somebody answers it; some of its photos were out of reach"""
DAMAGE = (OSError, ValueError, KeyError, pa.ArrowException)
"""what pyarrow raises for the bytes of a file that are not those that were written"""


@dataclass(frozen=True)
class Options:
    """What a job was begun with; see the options of `python -m classifier`."""

    model: str
    """the first 12 digits of the export's SHA-256"""
    all_labels: bool = False
    part_size: int = 512
    source: str = ""
    column: str = ""
    multi_label: bool = False
    """whether the model may give a photo several labels, or none"""
    folder: str = ""
    """the one that relative paths of photos start from"""
    listed: str = ""
    """when, which tells one list from another"""

    def path_of(self, file: str) -> str:
        """Return where a photo is, from wherever this process was started."""
        return file if "://" in file else os.path.join(self.folder, file)

    @property
    def where(self) -> str:
        """The source, from wherever the job was begun."""
        return self.source if "://" in self.source else os.path.abspath(self.path_of(self.source))

    def __str__(self) -> str:
        columns = f" --column {self.column}" if self.column else ""
        return f"{self.where}{columns} --part-size {self.part_size}{' --all-labels' if self.all_labels else ''}"


@dataclass(frozen=True)
class Job:
    """A job in its folder."""

    place: Place
    options: Options
    photos: PhotoList

    @property
    def parts(self) -> list[str]:
        """The names of all parts, in the order of the list."""
        return list(self.photos.groups)

    def n_photos(self, parts: Iterable[str]) -> int:
        """Return how many photos parts have."""
        return sum(map(self.photos.size, parts))

    def is_done(self, part: str) -> bool:
        """Return whether a part needs no more work."""
        return self.place.has(f"{PARTS}/{part}.parquet") and not self.place.has(f"{AGAIN}/{part}")

    def answered(self) -> tuple[set[str], set[str]]:
        """Return the names of the parts that need no more work, and of those with photos that were out of reach.

        All at once; CliError where nobody can tell.
        """
        try:
            there = {name.removesuffix(".parquet") for name in self.place.names(PARTS)}
            again = self.place.names(AGAIN)
            return (there - again) & self.photos.groups.keys(), again
        except OSError as error:
            raise CliError(f"{self.place.address} cannot be read: {why(error)}.") from None

    def photos_of(self, part: str) -> list[Listed]:
        """Return the photos of a part; CliError where that part of the list is damaged."""
        try:
            return self.photos.photos_of(part)
        except DAMAGE as error:
            raise _damaged(self.place, error) from None


def open_job(out: str, export: str, options: Options, relist: bool) -> Job:
    """Return the job in a folder, begun if there is none; CliError where the folder has another's answers."""
    place = Place.of(out)
    try:
        begun = place.has(JOB)
        if begun:
            _check_same(place, options, relist)
        if not begun or relist:
            _begin(place, export, options)
    except OSError as error:
        raise CliError(f"{out} cannot be written: {why(error)}.") from None
    return read_job(out)


def _check_same(place: Place, wanted: Options, relist: bool) -> None:
    """Raise CliError where an earlier run's options differ; a new list may be of another source."""
    before = read_options(place)
    if before.model != wanted.model:
        raise CliError(
            f"{place.address} holds answers of another model ({before.model}, not {wanted.model}). Name another "
            "folder with --out."
        )
    same = ("all_labels",) if relist else ("all_labels", "part_size", "where", "column")
    if any(getattr(before, name) != getattr(wanted, name) for name in same):
        raise CliError(f"{place.address} was begun with {before}, not {wanted}. Give the same, or another --out.")


def _begin(place: Place, export: str, options: Options) -> None:
    """Write what the workers read; the job itself last, so that a kill leaves nothing half begun."""
    classifier = load(Path(export))
    models = {MODEL: Path(export), str(onnx_path(MODEL)): onnx_path(export)}
    for name, path in models.items():  # before the list, which takes long: the folder may take nothing
        if path.is_file():
            place.write(name, path.read_bytes())
    try:
        photos = list_source(options.source, options.column)
    except CliError:
        for name in () if place.has(JOB) else models:
            place.remove(name)
        raise
    data = encoded(photos, options.part_size, f"{options.model}\n{options.all_labels}")
    place.write(LIST, data)
    set_apart(place, PhotoList.read(data).groups)
    now = datetime.now(timezone.utc).isoformat()
    facts = {**asdict(options), "multi_label": classifier.multi_label, "listed": now}
    place.write(JOB, json.dumps(facts, indent=1).encode())


def read_options(place: Place) -> Options:
    """Return what a job was begun with; CliError where there is none, or a damaged one."""
    try:
        data = json.loads(place.read_to_decode(JOB))
        values = {field.name: data[field.name] for field in fields(Options)}
        if any(type(values[name]) is not type(value) for name, value in asdict(Options("")).items()):
            raise TypeError("values of other types")
        return Options(**values)
    except FileNotFoundError:
        raise CliError(
            f"{place.address} holds no job: `python -m classifier SOURCE --out {place.address}` begins one."
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CliError(f"{place.address}/{JOB} is damaged: remove the folder, or name another with --out.") from None


def read_job(out: str) -> Job:
    """Return the job in a folder; CliError where there is none."""
    place = Place.of(out)
    return _read_job(place, read_options(place))


@lru_cache(1)
def _read_job(place: Place, options: Options) -> Job:
    """Return a job, whose list is read once; another list has another time in its options."""
    try:
        return Job(place, options, PhotoList.read(place.read_to_decode(LIST)))
    except DAMAGE as error:
        raise _damaged(place, error) from None


def _damaged(place: Place, error: Exception) -> CliError:
    """Return what is said of a list that is damaged."""
    return CliError(f"{place.address}/{LIST} is damaged ({why(error)}): run the same command with --relist.")
