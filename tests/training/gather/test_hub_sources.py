"""training/gather/sources/hub.py: data sets of the Hub by its own library, against endpoints on this machine."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
import yaml
from fastcore.script import CliError

from helpers.commands import run_module
from helpers.hub_stub import StubRepo, running_hub
from helpers.photos import noisy_photo
from helpers.web import as_png
from training.data.labels import read_labels
from training.data.photos import get_photos
from training.gather.sources.hub import _column
from training.gather.sources.hub_rows import Columns, candidates_in, count
from training.gather.sources.options import ReadingOptions

pytestmark = pytest.mark.slow  # the library `datasets` takes seconds to start
LABELS = ("cat", "dog")


def png(seed: int) -> bytes:
    return as_png(noisy_photo((200, 40, 40), seed, (40, 30)))


def image_folder(**n_of_split: int) -> dict[str, bytes]:
    """Return the files of a data set in the layout <split>/<label>/<photo>, n photos of each label."""
    places = [(split, label, i) for split, n in n_of_split.items() for label in LABELS for i in range(n)]
    return {f"{split}/{label}/{i}.png": png(seed) for seed, (split, label, i) in enumerate(places)}


def parquet(tmp_path: Path, labels: list[int], seed: int) -> bytes:
    """Return a parquet file of a photo for each label, written as the Hub's library does."""
    from datasets import ClassLabel, Dataset, Features, Image

    photos = [{"bytes": png(seed + i), "path": f"{i}.png"} for i in range(len(labels))]
    features = Features({"image": Image(), "label": ClassLabel(names=list(LABELS))})
    Dataset.from_dict({"image": photos, "label": labels}, features=features).to_parquet(tmp_path / "made.parquet")
    return (tmp_path / "made.parquet").read_bytes()


@pytest.fixture
def hub():
    with running_hub() as hub:
        yield hub


def put(hub, name: str, files: dict[str, bytes], **card) -> None:
    hub.repos["dataset", name] = repo = StubRepo()
    repo.commit("data", {"README.md": f"---\n{yaml.safe_dump(card)}---\n# Pets\n".encode(), **files})


def gather(hub, tmp_path, name: str, *options):
    environment = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    arguments = ("--source", f"hf://datasets/{name}", "--out", tmp_path / "out", *options)
    return run_module("training.gather", *arguments, env={**os.environ, **environment})


def rows_of(out: Path) -> list[dict]:
    return list(csv.DictReader((out / "sources.csv").open(newline="", encoding="utf-8")))


