"""Classify photos, any number of them, into a table; an interrupted run can be continued.

Reads  export.pkl, and the photos of SOURCE: a folder, an address (s3://, gs://, hf://), or a table of addresses
Writes OUT: answers.csv, a row for each photo as soon as it is answered; or parts (see `classifier.bulk`)

    python -m classifier photos --out answers.csv
    python -m classifier s3://bucket/photos --out s3://bucket/answers --engine dask
    python -m classifier photos --out answers --shard 1/64          # and 2/64, ...; then classifier.merge
"""

from fastcore.script import CliError

from classifier.command_line import run

from .folder_table import answer_folder


def main(
    source: str,  # folder of photos, with those below; an address such as s3://bucket/photos; or a table of addresses
    out: str = "answers.csv",  # .csv or .parquet, or a folder of parts; where it is there already, the rest is added
    export: str = "export.pkl",  # the model
    all_labels: bool = False,  # a column for the probability of each label
    engine: str = "",  # what answers the parts: dask or ray; "" for this machine alone
    workers: int = 0,  # processes that an engine starts here; 0: one a core
    address: str = "",  # of a cluster of that engine that runs already
    shard: str = "",  # answer a share of the parts alone: 1/64 to 64/64
    part_size: int = 512,  # photos of a part, in the mean
    column: str = "",  # of a table: the one of addresses
    relist: bool = False,  # list the source again, for photos that came or changed since the first run
) -> None:
    "Say which label each photo of SOURCE shows, or which of them, in a table that any spreadsheet opens."
    one_table = out.lower().endswith(".csv") and not engine and not shard and "://" not in source
    if one_table and not source.lower().endswith((".csv", ".parquet")):
        answer_folder(source, out, export, all_labels)
        return
    try:
        from .bulk.run import Wanted, answer_source
    except ImportError as error:
        raise CliError(
            f"A package is not installed ({error.name}): pip install -r classifier/bulk/requirements.txt"
        ) from None
    stated = Wanted(source, out, export, engine, workers, address, shard, part_size, all_labels, column, relist)
    answer_source(stated)


if __name__ == "__main__":
    run(main)
