"""A job: the list of a source's photos, in parts, and the model that answers them, all in one folder.

Reads  a source, an export, and OUT where an earlier run has begun
Writes OUT/job.json, OUT/list.parquet, OUT/model/export.pkl (and export.onnx), so that any worker that reaches OUT can
       answer a part; the workers write OUT/parts/NAME.parquet
"""

import io
import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier import Classifier
from classifier.export import ExportError
from classifier.inference.compiled_copy import onnx_path

from .listing import Listed, list_source, to_text, with_parts
from .places import Place

JOB, LIST, PARTS, TRYING, MODEL = "job.json", "list.parquet", "parts", "trying", "model/export.pkl"


@dataclass(frozen=True)
class Options:
    """What decides which rows a job gives; an earlier run's must be the same."""

    model: str  # the first 12 digits of the export's SHA-256
    all_labels: bool = False
    part_size: int = 512


@dataclass(frozen=True)
class Job:
    """A job in its folder."""

    place: Place
    options: Options
    photos: pa.Table
    """of `listing.LIST`"""

    @property
    def parts(self) -> list[str]:
        """The names of all parts, in the order of the list."""
        return list(dict.fromkeys(self.photos["part"].to_pylist()))

    def done(self) -> set[str]:
        """Return the names of the parts that are there."""
        there = {name.removesuffix(".parquet") for name in self.place.names(PARTS)}
        return there & set(self.parts)

    def photos_of(self, part: str) -> list[Listed]:
        """Return the photos of a part."""
        rows = self.photos.filter(pa.compute.equal(self.photos["part"], part))
        files = map(to_text, rows["file"].to_pylist())
        return list(zip(files, rows["bytes"].to_pylist(), rows["modified"].to_pylist()))


def open_job(out: str, source: str, column: str, export: str, options: Options, relist: bool) -> Job:
    """Return the job in a folder, begun if there is none; CliError where the folder has another's answers."""
    place = Place.of(out)
    if place.has(JOB):
        _check_same(place, options)
    if not place.has(LIST) or relist:
        photos = list_source(source, column)
        table = with_parts(photos, options.part_size, options.model, str(options.all_labels))
        _begin(place, export, options, source, table)
    return read_job(out)


def _check_same(place: Place, options: Options) -> None:
    """Raise CliError where an earlier run's options differ."""
    before = _read_options(place)
    if before.model != options.model:
        raise CliError(
            f"{place.address} holds answers of another model ({before.model}, not {options.model}). Name another "
            "folder with --out."
        )
    if before != options:
        raise CliError(f"{place.address} was begun with other options ({before}). Give the same, or another --out.")


def _begin(place: Place, export: str, options: Options, source: str, table: pa.Table) -> None:
    """Write what the workers read; the job itself last, so that a kill leaves nothing half begun."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    listed = datetime.now(timezone.utc).isoformat(timespec="seconds")
    try:
        for path, name in ((Path(export), MODEL), (onnx_path(export), str(onnx_path(MODEL)))):
            if path.is_file():
                place.write(name, path.read_bytes())
        place.write(LIST, buffer.getvalue())
        place.write(JOB, json.dumps({**asdict(options), "source": source, "listed": listed}, indent=1).encode())
    except OSError as error:
        raise CliError(f"{place.address} cannot be written: {error.strerror or error}.") from None


def _read_options(place: Place) -> Options:
    try:
        data = json.loads(place.read(JOB))
        return Options(str(data["model"]), bool(data["all_labels"]), int(data["part_size"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise CliError(f"{place.address}/{JOB} is damaged: remove the folder, or name another with --out.") from None


def read_job(out: str) -> Job:
    """Return the job in a folder; CliError where there is none."""
    place = Place.of(out)
    try:
        photos = pq.read_table(io.BytesIO(place.read(LIST)))
    except FileNotFoundError:
        raise CliError(f"{out} holds no job: `python -m classifier SOURCE --out {out}` begins one.") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise CliError(f"{out}/{LIST} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
    return Job(place, _read_options(place), photos)


def load_model(place: Place) -> Classifier:
    """Return the classifier of a job; of one on an object store, the export is fetched first."""
    if place.is_local:
        return _load(Path(place.path(MODEL)))
    with tempfile.TemporaryDirectory() as folder:
        for name in (MODEL, str(onnx_path(MODEL))):
            if place.has(name):
                (Path(folder) / Path(name).name).write_bytes(place.read(name))
        return _load(Path(folder) / Path(MODEL).name)


def _load(path: Path) -> Classifier:
    try:
        return Classifier.load(path)
    except ExportError as error:
        raise CliError(str(error)) from None