def table(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_an_image_folder_with_splits_arrives_with_where_it_comes_from(hub, tmp_path):
    put(hub, "me/pets", files := image_folder(train=4, validation=3, test=2), license="cc0-1.0")
    run = gather(hub, tmp_path, "me/pets")
    assert run.returncode == 0, run.stderr
    assert table(run.stdout)[1:5] == [
        "train valid test label",
        "4 3 2 cat",
        "4 3 2 dog",
        "Its card names the licence cc0-1.0.",
    ]
    out = tmp_path / "out"
    folders = Counter(photo.parent.relative_to(out).as_posix() for photo in get_photos(out))
    assert folders == {f"{split}{label}": n for split, n in (("", 4), ("valid/", 3), ("test/", 2)) for label in LABELS}
    assert {photo.read_bytes() for photo in get_photos(out)} == set(files.values())
    assert {row["source"] for row in rows_of(out)} == {"hf://datasets/me/pets"}
    assert {row["page"] for row in rows_of(out)} == {f"{hub.url}/datasets/me/pets"}
    assert {row["licence"] for row in rows_of(out)} == {"cc0-1.0"} and rows_of(out)[0]["title"].endswith(".png")


def test_a_dry_run_fetches_no_photo(hub, tmp_path):
    put(hub, "me/pets", image_folder(train=4, test=2))
    run = gather(hub, tmp_path, "me/pets", "--dry-run")
    assert run.returncode == 0, run.stderr
    assert table(run.stdout)[1:] == ["train test label", "4 2 cat", "4 2 dog", "Its card names no licence."]
    assert not [path for path in hub.resolved if path.endswith(".png")] and not (tmp_path / "out").exists()


def test_parquet_files_arrive_with_the_names_of_labels_and_without_an_unlabelled_test_set(hub, tmp_path):
    files = {
        "data/train-00000-of-00002.parquet": parquet(tmp_path, [0, 1, 0], 0),
        "data/train-00001-of-00002.parquet": parquet(tmp_path, [1], 10),
        "data/test-00000-of-00001.parquet": parquet(tmp_path, [-1, -1, -1], 20),
    }
    put(hub, "me/pets", files, license=["mit", "cc0-1.0"])
    run = gather(hub, tmp_path, "me/pets")
    assert run.returncode == 0, run.stderr
    assert table(run.stdout)[1:4] == ["2 cat", "2 dog", "3 photos left out: without a label."]
    assert Counter(row["label"] for row in rows_of(tmp_path / "out")) == {"cat": 2, "dog": 2}
    assert {row["licence"] for row in rows_of(tmp_path / "out")} == {"mit, cc0-1.0"}


def test_the_card_says_which_files_are_which_split_and_no_split_is_lost(hub, tmp_path):
    places = {"train": "first/a.parquet", "extra": "more/b.parquet", "validation": "c.parquet"}
    files = {path: parquet(tmp_path, [0, 1], 10 * i) for i, path in enumerate(places.values())}
    of_split = [{"split": split, "path": path} for split, path in places.items()]
    put(hub, "me/pets", files, configs=[{"config_name": "default", "data_files": of_split}])
    run = gather(hub, tmp_path, "me/pets")
    assert run.returncode == 0, run.stderr
    assert table(run.stdout)[1:5] == ["train valid label", "2 1 cat", "2 1 dog", "The split extra is trained on."]
    assert "6 photos new" in run.stdout


@pytest.mark.parametrize(
    "name, says",
    [
        ("me/none", "there is none of this name, or you may not see it"),
        ("me/texts", "has no column of images, but text"),
        ("me/empty", "doesn't contain any data files"),
        ("me/pets", "the Hub does not answer"),
    ],
)
def test_what_cannot_be_read_is_one_line(hub, tmp_path, name, says):
    put(hub, "me/pets", image_folder(train=1))
    put(hub, "me/texts", {"notes.txt": b"a\nb\n"})
    put(hub, "me/empty", {})
    hub.down = name == "me/pets"
    run = gather(hub, tmp_path, name)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith(f"hf://datasets/{name} ") and says in last and not (tmp_path / "out").exists()


class Rows(list):
    """Rows of a data set, as the library gives them."""

    info = type("Info", (), {"splits": None})
    split = "train"

    def decode(self, _):
        return self

    def select_columns(self, names):
        return [{name: row[name] for name in names} for row in self]


def test_a_path_that_is_none_of_the_data_set_is_not_opened(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(1))
    others = [str(tmp_path / "secret.png"), f"file://{tmp_path}/secret.png", "http://127.0.0.1/a.png", None, ""]
    others += ["hf://datasets/me/other@main/a.png", f"zip://a.png::{tmp_path}/a.zip"]
    rows = Rows({"image": {"path": path, "bytes": None}, "label": 0} for path in others)
    columns = Columns("me/pets", "image", "label", ["cat"], ReadingOptions())
    found = list(candidates_in([("train", rows)], columns, {("train", ("cat",))}))
    assert [(photo.data, photo.url) for photo in found if photo.data != b""] == [(None, "http://127.0.0.1/a.png")]
    assert len(found) == len(others) - 2  # those of rows without a photo


def test_a_photo_keeps_its_own_licence_and_page():
    photo = {"path": "a.png", "bytes": b"x"}
    rows = Rows(
        {"image": photo, "label": "cat", "licence": licence, "page": page}
        for licence, page in (("cc0-1.0", "https://example.com/1"), ("", "7"))
    )
    columns = Columns("me/pets", "image", "label", None, ReadingOptions(), "mit")
    found = list(candidates_in([("train", rows)], columns, {("train", ("cat",))}))
    assert [photo.licence for photo in found] == ["cc0-1.0", "mit"]
    assert found[0].page == "https://example.com/1" and found[1].page.endswith("/datasets/me/pets")


def test_several_labels_of_a_photo_are_counted_apart():
    rows = Rows({"label": labels} for labels in ([0], [0, 1], [], None))
    counts = count([("test", rows)], Columns("me/pets", "image", "label", list(LABELS), ReadingOptions()))
    assert counts == {("test", ("cat",)): 1, ("test", ("cat", "dog")): 1, ("test", ()): 2}


def test_lists_of_labels_arrive_as_several_labels_a_photo(hub, tmp_path):
    from datasets import ClassLabel, Dataset, Features, Image, List

    features = Features({"image": Image(), "labels": List(ClassLabel(names=list(LABELS)))})
    files = {}
    for split, own, seed in (("train", [[0, 1], [1], []], 0), ("test", [[], []], 10)):
        photos = [{"bytes": png(seed + i), "path": f"{i}.png"} for i in range(len(own))]
        data = Dataset.from_dict({"image": photos, "labels": own}, features=features)
        data.to_parquet(tmp_path / "made.parquet")
        files[f"data/{split}-00000-of-00001.parquet"] = (tmp_path / "made.parquet").read_bytes()
    put(hub, "me/pets", files)
    run = gather(hub, tmp_path, "me/pets")
    assert run.returncode == 0, run.stderr
    assert table(run.stdout)[1:5] == [
        "1 cat",
        "2 dog",
        "Several labels a photo: 1 of 3 photos have several, 1 none of these.",
        "2 photos of the test set left out: none has a label.",
    ]
    listed = read_labels(tmp_path / "out").listed
    assert {file.read_bytes(): row.labels for file, row in listed.items()} == {
        png(0): ("cat", "dog"),
        png(1): ("dog",),
        png(2): (),
    }


def test_one_of_several_columns_of_labels_is_asked_for():
    features = dict.fromkeys(["img", "coarse", "fine"])
    with pytest.raises(CliError, match=r"--label-column NAME says so\. There are coarse, fine"):
        _column("hf://datasets/me/pets", features, "", "label", ["coarse", "fine"], ["label"])
    assert _column("", {**features, "label": None}, "", "label", ["coarse", "label"], ["label"]) == "label"
    assert _column("", features, "fine", "label", ["coarse", "fine"], ["label"]) == "fine"
