"""training/gather/push.py: the photos of a folder as a data set on the Hub, against the Hub's endpoints here."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from itertools import repeat
from pathlib import Path

import pytest
import yaml
from fastcore.script import CliError
from huggingface_hub import constants

from helpers.commands import run_module
from helpers.hub_stub import StubRepo, running_hub
from helpers.photos import noisy_photo, stored_png
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.deploy.manifest import front_matter
from training.gather import __main__ as gather_command
from training.gather import hub_files
from training.gather.__main__ import main
from training.gather.gathered import COLUMNS

PETS = "hf://datasets/me/pets"
PLACES = [
    ("", "cat", 4),
    ("", "dog", 3),
    ("valid", "cat", 2),
    ("valid", "dog", 2),
    ("test", "cat", 1),
    ("test", "dog", 1),
]


@pytest.fixture
def hub(monkeypatch):
    """The Hub as a stub, one that this process talks to with a token, without waiting."""
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        yield hub


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of photos in splits; one of them is in sources.csv with a licence."""
    seed = 0
    for split, label, n in PLACES:
        for i in range(n):
            file = tmp_path / "pets" / split / label / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(stored_png(noisy_photo((200, 40, 40), seed := seed + 1, (40, 30))))
    listed(tmp_path / "pets", ["cat/0.png"])
    return tmp_path / "pets"


