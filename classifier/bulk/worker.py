"""Answer one part of a job: the function that every engine maps over the names of parts.

    answer_part("s3://bucket/answers", "0123…")

One classifier a process, kept; each photo's error is a row; one Parquet file, whole. A part that is there is done. Who
begins a part leaves a mark: where the mark is there already, somebody died of this part, and its photos are answered in
a process of their own, so that one which ends its process costs a row and not the job.
"""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.parquet as pq

from classifier import Classifier
from classifier.cpu_count import cores
from classifier.photo import PhotoError
from classifier.photo.download import MAX_BYTES, Downloader, DownloadError, run_async
from classifier.photo.sources import read_source

from .careful import answers_of_their_own
from .job import PARTS, TRYING, Job, load_model, read_job
from .listing import Listed
from .places import file_system
from .records import Record, record, schema_of

WEB = ("http://", "https://")
MAX_PHOTO_BYTES = 200_000_000  # of a file or an object; an address on the web has less


@dataclass
class Counts:
    """What the photos of parts came to."""

    photos: int = 0
    failed: int = 0
    unfamiliar: int = 0
    none: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        mine, theirs = vars(self).values(), vars(other).values()
        return Counts(*(one + two for one, two in zip(mine, theirs)))


RETRIES = 3  # workers that one part may end before it is left for the next run
Result = Counts | str  # or why a part was not answered


@lru_cache(1)
def loaded(out: str) -> tuple[Job, Classifier]:
    """Return a job and its classifier, once a process."""
    job = read_job(out)
    return job, load_model(job.place)


def answer_part(out: str, part: str) -> Counts:
    """Answer the photos of a part and write it, unless it is there; OSError where it cannot be written."""
    job, classifier = loaded(out)
    name, mark = f"{PARTS}/{part}.parquet", f"{TRYING}/{part}"
    if job.place.has(name):
        return counts_of(pq.read_table(io.BytesIO(job.place.read(name))))
    photos = job.photos_of(part)
    if job.place.has(mark):
        rows = answers_of_their_own(out, photos, job.options.model)
    else:
        job.place.write(mark, b"")
        try:
            rows = _answers(classifier, photos)
        except BaseException:  # Ctrl-C is no photo that ends its process
            job.place.remove(mark)
            raise
    table = pa.Table.from_pylist(rows, schema_of(classifier, job.options.all_labels))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    job.place.write(name, buffer.getvalue())
    with suppress(OSError):
        job.place.remove(mark)
    return counts_of(table)


def _answers(classifier: Classifier, photos: list[Listed]) -> list[Record]:
    """Return the rows of photos, answered by as many threads as there are cores."""
    pool = ThreadPoolExecutor(cores())
    try:
        return list(pool.map(partial(answer, classifier), photos))
    finally:
        pool.shutdown(cancel_futures=True)


def answer(classifier: Classifier, photo: Listed) -> Record:
    """Return the row of a photo; whatever goes wrong becomes its sentence."""
    file, n_bytes, modified = photo
    model, data = classifier.short_version, None
    try:
        data = read_photo(file, n_bytes)
        return record(file, n_bytes, modified, classifier.predict(data), data, model)
    except PhotoError as error:
        return record(file, n_bytes, modified, str(error), data, model)
    except Exception as error:  # of any file system, or a fault of ours: the other photos must not pay for it
        return record(file, n_bytes, modified, f"This photo failed: {type(error).__name__}.", data, model)


def read_photo(file: str, n_bytes: int) -> bytes:
    """Return the bytes of a file, an object or an address on the web; PhotoError with a sentence."""
    if n_bytes > MAX_PHOTO_BYTES:
        raise PhotoError(
            f"This file has {n_bytes / 1e6:.0f} MB, more than the {MAX_PHOTO_BYTES / 1e6:.0f} MB of a photo."
        )
    if file.startswith(WEB):
        return _download(file)
    if "://" not in file:
        return _read_local(file)
    files, path = file_system(file)
    try:
        if n_bytes < 0 and int(files.info(path).get("size") or 0) > MAX_PHOTO_BYTES:
            return read_photo(file, MAX_PHOTO_BYTES + 1)
        return bytes(files.cat_file(path))
    except FileNotFoundError:
        raise PhotoError(f"There is no file {file}.") from None
    except OSError as error:
        raise PhotoError(f"{file} could not be read: {error.strerror or error}.") from None


def _read_local(file: str) -> bytes:
    """Return the bytes of a file of this machine; PhotoError where it is too large to be a photo."""
    with suppress(OSError):
        size = os.stat(file).st_size
        if size > MAX_PHOTO_BYTES:
            return read_photo(file, size)
    return read_source(file)


def _download(address: str) -> bytes:
    """Return the bytes at an address on the public web, as the app fetches those that clients send."""
    try:
        return run_async(Downloader(max_bytes=MAX_BYTES).fetch(address))
    except DownloadError as error:
        raise PhotoError(f"{address} could not be downloaded: {error}.") from None


def counts_of(table: pa.Table) -> Counts:
    """Return what the rows of a part came to."""
    familiar, label, error = (table[name].to_pylist() for name in ("familiar", "label", "error"))
    return Counts(
        len(table),
        sum(why is not None for why in error),
        sum(known is False for known in familiar),
        sum(name is None and why is None for name, why in zip(label, error)),
    )
