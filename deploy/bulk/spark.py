"""Answer the photos of a folder or of an address on Spark: a data frame with a row for each photo, written as Parquet.

Reads  PHOTOS, a folder or an address that Spark reads, and export.pkl and export.onnx, which Spark sends to the workers
Writes OUT, a folder of Parquet files with the columns of `classifier.bulk.records`

    zip -qr classifier.zip classifier
    spark-submit --py-files classifier.zip --files export.pkl,export.onnx deploy/bulk/spark.py PHOTOS OUT

The workers need pandas, pyarrow, and what the classifier imports, which deploy/requirements.lock has. A photo that ends
its process ends this job, and one that was stopped begins anew: `python -m classifier`, with its parts, does better.
"""

import os
import sys
from collections.abc import Iterator

import pandas as pd
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from classifier.photo.formats import EXTENSIONS

COLUMNS = (
    "file string, label string, probability double, familiar boolean, familiarity double, error string, model string, "
    "bytes long, modified string, sha256 string"
)
PHOTOS_AT_ONCE = "64"  # 10,000 where nothing is said, which do not fit in memory


def answered(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield the rows of photos; Spark gives each of its workers some of them."""
    os.environ["CPU_CORES"] = "1"  # Spark starts a worker for each core
    from classifier import Classifier
    from classifier.bulk.records import record
    from classifier.photo import PhotoError

    classifier = Classifier.load(SparkFiles.get("export.pkl"))

    def row(file: str, modified: pd.Timestamp, n_bytes: int, data: bytes) -> dict:
        try:
            answer = classifier.predict(data)
        except PhotoError as error:
            answer = str(error)
        except Exception as error:  # a fault of ours or no memory: the other photos must not pay for it
            answer = f"This photo failed: {type(error).__name__}."
        return record((file, n_bytes, str(modified)), answer, data, classifier.short_version)

    for batch in batches:
        rows = [row(*photo) for photo in zip(batch.path, batch.modificationTime, batch.length, batch.content)]
        yield pd.DataFrame(rows, columns=[column.split()[0] for column in COLUMNS.split(", ")])


def main(photos: str, out: str) -> None:
    """Answer the photos, and print how many there were and how many have no answer."""
    spark = SparkSession.builder.appName("answers").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", PHOTOS_AT_ONCE)
    names = ",".join("*" + "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in end) for end in EXTENSIONS)
    files = spark.read.format("binaryFile").option("recursiveFileLookup", True).option("pathGlobFilter", f"{{{names}}}")
    files.load(photos).mapInPandas(answered, COLUMNS).write.mode("overwrite").parquet(out)
    counts = spark.read.parquet(out).selectExpr("count(*) as photos", "count(error) as failed").first()
    print(f"{out}: {counts.photos} photos, {counts.failed} without an answer")


if __name__ == "__main__":
    main(*sys.argv[1:])
