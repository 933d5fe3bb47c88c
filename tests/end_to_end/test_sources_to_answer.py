"""Data as people have it goes all the way: gathered, understood by a training, trained, and answered."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from classifier import Classifier
from helpers.apps import get, running_app
from helpers.commands import run_module
from helpers.hub_stub import StubRepo, running_hub
from helpers.photos import noisy_photo
from training.data.files import parent_label
from training.data.photos import readable_photos
from training.gather.__main__ import main as gather
from training.train.__main__ import main as train

COLORS = {"cat": (200, 40, 40), "dog": (40, 40, 200)}


def photo(path: Path, label: str, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noisy_photo(COLORS[label], seed, (64, 64)).save(path, format="PNG")


def of_each(folder: Path, name: str, n: int, start: int = 0) -> None:
    """Write n photos of each label; name: a path with {label} and {i} in it."""
    for k, label in enumerate(COLORS):
        for i in range(start, start + n):
            photo(folder / name.format(label=label, i=i), label, 1000 * k + i)


def splits(folder: Path) -> None:
    for name, n, start in (("train", 8, 0), ("val", 6, 100), ("test", 6, 200)):
        of_each(folder, name + "/{label}/{i}.png", n, start)


def unlabelled_test(folder: Path) -> None:
    of_each(folder, "train/{label}/{i}.png", 8)
    of_each(folder, "test/{label}{i}.png", 4, 100)


def nested(folder: Path) -> None:
    of_each(folder, "{label}/2023/{i}.png", 4)
    of_each(folder, "{label}/2024/{i}.png", 4, 50)


def mac(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 8)
    (folder / "__MACOSX" / "cat").mkdir(parents=True)
    (folder / "__MACOSX" / "cat" / "._0.png").write_bytes(b"\0\5\26\7")


def saved(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 8)
    (folder / "models").mkdir()
    (folder / "models" / "model.pth").write_bytes(b"x")


def nas(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 8)
    of_each(folder, "{label}/@eaDir/{i}.png/SYNOPHOTO_THUMB.png", 3, 100)


def names(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 4)
    of_each(folder, "{label}/{i}", 2, 50)
    of_each(folder, "{label}/{i}.png?w=640", 2, 60)


def table(folder: Path) -> None:
    of_each(folder, "images/{label}{i}.png", 8)
    rows = "".join(f"{label}{i}.png,{label}\n" for label in COLORS for i in range(8))
    (folder / "labels.csv").write_text(f"image,label\n{rows}")


LAYOUTS = (splits, unlabelled_test, nested, mac, saved, nas, names, table)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_each_layout_becomes_what_a_training_takes(tmp_path, layout):
    layout(tmp_path / "data")
    gather(source=str(tmp_path / "data"), out=str(tmp_path / "out"))
    photos = readable_photos(tmp_path / "out")
    for own, n in ((photos.train, 8), (photos.valid, 6), (photos.test, 6)):
        expected = n if own is photos.train or layout is splits else 0
        assert Counter(map(parent_label, own)) == Counter({label: expected for label in COLORS if expected})


def both(path: Path, seed: int) -> None:
    """Write a photo that shows a cat beside a dog."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = noisy_photo(COLORS["cat"], seed, (64, 64))
    picture.paste(noisy_photo(COLORS["dog"], seed + 1, (32, 64)), (32, 0))
    picture.save(path, format="PNG")


def shown(path: Path, labels: Sequence[str], seed: int) -> None:
    """Write a photo that shows these labels: one, both, or none, which is grey."""
    if len(labels) == 2:
        both(path, seed)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    noisy_photo(COLORS[labels[0]] if labels else (130, 130, 130), seed, (64, 64)).save(path, format="PNG")


KINDS = ((), ("cat",), ("dog",), ("cat", "dog"))
OF_SEVERAL = [KINDS[i % 4] for i in range(40)]  # labels of each photo


def cells(folder: Path) -> None:
    for i, labels in enumerate(OF_SEVERAL):
        shown(folder / f"{i}.png", labels, i)
    rows = "".join(f"{i}.png,{';'.join(labels)}\n" for i, labels in enumerate(OF_SEVERAL))
    (folder / "tags.csv").write_text(f"image,tags\n{rows}")


