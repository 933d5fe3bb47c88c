"""What tests of gathering give it, lists of addresses and tables of labels, and read of what it wrote."""

import csv
from pathlib import Path

from helpers.photos import noisy_photo
from training.append_log import AppendLog
from training.data.labels import ListedPhoto, read_labels
from training.gather.gathered import COLUMNS


def listing(path: Path, rows) -> Path:
    path.write_text("label,url\n" + "".join(f"{label},{url}\n" for label, url in rows))
    return path


def sources(out: Path) -> list[dict]:
    return list(csv.DictReader((out / "sources.csv").open(newline="", encoding="utf-8")))


def on_disk(out: Path) -> list[dict]:
    """Return what is known of the photos while a run goes on."""
    return AppendLog(out / ".sources.db", COLUMNS).rows()[0]


def several(folder: Path, rows: list[tuple[int, str]]) -> Path:
    """Write photos by their seeds, and a table of their labels, with "; " between several."""
    folder.mkdir(exist_ok=True)
    for seed, _ in rows:
        noisy_photo((9, 9, 200), seed, (40, 30)).save(folder / f"{seed}.png")
    text = "".join(f"{seed}.png,{labels}\n" for seed, labels in rows)
    (folder / "tags.csv").write_text(f"file,labels\n{text}")
    return folder / "tags.csv"


def labels_of(out: Path) -> dict[int, str]:
    """Return the labels of each photo in a labels.csv by its seed."""
    titles = {row["file"]: int(row["title"].split(".")[0]) for row in sources(out)}
    labels = read_labels(out)
    return {titles[file.relative_to(out).as_posix()]: labels.text(file) for file in labels.listed}


def listed(out: Path) -> dict[Path, ListedPhoto]:
    return read_labels(out).listed
