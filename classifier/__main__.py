"""Classify photos, any number of them, into a table; an interrupted run can be continued.

Reads  export.pkl, and the photos of SOURCE: a folder, an address (s3://, gs://, hf://), or a table of addresses
Writes OUT: answers.csv, a row for each photo as soon as it is answered; or parts (see `classifier.bulk`)

    python -m classifier photos --out answers.csv
    python -m classifier s3://bucket/photos --out s3://bucket/answers --engine dask
    python -m classifier photos --out answers --shard 1/64          # and 2/64, ...; then classifier.merge
"""

import os
import signal

from fastcore.script import CliError

from classifier.command_line import run

from .folder_table import answer_folder


def main(
    source: str,  # folder of photos, with those below; an address such as s3://bucket/photos; or a table of addresses
    out: str = "answers.csv",  # .csv, .parquet or a folder of parts; where it is there already, it is gone on with
    export: str = "export.pkl",  # the model
    all_labels: bool = False,  # a column for the probability of each label
    engine: str = "",  # what answers the parts: dask or ray; "" for this process
    workers: int = 0,  # processes that an engine starts on this machine; 0: one a core
    address: str = "",  # of a cluster of that engine that runs already
    shard: str = "",  # answer a share of the parts: 1/64 is the first of 64
    part_size: int = 512,  # photos of a part, about: what a kill may cost, and what a worker answers at a time
    column: str = "",  # of a table: the one of addresses
    relist: bool = False,  # list SOURCE again, for photos that came or changed since; other parts stay as they are
) -> None:
    "Say which label each photo of SOURCE shows, or which of them, in a table that any spreadsheet opens."
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # number 1 of a container would not hear it
    a_folder = os.path.isdir(source) or not (("://" in source) or source.lower().endswith((".csv", ".parquet")))
    in_parts = engine or shard or workers or address or column or not out.lower().endswith(".csv")
    if a_folder and not in_parts and "://" not in out:
        answer_folder(source, out, export, all_labels)
        return
    try:
        from .bulk.run import Wanted, answer_source
    except ImportError as error:
        raise CliError(
            f"A package is not installed ({error.name}): pip install -r classifier/bulk/requirements.txt"
        ) from None
    answer_source(Wanted(source, out, export, engine, workers, address, shard, part_size, all_labels, column, relist))


if __name__ == "__main__":
    run(main)
