"""Sources of photos that tests make, in folders, tables and annotations, and what `opened_source` understands."""

import json
from collections import Counter
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.photos import noisy_photo
from training.gather.sources.opening import opened_source
from training.gather.sources.options import ReadingOptions

LABELS = ("cat", "dog")
SEEDS = iter(range(1_000_000))


def photo(path: Path) -> Path:
    """Write a photo that is no other's copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noisy_photo((200, 40, 40), next(SEEDS), (40, 30)).save(path, format="PNG")
    return path


def photos(folder: Path, n: int, name: str = "{i}.png") -> list[Path]:
    return [photo(folder / name.format(i=i, label=LABELS[i % 2])) for i in range(n)]


def understood(source, **options) -> tuple[Counter, str]:
    """Return what a source is understood as: photos by (split, label), and what is told."""
    with opened_source(str(source), ReadingOptions(**options)) as found:
        return found.count(), " ".join([found.kind, *found.notes])


def by_labels(source, **options) -> Counter:
    """Return how many photos a source has of each group of labels, where it is understood as several a photo."""
    with opened_source(str(source), ReadingOptions(**options)) as found:
        assert found.several
        return Counter({labels: n for (_, labels), n in found.counted().items()})


def refused(source, **options) -> str:
    with pytest.raises(CliError) as error, opened_source(str(source), ReadingOptions(**options)):
        pass
    return str(error.value)


def both(n: int, split: str = "train") -> Counter:
    return Counter({(split, label): n for label in LABELS})


TABLES = {
    "csv": ("labels.csv", "file,label\n{rows}", "{i}.png,{label}\n"),
    "excel": ("labels.csv", "\ufeffBild;Tierart\n{rows}", "{i}.png;{label}\n"),
    "tsv": ("labels.tsv", "filename\tclass\n{rows}", "{i}.png\t{label}\n"),
    "jsonl": ("labels.jsonl", "{rows}", '{{"image": "{i}.png", "category": "{label}"}}\n'),
    "no line of names": ("labels.csv", "{rows}", "{i}.png,{label}\n"),
    "no extensions": ("train.csv", "image_id,label\n{rows}", "{i},{label}\n"),
    "other columns": ("labels.csv", "id,file,width,breed\n{rows}", "x{i},{i}.png,40,{label}\n"),
    "numbers and names": ("labels.csv", "file,label,label_name\n{rows}", "{i}.png,{n},{label}\n"),
    "folders": ("labels.csv", "path,label\n{rows}", "photos/{i}.png,{label}\n"),
    "windows": ("labels.csv", "path,label\n{rows}", "photos\\{i}.png,{label}\n"),
}


def table(folder: Path, kind: str, n: int = 6) -> Path:
    """Write photos into a folder below, and a table beside them."""
    name, whole, row = TABLES[kind]
    photos(folder / "photos", n)
    rows = "".join(row.format(i=i, n=i % 2, label=LABELS[i % 2]) for i in range(n))
    (folder / name).write_text(whole.format(rows=rows), encoding="utf-8")
    return folder / name


def label_studio(n: int, of_row) -> str:
    return json.dumps(
        [
            {
                "data": {"image": f"/data/upload/1/{i}.png"},
                "annotations": [{"result": [{"type": "choices", "value": {"choices": of_row(i)}}]}],
            }
            for i in range(n)
        ]
    )


def coco(n: int, of_row) -> str:
    return json.dumps(
        {
            "images": [{"id": i, "file_name": f"{i}.png"} for i in range(n)],
            "categories": [{"id": i, "name": name} for i, name in enumerate(LABELS)],
            "annotations": [
                {"image_id": i, "category_id": LABELS.index(name), "bbox": [0, 0, 1, 1]}
                for i in range(n)
                for name in of_row(i)
            ],
        }
    )


def csv_of(folder: Path, text: str, name: str = "a.csv") -> Path:
    (folder / name).write_text(text)
    return folder