def listed(data: Path, files: list[str], **more: str) -> None:
    """Write a sources.csv for some of the files."""
    with (data / "sources.csv").open("w", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for file in files:
            row = {"file": file, "label": file.split("/")[-2], "sha256": hub_files.sha256(data / file)}
            row |= {"url": "https://example.com/0.png", "page": "https://example.com/", "licence": "cc0-1.0"}
            writer.writerow({**dict.fromkeys(COLUMNS, ""), **row, **more})


def push(data: Path, where: str = PETS, **options) -> None:
    main(push=where, out=str(data), **options)


def refused(data: Path, where: str = PETS, **options) -> str:
    with pytest.raises(CliError) as error:
        push(data, where, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def rows_of(hub, split: str) -> list[dict]:
    return [json.loads(line) for line in hub.dataset("me/pets").files[f"{split}/metadata.jsonl"].splitlines()]


def card_of(hub) -> tuple[dict, str]:
    text = hub.dataset("me/pets").files["README.md"].decode()
    return yaml.safe_load(front_matter(text)), text


def test_photos_arrive_in_splits_private_with_a_row_for_each(hub, data, capsys):
    push(data)
    repo = hub.dataset("me/pets")
    assert repo.private and len(repo.commits) == 2  # the Hub's own, and one with everything
    names = {"": "train", "valid": "validation", "test": "test"}
    expected = {f"{names[split]}/{label}/{i}.png" for split, label, n in PLACES for i in range(n)}
    others = {"README.md", ".gitattributes", *(f"{split}/metadata.jsonl" for split in names.values())}
    assert set(repo.files) == expected | others
    assert repo.files["validation/dog/1.png"] == (data / "valid/dog/1.png").read_bytes()
    first, second = rows_of(hub, "train")[:2]
    digest = hub_files.sha256(data / "cat/0.png")
    assert first == {
        "file_name": "cat/0.png",
        "label": "cat",
        "url": "https://example.com/0.png",
        "page": "https://example.com/",
        "licence": "cc0-1.0",
        "sha256": digest,
    }
    assert [second[name] for name in ("url", "page", "licence")] == ["", "", ""]
    told = capsys.readouterr().out.splitlines()
    counts = f"{PETS}: 13 photos of 2 labels (7 train, 4 validation, 2 test)."
    assert f"{counts} The licence of 12 photos is not known: see its card." in told
    page = f"{hub.url}/datasets/me/pets"
    assert told[-1] == f"{page} is private: only me sees it. {page}/settings makes it public."


def test_the_card_tells_counts_sources_licences_and_how_to_load(hub, data):
    push(data)
    metadata, text = card_of(hub)
    assert "license" not in metadata and metadata["task_categories"] == ["image-classification"]
    assert "| cat | 4 | 2 | 1 |\n| dog | 3 | 2 | 1 |" in text
    assert "| not known | 12 |\n| cc0-1.0 | 1 |" in text and "The licence of 12 photos is not known" in text
    assert "| not recorded | 12 |\n| an address on the web | 1 |" in text
    assert 'load_dataset("me/pets")' in text and "--source hf://datasets/me/pets" in text


@pytest.mark.parametrize(
    "licence, metadata",
    [
        ("cc-by-4.0", {"license": "cc-by-4.0"}),
        ("CC BY-SA 4.0", {"license": "cc-by-sa-4.0"}),
        ("CC0: Public Domain", {"license": "cc0-1.0"}),
        ("Ask Ada", {"license": "other", "license_name": "ask-ada"}),
        ("", {}),
    ],
)
def test_the_metadata_names_the_licence_that_all_photos_have(hub, data, licence, metadata):
    files = [photo.relative_to(data).as_posix() for photo in data.rglob("*.png")]
    listed(data, files, licence=licence)
    push(data)
    assert {key: value for key, value in card_of(hub)[0].items() if key.startswith("license")} == metadata


def test_the_same_again_sends_nothing_and_a_photo_that_was_removed_is_removed_there(hub, data, capsys):
    push(data)
    push(data)
    assert len(hub.dataset("me/pets").commits) == 2
    assert "nothing to send: me/pets holds these 13 photos" in capsys.readouterr().out
    (data / "cat/1.png").unlink()
    hub.dataset("me/pets").commit("a person's", {**hub.dataset("me/pets").files, "LICENSE": b"mine"})
    hub.uploaded.clear()
    push(data)
    assert "train/cat/1.png" not in hub.dataset("me/pets").files and not hub.uploaded
    assert "LICENSE" in hub.dataset("me/pets").files and len(rows_of(hub, "train")) == 6
    assert "0 files new, 2 changed, 1 deleted" in capsys.readouterr().out


def test_a_label_that_was_corrected_keeps_the_source_of_its_photo(hub, data):
    (data / "cat/0.png").rename(data / "dog/corrected.png")
    push(data)
    (row,) = [row for row in rows_of(hub, "train") if row["file_name"] == "dog/corrected.png"]
    assert row["label"] == "dog" and row["licence"] == "cc0-1.0"


def test_a_dry_run_tells_and_sends_nothing(hub, data, capsys):
    push(data, dry_run=True)
    assert not hub.repos and not hub.uploaded
    assert "would be created, private: 17 files new" in capsys.readouterr().out
    push(data)
    (data / "cat/1.png").unlink()
    push(data, dry_run=True)
    assert "would be changed: 0 files new, 2 changed, 1 deleted, 14 as they are" in capsys.readouterr().out
    assert len(hub.dataset("me/pets").commits) == 2


def test_a_data_set_that_a_person_made_public_stays_so(hub, data, capsys):
    push(data)
    hub.dataset("me/pets").private = False
    push(data)
    assert capsys.readouterr().out.splitlines()[-1].endswith("/settings makes it private.")


def test_a_source_is_gathered_first_and_then_sent(hub, data, tmp_path):
    main(source=str(data), out=str(tmp_path / "out"), push=PETS, dry_run=True)
    assert not hub.repos and not (tmp_path / "out").exists()
    main(source=str(data), out=str(tmp_path / "out"), push=PETS)
    assert len([path for path in hub.dataset("me/pets").files if path.endswith(".png")]) == 13
    assert "| pets | 13 |" in card_of(hub)[1]


def test_what_was_interrupted_is_not_sent(hub, data, tmp_path, monkeypatch):
    def interrupted(gathering):
        gathering.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(gather_command, "run_async", interrupted)
    main(source=str(data), out=str(tmp_path / "out"), push=PETS)
    assert not hub.asked


def test_another_data_set_is_not_overwritten(hub, data):
    hub.repos["dataset", "me/pets"] = repo = StubRepo()
    repo.commit("theirs", {"README.md": b"# Other\n", "photos/1.jpg": b"x"})
    assert "holds another data set (photos/1.jpg)" in refused(data) and len(repo.commits) == 1


@pytest.mark.parametrize("where", ["me/pets", "hf://datasets/pets", "hf://datasets/me/pets/default", "hf://models/a/b"])
def test_a_name_that_is_none_is_one_sentence(hub, data, where):
    assert f"--push {where}: hf://datasets/USER/NAME is expected" in refused(data, where) and not hub.asked


def test_a_folder_without_photos_is_one_sentence(hub, tmp_path):
    assert "There is no folder" in refused(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "No photos under" in refused(tmp_path / "empty") and not hub.asked


def test_without_a_token_or_a_right_nothing_is_sent(hub, data, monkeypatch, tmp_path):
    assert "who is neither bob nor in an organisation bob" in refused(data, "hf://datasets/bob/pets")
    hub.who["auth"] = {"accessToken": {"role": "read"}}
    assert "may read but not write" in refused(data)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 34)
    assert "the Hub does not know this token" in refused(data)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert "No token is here" in refused(data) and not hub.repos


def test_a_hub_that_is_down_or_breaks_off_is_one_sentence(hub, data):
    hub.failures["commit"] = repeat("cut")
    assert "a commit arrives whole or not at all" in refused(data)
    hub.down = True
    assert "the Hub answered HTTP 503" in refused(data)


def test_a_label_with_more_photos_than_a_folder_takes_is_refused_before_anything_is_sent(hub, data, monkeypatch):
    monkeypatch.setattr(hub_files, "MOST_IN_FOLDER", 3)
    assert "train/cat has 4 photos; a folder on the Hub takes 3" in refused(data) and not hub.asked


def test_names_that_are_no_plain_ones_are_sent_by_their_content(hub, data):
    digest = hub_files.sha256(data / "cat/0.png")
    (data / "cat/0.png").rename(data / "cat/grandma's [1] #.PNG")
    push(data)
    assert f"train/cat/{digest[:20]}.png" in hub.dataset("me/pets").files


@pytest.fixture
def outfits(tmp_path) -> Path:
    """A folder of photos with several labels or none, in sets; one of them is in sources.csv with a licence."""
    folder, listed_photos = tmp_path / "outfits", {}
    (folder / "photos").mkdir(parents=True)
    for i in range(12):
        file = folder / "photos" / f"{i}.png"
        file.write_bytes(stored_png(noisy_photo((9, 9, 200), i, (40, 30))))
        labels = (("Bär_&_[co]_#1", "hat"), ("hat",), ())[i % 3]
        listed_photos[file] = ListedPhoto(labels, ("train", "train", "valid", "test")[i // 3])
    write_labels(folder, listed_photos)
    listed(folder, ["photos/0.png"], label="Bär_&_[co]_#1|hat")
    return folder


def test_several_labels_arrive_as_a_list(hub, outfits, capsys):
    noisy_photo((1, 1, 1), 99).save(outfits / "photos" / "in_no_row.png")
    push(outfits)
    files = hub.dataset("me/pets").files
    digest = hub_files.sha256(outfits / "photos" / "0.png")
    assert files[f"train/{digest[:2]}/0.png"] == (outfits / "photos" / "0.png").read_bytes()
    assert len([path for path in files if path.endswith(".png")]) == 12
    (first,) = [row for row in rows_of(hub, "train") if row["sha256"] == digest]
    assert first == {
        "file_name": f"{digest[:2]}/0.png",
        "labels": ["Bär_&_[co]_#1", "hat"],
        "url": "https://example.com/0.png",
        "page": "https://example.com/",
        "licence": "cc0-1.0",
        "sha256": digest,
    }
    assert Counter(len(row["labels"]) for row in rows_of(hub, "train")) == {0: 2, 1: 2, 2: 2}
    told = "Several labels a photo: 4 of 12 photos have several, 4 none of these."
    assert (
        f"{PETS}: 12 photos of 2 labels (6 train, 3 validation, 3 test). {told} The licence" in capsys.readouterr().out
    )
    _, text = card_of(hub)
    assert "Every photo has a list of labels, which may be empty" in text and told in text
    assert "| hat | 4 | 2 | 2 |" in text and "Every photo has a label" not in text


@pytest.mark.slow
def test_several_labels_that_were_sent_are_read_back(hub, outfits, tmp_path):
    push(outfits)
    environment = {**os.environ, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    run = run_module("training.gather", "--source", PETS, "--out", tmp_path / "out", env=environment)
    assert "12 photos new, 0 were there, 0 not taken" in run.stdout, run.stdout + run.stderr
    sent, read = read_labels(outfits), read_labels(tmp_path / "out")
    assert {file.read_bytes(): row for file, row in read.listed.items()} == {
        file.read_bytes(): row for file, row in sent.listed.items()
    }
    code = (
        "from datasets import load_dataset\n"
        "photos = load_dataset('me/pets')['validation']\n"
        "names = photos.features['labels'].feature.names\n"
        "print(sorted([names[i] for i in row['labels']] for row in photos))"
    )
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == "[[], ['Bär_&_[co]_#1', 'hat'], ['hat']]", run.stderr


@pytest.mark.slow
def test_what_was_sent_is_read_back_with_labels_splits_and_licences(hub, data, tmp_path):
    for label, other in (("cat", "None"), ("dog", "Bär & [co] #1 @x")):
        for split in ("", "valid", "test"):
            (data / split / label).rename(data / split / other)
    push(data)
    environment = {"HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    environment = {**os.environ, **environment}
    arguments = ("training.gather", "--source", PETS, "--out", tmp_path / "out")
    run = run_module(*arguments, "--dry-run", env=environment)
    assert run.returncode == 0, run.stderr
    lines = [" ".join(line.split()) for line in run.stdout.splitlines()]
    assert lines[1:4] == ["train valid test label", "3 2 1 Bär_&_[co]_#1_@x", "4 2 1 None"]
    run = run_module(*arguments, env=environment)
    assert "13 photos new, 0 were there, 0 not taken" in run.stdout, run.stdout + run.stderr
    rows = list(csv.DictReader((tmp_path / "out" / "sources.csv").open(newline="")))
    known = [row for row in rows if row["licence"]]
    assert [(row["licence"], row["page"]) for row in known] == [("cc0-1.0", "https://example.com/")]
