"""The row of a photo in a part: what results_csv writes, typed, with the SHA-256 of the photo and all labels by option.

Gives  `schema_of` a model's rows, `record` of a photo, and the rows in a part's bytes
"""

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from classifier import Classifier, Prediction
from classifier.results_csv import DECISION, PROBABILITY, SEPARATOR

from .photo_list import Listed

Record = dict[str, Any]


ALWAYS: tuple[tuple[str, pa.DataType], ...] = (
    ("file", pa.string()),
    ("label", pa.string()),
    ("probability", pa.float64()),
    ("familiar", pa.bool_()),
    ("familiarity", pa.float64()),
    ("error", pa.string()),
    ("model", pa.string()),
    ("bytes", pa.int64()),
    ("modified", pa.string()),
    ("sha256", pa.string()),
)
"""the columns of every part: those of results_csv.COLUMNS, and what tells one photo from another"""


def schema_of(classifier: Classifier, all_labels: bool) -> pa.Schema:
    """Return the columns of a part."""
    fields = list(ALWAYS)
    if classifier.operating_point:
        fields.append((DECISION, pa.string()))
    if all_labels:
        fields += [(f"{PROBABILITY}{label}", pa.float64()) for label in classifier.labels]
    return pa.schema(fields)


def record(photo: Listed, answer: Prediction | str, data: bytes | None, model: str) -> Record:
    """Return the row of a photo. answer: or the sentence why there is none; data: its bytes, where they were read."""
    file, n_bytes, modified = photo
    known = n_bytes if n_bytes >= 0 else None
    row: Record = {
        "file": shown(file),
        "error": None,
        "model": model,
        "bytes": known if data is None else len(data),
        "modified": modified,
        "sha256": None if data is None else hashlib.sha256(data).hexdigest(),
    }
    if isinstance(answer, str):
        return {**row, "error": shown(answer)}
    labels = (answer.label,) if answer.labels is None else answer.labels
    return {
        **row,
        "label": SEPARATOR.join(labels) or None,
        "probability": answer.probabilities[answer.label] if labels else None,
        "familiar": answer.familiar,
        "familiarity": answer.familiarity,
        DECISION: answer.decision,
        **{f"{PROBABILITY}{label}": probability for label, probability in answer.probabilities.items()},
    }


def rows_in(data: bytes) -> pa.Table:
    """Return the rows in a part's bytes; ArrowException or OSError where they are damaged.

    Without Python's own file and without threads: one that lets go of the file while the program ends aborts it.
    """
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)


def shown(text: str) -> str:
    """Return a text as a part has it: bytes of a name that are no UTF-8 become \\udcXX."""
    return text.encode(errors="backslashreplace").decode()
