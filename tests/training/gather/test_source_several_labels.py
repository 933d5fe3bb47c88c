"""training/gather/sources/labelling.py and marks.py: sources whose photos have several labels, one, or none."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.sources import LABELS, both, by_labels, coco, csv_of, label_studio, photos, refused, understood
from training.data.labels import read_labels
from training.data.photos import get_photos
from training.gather.__main__ import main
from training.gather.sources.opening import opened_source
from training.gather.sources.options import ReadingOptions


def listed_in(out: Path) -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the labels and the set of each photo in a labels.csv, by what `noisy_photo` made of it."""
    listed = read_labels(out).listed
    assert set(listed) == set(get_photos(out)) == set((out / "photos").iterdir())
    return {file.read_bytes(): (row.labels, row.set) for file, row in listed.items()}


def lists_of_labels(folder: Path, kind: str) -> None:
    """Write photos 0 to 5 with the labels cat and dog, cat, none, and so on again, in a form that has lists."""
    own = [("cat", "dog"), ("cat",), ()] * 2
    photos(folder, 6)
    if kind == "cells":
        csv_of(folder, "file,tags\n" + "".join(f"{i}.png,{'; '.join(labels)}\n" for i, labels in enumerate(own)))
    elif kind == "lists":
        rows = (json.dumps({"file": f"{i}.png", "labels": labels}) for i, labels in enumerate(own))
        csv_of(folder, "\n".join(rows), "a.jsonl")
    elif kind == "columns":
        rows = (f"{i}.png,{int('cat' in labels)},{int('dog' in labels)}\n" for i, labels in enumerate(own))
        csv_of(folder, "file,cat,dog\n" + "".join(rows))
    elif kind == "celeba":
        rows = (f"{i}.png,{2 * ('cat' in own) - 1},{2 * ('dog' in own) - 1}\n" for i, own in enumerate(own))
        csv_of(folder, "image_id,cat,dog\n" + "".join(rows), "list_attr_celeba.csv")
    else:
        export = {"label studio": label_studio, "coco": coco}[kind]
        csv_of(folder, export(6, lambda i: list(own[i])), "a.json")


KINDS = ("cells", "lists", "columns", "celeba", "label studio", "coco")


@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_labels_are_several_labels_a_photo(tmp_path, kind, capsys):
    lists_of_labels(tmp_path / "data", kind)
    options = {"label_delim": ";"} if kind == "cells" else {}
    assert by_labels(tmp_path / "data", **options) == {("cat", "dog"): 2, ("cat",): 2, (): 2}
    counts, told = understood(tmp_path / "data", labels_per_photo="one", **options)
    assert counts == {("train", "cat"): 2}
    assert "2 photos left out: without a label" in told
    assert "2 photos left out: with several labels. --labels-per-photo several takes them too." in told
    main(source=str(tmp_path / "data"), out=str(tmp_path / "out"), **options)
    shown = capsys.readouterr().out.splitlines()
    assert shown[1:4] == ["       4  cat", "       2  dog", MANY.format(2, 6, 2)]
    new = "6 photos new, 0 were there, 0 not taken"
    assert shown[-1].endswith(f"{new}; in all 4 cat, 2 dog; 2 with several, 2 with none")
    own = [("cat", "dog"), ("cat",), ()] * 2
    expected = {(tmp_path / "data" / f"{i}.png").read_bytes(): (labels, "train") for i, labels in enumerate(own)}
    assert listed_in(tmp_path / "out") == expected


MANY = "Several labels a photo: {} of {} photos have several, {} none of these."


@pytest.mark.parametrize("cells", [("1", "0"), ("True", "false"), ("yes", "")])
def test_one_column_of_marks_is_one_label_or_none(tmp_path, cells, capsys):
    photos(tmp_path / "data", 4)
    source = csv_of(
        tmp_path / "data", "file,hat,split\n" + "".join(f"{i}.png,{cells[i % 2]},train\n" for i in range(4))
    )
    assert by_labels(source) == {("hat",): 2, (): 2}
    main(source=str(source), out=str(tmp_path / "out"), dry_run=True)
    shown = capsys.readouterr().out
    assert MANY.format(0, 4, 2) in shown
    no = cells[1] or "empty"
    assert f"whether a photo shows hat: {cells[0]} is the label, {no} is no label." in shown
    assert "If these are two labels, --label-column hat takes them." in shown
    counts, told = understood(source, label_column="hat")
    assert counts[("train", cells[0])] == 2 and f"--label-column hat takes {min(cells) or cells[0]}" in told


