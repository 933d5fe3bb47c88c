"""Join the parts that `python -m classifier` answered, of one folder or of the folders of shards, into one file.

Reads  OUT folders of `python -m classifier SOURCE --out OUT`, of the same source, model and options
Writes ALL: .parquet or .csv, a row for each photo; none is missing, and none is there twice

    python -m classifier.merge answers --out answers.parquet
    python -m classifier.merge shard-1 shard-2 shard-3 --out answers.csv
"""

from fastcore.script import CliError

from classifier.command_line import run


def main(
    *folders: str,  # folders with parts: of one run, or of shards
    out: str = "answers.parquet",  # the file; .parquet or .csv
) -> None:
    "Join the parts in FOLDERS into one file, once all are there."
    if not folders:
        raise CliError("Name the folder of parts, or those of the shards.")
    try:
        from classifier.bulk.merging import merge
    except ImportError as error:
        raise CliError(f"{error.name} is not installed: pip install -r classifier/bulk/requirements.txt") from None
    print(f"{out}: {merge(folders, out)} photos")


if __name__ == "__main__":
    run(main)
