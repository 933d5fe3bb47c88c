"""Keep what each training was and gave: a folder a run, beside the export.

Reads  the export that a training has written, with its figures and its compiled copy; its photos; DATA/sources.csv
Writes RUNS/2026-11-27-101500-7ac229473872/: export.pkl, export.onnx, metrics.json, and manifest.csv, a row a photo
"""

import csv
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.files import sha256
from classifier.inference.compiled_copy import onnx_path

from .append_log import Row
from .csv_rows import read_csv_rows, write_csv
from .data.contents import sha256_of
from .data.splits import Photos
from .metrics import metrics_path, read_metrics

FOLDER = "runs"
MANIFEST = "manifest.csv"
COLUMNS = ("file", "sha256", "set", "labels", "source")
SOURCES = "sources.csv"  # of `training.gather`


@dataclass(frozen=True)
class Run:
    """A training that was kept."""

    folder: Path

    @property
    def name(self) -> str:
        """Its name: the time, and the first 12 digits of the export's SHA-256."""
        return self.folder.name

    @property
    def export(self) -> Path:
        """Its export.pkl."""
        return self.folder / "export.pkl"

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Its figures; {} where they are damaged."""
        return read_metrics(self.export)

    @cached_property
    def photos(self) -> dict[str, Row]:
        """The rows of its manifest by SHA-256; of copies of a photo the last one."""
        return {row["sha256"]: row for row in read_csv_rows(self.folder / MANIFEST, COLUMNS)}


@dataclass(frozen=True)
class PhotoChanges:
    """What became of the photos of a data set: (set, labels) by SHA-256, before and after."""

    before: dict[str, tuple[str, str]]
    after: dict[str, tuple[str, str]]

    @property
    def came(self) -> list[str]:
        """The SHA-256 of the photos that are new."""
        return sorted(set(self.after) - set(self.before))

    @property
    def gone(self) -> list[str]:
        """Those of the photos that are there no more."""
        return sorted(set(self.before) - set(self.after))

    @property
    def moved(self) -> list[str]:
        """Those of the photos with another set or other labels."""
        return sorted(key for key in set(self.before) & set(self.after) if self.before[key] != self.after[key])

    @property
    def relabelled(self) -> list[str]:
        """Those of the photos with other labels."""
        return [digest for digest in self.moved if self.before[digest][1] != self.after[digest][1]]

    def n_came(self) -> Counter[str]:
        """Return how many photos came, by their labels."""
        return Counter(self.after[digest][1] for digest in self.came)

    def n_gone(self) -> Counter[str]:
        """Return how many photos went, by their labels."""
        return Counter(self.before[digest][1] for digest in self.gone)


def keep_run(export: Path, photos: Photos, data: Path, runs: Path | None = None) -> Run | None:
    """Keep a training whose export was written; print why where it cannot be kept, which ends nothing.

    runs: the folder of all runs; RUNS beside the export if it is left out.
    """
    runs = runs or export.parent / FOLDER
    folder = runs / f"{_free_time(runs):%Y-%m-%d-%H%M%S}-{sha256(export)[:12]}"
    aside = runs / f".{folder.name}"
    try:
        aside.mkdir(parents=True)
        for source, name in (
            (export, "export.pkl"),
            (onnx_path(export), "export.onnx"),
            (metrics_path(export), "metrics.json"),
        ):
            if source.is_file():
                shutil.copyfile(source, aside / name)  # a link would follow whoever writes into the export
        write_csv(aside / MANIFEST, COLUMNS, manifest_rows(photos, data))
        aside.rename(folder)  # whole, or not there
    except (OSError, CliError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        print(f"This training is not kept in {runs}: {error}")
        return None
    return Run(folder)


def _free_time(runs: Path) -> datetime:
    """Return the time; of two runs in one second the later one's is a second later, so that names are in order."""
    time = datetime.now()
    while any(runs.glob(f"{time:%Y-%m-%d-%H%M%S}-*")):
        time += timedelta(seconds=1)
    return time


def manifest_rows(photos: Photos, data: Path) -> list[Row]:
    """Return a row for each photo: its path below the data, SHA-256, set, labels, and where it was gathered."""
    gathered = {row.get("sha256", ""): row for row in _sources(data)}
    rows = []
    for split, files in (("train", photos.train), ("valid", photos.valid), ("test", photos.test)):
        for file in files:
            digest = sha256_of(file)
            own = gathered.get(digest, {})
            source = own.get("source") or own.get("url") or own.get("term") or ""
            name = file.relative_to(data).as_posix() if file.is_relative_to(data) else file.name
            rows.append(dict(zip(COLUMNS, (name, digest, split, photos.labels.text(file), source))))
    return sorted(rows, key=lambda row: row["file"])


def _sources(data: Path) -> Sequence[dict[str, str]]:
    """Return the rows of DATA/sources.csv; none where there is none, or it is somebody else's."""
    with suppress(OSError, UnicodeDecodeError, csv.Error), (data / SOURCES).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
    return ()


def read_runs(runs: Path) -> list[Run]:
    """Return the runs in a folder, the oldest first; CliError where there is none."""
    folders = sorted(runs.iterdir()) if runs.is_dir() else []
    found = [Run(folder) for folder in folders if folder.name[0] != "." and (folder / "export.pkl").is_file()]
    if not found:
        raise CliError(f"No training is kept in {runs}: `python -m training.train DATA` keeps each of its own.")
    return found


def find_run(runs: Sequence[Run], name: str) -> Run:
    """Return the run that a name, or the only one that its beginning or its version, means; CliError for any other."""
    exact = [run for run in runs if run.name == name]
    found = exact or [run for run in runs if name and (run.name.startswith(name) or run.name.endswith(name))]
    if len(found) != 1:
        what = "several runs" if found else "no run"
        raise CliError(f"{name} means {what}. They are: {', '.join(run.name for run in found or runs)}.")
    return found[0]