def test_marks_in_a_column_for_labels_are_labels(tmp_path):
    photos(tmp_path, 4)
    csv_of(tmp_path, "file,label\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(4)))
    assert understood(tmp_path)[0] == {("train", "0"): 2, ("train", "1"): 2}


@pytest.mark.parametrize("name", ["none", "None", "none of these"])
def test_a_label_that_reads_as_no_label_is_told(tmp_path, name):
    for label in ("cat", name):
        photos(tmp_path / "folders" / label, 2)
    told = understood(tmp_path / "folders")[1]
    label = name.replace(" ", "_")
    assert f"{label} is taken for the name of a label, as any other. Photos of other things need no label" in told
    photos(tmp_path / "lists", 2)
    csv_of(tmp_path / "lists", f"file,tags\n0.png,cat;dog\n1.png,{name}\n")
    told = understood(tmp_path / "lists", label_delim=";")[1]
    assert f"{label} is taken for the name of a label, as any other. A photo that shows none of the labels has" in told


@pytest.mark.parametrize("kind", ["lists", "columns"])
def test_lists_of_one_label_each_are_one_label_a_photo(tmp_path, kind):
    photos(tmp_path, 4)
    if kind == "lists":
        rows = (json.dumps({"file": f"{i}.png", "labels": [LABELS[i % 2]]}) for i in range(4))
        csv_of(tmp_path, "\n".join(rows), "a.jsonl")
    else:
        csv_of(tmp_path, "file,cat,dog\n" + "".join(f"{i}.png,{1 - i % 2},{i % 2}\n" for i in range(4)))
    counts, _ = understood(tmp_path)
    assert counts == both(2)
    main(source=str(tmp_path), out=str(tmp_path.parent / "out"))
    assert not (tmp_path.parent / "out" / "labels.csv").exists()


def test_repeated_rows_are_several_labels_where_that_is_asked_for(tmp_path):
    photos(tmp_path, 3)
    csv_of(tmp_path, "file,label\n0.png,cat\n0.png,dog\n1.png,cat\n2.png,dog\n")
    counts, told = understood(tmp_path)
    assert counts == both(1)
    assert "1 photo left out: with several labels. --labels-per-photo several takes it too." in told
    assert by_labels(tmp_path, labels_per_photo="several") == {("cat", "dog"): 1, ("cat",): 1, ("dog",): 1}


def test_the_same_photo_in_several_folders_has_their_labels_where_that_is_asked_for(tmp_path):
    data = tmp_path / "data"
    for split, n in (("train", 4), ("test", 2)):
        for label in LABELS:
            photos(data / split / label, n)
    shutil.copy(data / "train/cat/0.png", data / "train/dog/again.png")
    shutil.copy(data / "train/cat/1.png", data / "test/dog/again.png")
    expected = {("cat", "dog"): 2, ("cat",): 4, ("dog",): 6}
    with opened_source(str(data), ReadingOptions(labels_per_photo="several")) as found:
        counts = found.counted()
    assert counts == {
        ("test", ("cat",)): 2,
        ("test", ("dog",)): 2,
        ("test", ("cat", "dog")): 1,
        ("train", ("cat",)): 2,
        ("train", ("dog",)): 4,
        ("train", ("cat", "dog")): 1,
    }
    assert sum(expected.values()) == counts.total()
    main(source=str(data), out=str(tmp_path / "out"), labels_per_photo="several")
    listed = listed_in(tmp_path / "out")
    assert listed[(data / "train/cat/0.png").read_bytes()] == (("cat", "dog"), "train")
    assert listed[(data / "train/cat/1.png").read_bytes()] == (("cat", "dog"), "test")
    assert Counter(split for _, split in listed.values()) == {"train": 7, "test": 5}


def test_a_set_without_labels_is_no_set_of_photos_without_any(tmp_path):
    photos(tmp_path, 6)
    rows = [("cat", "dog"), ("cat",), (), (), (), ()]
    texts = (
        json.dumps({"file": f"{i}.png", "labels": own, "split": "train" if i < 4 else "test"})
        for i, own in enumerate(rows)
    )
    csv_of(tmp_path, "\n".join(texts), "a.jsonl")
    _, told = understood(tmp_path)
    assert by_labels(tmp_path) == {("cat", "dog"): 1, ("cat",): 1, (): 2}
    assert "2 photos of the test set left out: none has a label." in told


def test_photos_that_nobody_annotated_are_left_out(tmp_path):
    photos(tmp_path, 4)
    tasks = json.loads(label_studio(4, lambda i: [["cat", "dog"], ["cat"], [], []][i]))
    tasks[3]["annotations"] = []
    csv_of(tmp_path, json.dumps(tasks), "a.json")
    assert by_labels(tmp_path) == {("cat", "dog"): 1, ("cat",): 1, (): 1}
    assert "1 photo left out: not annotated yet." in understood(tmp_path)[1]


def test_labels_that_are_written_otherwise_are_one_label(tmp_path):
    photos(tmp_path, 3)
    rows = (json.dumps({"file": f"{i}.png", "labels": ["red cat", "red_cat", "a/b|c"][: i + 1]}) for i in range(3))
    csv_of(tmp_path, "\n".join(rows), "a.jsonl")
    assert by_labels(tmp_path) == {("red_cat",): 2, ("a_b_c", "red_cat"): 1}
    assert "a/b|c as a_b_c" in understood(tmp_path)[1]


@pytest.mark.parametrize("form", ["folder", "zip", "file"])
def test_what_was_gathered_is_a_source_like_any_other(tmp_path, form):
    lists_of_labels(tmp_path / "data", "columns")
    out = tmp_path / "out"
    main(source=str(tmp_path / "data"), out=str(out))
    source = {"folder": out, "file": out / "labels.csv"}.get(form)
    source = source or shutil.make_archive(str(tmp_path / "out"), "zip", tmp_path, "out")
    assert by_labels(source) == {("cat", "dog"): 2, ("cat",): 2, (): 2}
    main(source=str(source), out=str(tmp_path / "again"))
    assert listed_in(tmp_path / "again") == listed_in(out)


def test_a_labels_csv_with_another_mark_between_labels_is_asked_about(tmp_path):
    photos(tmp_path, 4)
    rows = "".join(f"{i}.png,{('cat;dog', 'cat', 'dog', '')[i]},train\n" for i in range(4))
    csv_of(tmp_path, f"file,labels,set\n{rows}", "labels.csv")
    assert "--label-delim ';' splits it" in refused(tmp_path)
    assert by_labels(tmp_path, label_delim=";") == {("cat", "dog"): 1, ("cat",): 1, ("dog",): 1, (): 1}


def test_several_labels_do_not_go_where_folders_are_the_labels(tmp_path):
    for label in LABELS:
        photos(tmp_path / "folders" / label, 2)
    lists_of_labels(tmp_path / "lists", "columns")
    out = tmp_path / "out"
    main(source=str(tmp_path / "folders"), out=str(out))
    for dry_run in (True, False):
        with pytest.raises(CliError, match=r"has photos of one label each.*--out NEW; --labels-per-photo one"):
            main(source=str(tmp_path / "lists"), out=str(out), dry_run=dry_run)
    assert len(get_photos(out)) == 4 and not (out / "labels.csv").exists()
    main(source=str(tmp_path / "lists"), out=str(out), labels_per_photo="one")
    assert len(get_photos(out)) == 6


def test_one_label_each_goes_where_photos_have_several(tmp_path):
    for label in LABELS:
        photos(tmp_path / "folders" / label, 2)
    lists_of_labels(tmp_path / "lists", "columns")
    out = tmp_path / "out"
    main(source=str(tmp_path / "lists"), out=str(out))
    main(source=str(tmp_path / "folders"), out=str(out))
    counts = Counter(labels for labels, _ in listed_in(out).values())
    assert counts == {("cat", "dog"): 2, ("cat",): 4, (): 2, ("dog",): 2}


def test_labels_per_photo_is_one_or_several():
    with pytest.raises(CliError, match="--labels-per-photo two: one or several"):
        main("cat", labels_per_photo="two")
