"""Answer a part of a job: the function that every engine maps over the names of parts.

    answer_part("s3://bucket/answers", "0123…")

One classifier a process, kept; each photo's error is a row; one Parquet file, whole. A part that is there is done. Who
begins a part leaves a mark: where the mark is there already, somebody died of this part, and its photos are answered in
a process of their own, so that one which ends its process costs a row and not the job.
"""

from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier import Classifier
from classifier.cpu_count import cores
from classifier.photo import PhotoError

from . import careful
from .earlier import PARTS
from .job import AGAIN, TRYING, Job, Options, read_job
from .model import load_model
from .photo_list import Listed
from .places import scheme_of, why
from .reading import WEB, OutOfReach, read_photo
from .records import Record, record, rows_in, schema_of
from .threads import in_threads

OUT_OF_REACH = "out of reach"  # of a row, beside its columns: another try may read the photo
LISTED_AGAIN = "the source was listed again meanwhile"
RETRIES = 3  # workers that one part may end before it is left for the next run


@dataclass(frozen=True)
class Counts:
    """What the photos of parts came to."""

    photos: int = 0
    failed: int = 0
    unfamiliar: int = 0
    none: int = 0
    out_of_reach: int = 0
    away: int = 0
    """of these, the ones of a folder or a store, which all photos share; each address on the web has its own server"""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(sum, zip(astuple(self), astuple(other))))


Result = Counts | str
"""of a part; or why it was not answered"""


def answer_part(out: str, part: str) -> Result:
    """Answer the photos of a part and write it, unless it is there; return what came of it."""
    try:
        job = read_job(out)
        if part not in job.photos.groups:
            return LISTED_AGAIN
        if job.is_done(part):
            return counts_of(rows_in(job.place.read(f"{PARTS}/{part}.parquet")))
        return _answer_part(out, job, part)
    except (OSError, CliError, pa.ArrowException) as error:
        return why(error)


def _answer_part(out: str, job: Job, part: str) -> Result:
    """Answer a part between writing its mark and removing it."""
    mark = f"{TRYING}/{part}"
    somebody_died = job.place.has(mark)
    if not somebody_died:
        job.place.write(mark, b"")
    try:
        photos = job.photos_of(part)
        answers = careful.answers_of_their_own if somebody_died else _answers
        rows = answers(out, job, photos)
        listed = part in read_job(out).photos.groups  # else it would lie beside the parts of the new list
        result = _write_part(job, part, photos, rows) if listed else LISTED_AGAIN
    except BaseException:  # neither Ctrl-C nor a full disk is a photo that ends its process
        with suppress(OSError):
            if not somebody_died:
                job.place.remove(mark)
        raise
    with suppress(OSError):
        job.place.remove(mark)
    return result


def _write_part(job: Job, part: str, photos: list[Listed], rows: list[Record]) -> Counts:
    """Write a part, and beside it whether some of its photos are to be tried again."""
    again = f"{AGAIN}/{part}"
    out_of_reach = [photo for photo, row in zip(photos, rows) if OUT_OF_REACH in row]
    if out_of_reach:  # before the part, which would be done without it
        job.place.write(again, b"")
    classifier = load_model(job.place, job.options.model)
    table = pa.Table.from_pylist(rows, schema_of(classifier, job.options.all_labels))
    buffer = pa.BufferOutputStream()  # no file of Python: see rows_in
    pq.write_table(table, buffer, compression="zstd")
    job.place.write(f"{PARTS}/{part}.parquet", buffer.getvalue().to_pybytes())
    if not out_of_reach:
        job.place.remove(again)
    away = sum(scheme_of(file) not in WEB for file, *_ in out_of_reach)
    return replace(counts_of(table), out_of_reach=len(out_of_reach), away=away)


def _answers(out: str, job: Job, photos: list[Listed]) -> list[Record]:
    """Return the rows of photos, answered in as many threads as there are cores; after one that hangs, carefully."""
    classifier = load_model(job.place, job.options.model)
    rows = in_threads(partial(answer, classifier, job.options), photos, cores(), careful.MAX_SECONDS)
    left = [photo for photo, row in zip(photos, rows) if row is None]
    others = iter(careful.answers_of_their_own(out, job, left))
    return [next(others) if row is None else row for row in rows]


def answer(classifier: Classifier, options: Options, photo: Listed) -> Record:
    """Return the row of a photo; whatever goes wrong becomes its sentence."""
    file, n_bytes, _ = photo
    data = None
    try:
        data = read_photo(options.path_of(file), n_bytes)
        return record(photo, classifier.predict(data), data, options.model)
    except OutOfReach as error:
        return {**record(photo, str(error), data, options.model), OUT_OF_REACH: True}
    except PhotoError as error:
        return record(photo, str(error), data, options.model)
    except Exception as error:  # a fault of ours or no memory: the other photos must not pay for it
        return record(photo, f"This photo failed: {type(error).__name__}.", data, options.model)


def counts_of(table: pa.Table) -> Counts:
    """Return what the rows of a part came to."""
    familiar, label, error = (table[name].to_pylist() for name in ("familiar", "label", "error"))
    return Counts(
        len(table),
        sum(reason is not None for reason in error),
        sum(known is False for known in familiar),
        sum(name is None and reason is None for name, reason in zip(label, error)),
    )
