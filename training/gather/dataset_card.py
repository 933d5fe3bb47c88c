"""Write the card of a data set on the Hub: its labels, where its photos come from, their licences, how to load it."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData

from training.append_log import Row
from training.data.splits import n_photos
from training.report.markdown import plain, table

from .sources.candidates import several_and_none

TAG = "fieldguide"  # in the metadata: tells a data set of ours from another
ORDER = ("train", "validation", "test")
MOST_SOURCES = 30  # lines of the table
LICENCES = re.compile(  # identifiers of licences that the Hub knows; what is none of them is "other" there
    r"cc|cc0-1\.0|cc-by-2\.5|cc-by(-nc)?-[234]\.0|cc-by(-nc)?-sa-[34]\.0|cc-by-nc-sa-2\.0|cc-by(-nc)?-nd-4\.0|"
    r"cc-by-nc-nd-3\.0|mit|apache-2\.0|bsd(-[23]-clause)?|gpl(-[23]\.0)?|gfdl|odbl|odc-by|pddl|openrail|unlicense|"
    r"cdla-(permissive-[12]|sharing-1)\.0|c-uda|wtfpl|etalab-2\.0"
)
BODY = """
# {title}

{n_photos} of {n_labels}, for image classification. {labelled}, and with it: the address it was fetched
from, the page that shows it, its licence, and the SHA-256 of its file. What is not known is empty.

{counts}{several}
## Load it

```python
from datasets import load_dataset

photos = load_dataset("{name}")
```
{load}
Or copy its photos into a folder to train on, with their sources:

```bash
python -m training.gather --source hf://datasets/{name} --out data/{folder}
```

## Where the photos come from

{sources}
## Licences

{licences}
{unknown}

This card was written by `python -m training.gather --push`, and is written anew by the next one.
"""
LOAD = """
`photos["train"][0]["labels"]` is a list of numbers, and `photos["train"].features["labels"].feature.names` their names.
"""

Told = tuple[str, tuple[str, ...], Row]  # split, labels, and the row of sources.csv


def columns(several: bool) -> tuple[str, ...]:
    """Return the columns beside the image; several: whether photos may have several labels, or none."""
    return ("labels" if several else "label", "url", "page", "licence", "sha256")


def dataset_card(name: str, photos: list[Told], several: bool = False) -> str:
    """Return the card of the data set `name`: metadata that the Hub and its library read, and a text for people."""
    labels, title = sorted({label for _, own, _ in photos for label in own}), name.partition("/")[2]
    splits = [split for split in ORDER if any(split == own for own, _, _ in photos)]
    data = DatasetCardData(
        **_licence({row.get("licence", "") for _, _, row in photos}),
        pretty_name=title,
        task_categories=["image-classification"],
        size_categories=[_size(len(photos))],
        tags=[TAG],
        configs=[_config(splits, labels, several)],
    )
    unknown = sum(not row.get("licence") for _, _, row in photos)
    body = BODY.format(
        title=plain(title),
        name=name,
        folder=title,
        n_photos=n_photos(len(photos)),
        n_labels=f"{len(labels)} label{'s' * (len(labels) != 1)}",
        labelled=f"Every photo has {'a list of labels, which may be empty' if several else 'a label'}",
        counts=_counts(photos, splits, labels),
        several=f"\n{several_and_none(Counter((split, own) for split, own, _ in photos))}\n" if several else "",
        load=LOAD if several else "",
        sources=_tally("Source", (_source(row) for _, _, row in photos)),
        licences=_tally("Licence", (row.get("licence") or "not known" for _, _, row in photos)),
        unknown=f"The licence of {n_photos(unknown)} is not known. Ask before you publish or share these."
        if unknown
        else "The licence of every photo is known.",
    )
    return str(DatasetCard(f"---\n{data.to_yaml()}\n---\n{body}"))


def _licence(named: set[str]) -> dict[str, Any]:
    """Return the licence for the metadata: the one that all photos have, in the Hub's words; none where they differ."""
    if len(named) != 1 or named == {""}:
        return {}
    words = re.sub(r"[^a-z0-9.]+", "-", named.pop().casefold()).strip("-")
    known = "cc0-1.0" if words in ("cc0", "cc0-public-domain") else words
    return {"license": known} if LICENCES.fullmatch(known) else {"license": "other", "license_name": words or "other"}


def _config(splits: list[str], labels: list[str], several: bool) -> dict[str, Any]:
    """Return which files are which split, and the types of the columns: so that labels have their names."""
    names = {"class_label": {"names": {str(i): label for i, label in enumerate(labels)}}}
    features: list[dict[str, Any]] = [{"name": "image", "dtype": "image"}]
    for name in columns(several):
        of_labels = {"labels": {"sequence": names}, "label": {"dtype": names}}
        features.append({"name": name, **of_labels.get(name, {"dtype": "string"})})
    return {
        "config_name": "default",
        "data_files": [{"split": split, "path": f"{split}/**"} for split in splits],
        "features": features,
    }


def _size(n: int) -> str:
    """Return the class of size that the Hub has for a number of photos."""
    limits = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
    return next((size for limit, size in limits.items() if n < limit), "100K<n<1M")


def _counts(photos: list[Told], splits: list[str], labels: list[str]) -> str:
    """Return the table of photos by label and split."""
    counts = Counter((split, label) for split, own, _ in photos for label in own)
    rows = [[plain(label), *(str(counts[split, label]) for split in splits)] for label in labels]
    return table(" | ".join(["Label", *splits]), rows)


def _tally(head: str, texts: Iterable[str]) -> str:
    """Return a table of texts and how many photos have each, the most first."""
    counts = Counter(texts).most_common()
    rows = [[plain(text), str(n)] for text, n in counts[:MOST_SOURCES]]
    if rest := sum(n for _, n in counts[MOST_SOURCES:]):
        rows.append(["others", str(rest)])
    return table(f"{head} | Photos", rows)


def _source(row: Row) -> str:
    """Return where a photo comes from, by its row in sources.csv."""
    if row.get("source"):
        return row["source"]
    if row.get("term"):
        return f'a web search for "{row["term"]}"'
    return "an address on the web" if row.get("url") else "not recorded"