def columns(folder: Path) -> None:
    for i, labels in enumerate(OF_SEVERAL):
        shown(folder / "images" / f"{i}.png", labels, i)
    rows = "".join(f"{i}.png,{int('cat' in labels)},{int('dog' in labels)}\n" for i, labels in enumerate(OF_SEVERAL))
    (folder / "truth.csv").write_text(f"image,cat,dog\n{rows}")


def copies(folder: Path) -> None:
    for i, labels in enumerate(OF_SEVERAL):
        for label in labels:
            shown(folder / label / f"{i}.png", labels, i)


SEVERAL = {cells: {"label_delim": ";"}, columns: {}, copies: {"labels_per_photo": "several"}}


@pytest.mark.parametrize("layout", SEVERAL, ids=lambda layout: layout.__name__)
def test_several_labels_become_what_a_training_takes(tmp_path, layout):
    layout(tmp_path / "data")
    gather(source=str(tmp_path / "data"), out=str(tmp_path / "out"), **SEVERAL[layout])
    photos = readable_photos(tmp_path / "out")
    counts = Counter(map(photos.labels, photos.train))
    assert counts == Counter({labels: 10 for labels in KINDS if labels or layout is not copies})
    assert photos.labels.multi_label


def kaggle_zip(folder: Path) -> Path:
    of_each(folder, "train/{label}{i}.png", 10)
    of_each(folder, "test/x{label}{i}.png", 2, 100)
    ids = [f"{label}{i}" for label in COLORS for i in range(10)]
    (folder / "train.csv").write_text("image_id,label\n" + "".join(f"{name},{name[:3]}\n" for name in ids))
    (folder / "sample_submission.csv").write_text("image_id,label\nxcat100,cat\n")
    return Path(shutil.make_archive(str(folder.parent / "pets"), "zip", folder))


def hub(folder: Path) -> str:
    """Return the address of a data set on the Hub, a stub of it, as the folder's files are."""
    of_each(folder, "train/{label}/{i}.png", 10)
    return "hf://datasets/ada/pets"


@contextmanager
def hub_of(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which the Hub, on this machine, has the folder's files as the data set ada/pets."""
    with running_hub() as stub:
        stub.repos["dataset", "ada/pets"] = repo = StubRepo()
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.png")}
        repo.commit("data", {"README.md": b"---\nlicense: mit\n---\n", **files})
        yield {"HF_ENDPOINT": stub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder.parent / "home")}


def gathered(layout: Callable[[Path], Path | str | None], folder: Path) -> Path:
    """Gather a layout's photos, and return their folder."""
    source, out = layout(folder / "data") or folder / "data", folder / "gathered"
    if layout is hub:  # its library reads the Hub's address as it is imported
        with hub_of(folder / "data") as environment:
            arguments = ("training.gather", "--source", source, "--out", out)
            run = run_module(*arguments, env={**os.environ, **environment})
        assert run.returncode == 0, run.stderr
    else:
        gather(source=str(source), out=str(out), **SEVERAL.get(layout, {}))
    return out


@contextmanager
def answers_of(export: Path, live: bool) -> Iterator[Callable[[Path], dict]]:
    """Yield what gives the answer for a photo: the app over HTTP, or the classifier that it answers with."""
    if not live:
        classifier = Classifier.load(export)
        yield lambda picture: classifier.predict(picture).to_dict()
        return
    with running_app(EXPORT=str(export)) as url:
        assert len(json.loads(get(f"{url}/health"))["data_sha256"]) == 64
        yield lambda picture: requests.post(f"{url}/classify", data=picture.read_bytes(), timeout=30).json()


LIVE = (splits, cells, hub)  # the others are the same from the training on


@pytest.mark.slow
@pytest.mark.parametrize("layout", [*LAYOUTS, *SEVERAL, kaggle_zip, hub], ids=lambda layout: layout.__name__)
def test_each_source_goes_from_gather_to_an_answer(tmp_path, layout, tiny_training):
    data = gathered(layout, tmp_path)
    options = {"arch": "squeezenet1_1", "pretrained": False, "image_size": 64, "quick": True}
    train(str(data), out=str(tmp_path / "export.pkl"), **options)
    with answers_of(tmp_path / "export.pkl", layout in LIVE) as ask:
        for labels in KINDS[1:]:
            shown(picture := tmp_path / "asked.png", labels, 999)
            answer = ask(picture)
            if layout in SEVERAL:
                assert sorted(answer["labels"]) == sorted(labels)
            elif len(labels) == 1:
                assert answer["label"] == labels[0] and "labels" not in answer
