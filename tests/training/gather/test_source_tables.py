"""training/gather/sources/tables.py and annotations.py: tables and annotations as people and programs write them."""

import csv
from collections import Counter

import pandas as pd
import pytest

from helpers.sources import (
    LABELS,
    TABLES,
    both,
    by_labels,
    coco,
    csv_of,
    label_studio,
    photos,
    refused,
    table,
    understood,
)
from training.gather.__main__ import main
from training.gather.sources.opening import opened_source
from training.gather.sources.options import ReadingOptions


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_names_photos_and_labels(tmp_path, kind):
    file = table(tmp_path, kind)
    for source in (file, tmp_path):
        counts, told = understood(source)
        assert counts == both(3) and file.name in told


def test_utf16_and_labels_that_look_like_nothing(tmp_path):
    photos(tmp_path, 4)
    rows = "".join(f"{i}.png\t{('NA', '001')[i % 2]}\n" for i in range(4))
    (tmp_path / "a.tsv").write_text(f"file\tlabel\n{rows}", encoding="utf-16")
    assert understood(tmp_path / "a.tsv")[0] == {("train", "NA"): 2, ("train", "001"): 2}


@pytest.mark.parametrize(
    "column, values", [("split", ("train", "val", "test")), ("is_valid", ("False", "True", "False")), ("fold", "123")]
)
def test_a_column_of_splits_is_kept(tmp_path, column, values):
    photos(tmp_path, 6)
    rows = "".join(f"{i}.png,{LABELS[i % 2]},{values[i // 2]}\n" for i in range(6))
    (tmp_path / "a.csv").write_text(f"file,label,{column}\n{rows}")
    expected = {
        "split": both(1) + both(1, "valid") + both(1, "test"),
        "is_valid": both(2) + both(1, "valid"),
        "fold": both(3),
    }
    assert understood(tmp_path)[0] == expected[column]


def test_a_table_for_each_split(tmp_path):
    for split, n in (("train", 4), ("test", 2)):
        photos(tmp_path / split, n, split + "{i}.png")
        rows = "".join(f"{split}{i}.png,{LABELS[i % 2]}\n" for i in range(n))
        (tmp_path / f"{split}.csv").write_text(f"file,label\n{rows}")
    assert understood(tmp_path)[0] == both(2) + both(1, "test")


def test_a_column_for_each_label(tmp_path):
    photos(tmp_path, 6)
    rows = "".join(f"{i},{1 - i % 2}.0,{i % 2}.0\n" for i in range(6))
    (tmp_path / "truth.csv").write_text(f"image,cat,dog\n{rows}")
    assert understood(tmp_path)[0] == both(3)


@pytest.mark.parametrize("odd", ["?", "-1", "2"])
def test_a_column_of_a_label_is_never_dropped_for_an_odd_cell(tmp_path, odd):
    photos(tmp_path, 6)
    rows = "".join(f"{i}.png,{1 - i % 2},{i % 2},{odd if i == 4 else i // 3}\n" for i in range(6))
    (tmp_path / "truth.csv").write_text(f"image,cat,dog,hat\n{rows}")
    assert f"hat seems to be a label as cat, dog, but {odd!r} in it" in refused(tmp_path)


def test_a_list_that_was_written_as_text_is_a_list(tmp_path):
    photos(tmp_path, 6)
    kinds = (["cat", "dog"], ["cat"], [])
    pd.DataFrame({"file": [f"{i}.png" for i in range(6)], "labels": [kinds[i % 3] for i in range(6)]}).to_csv(
        tmp_path / "a.csv"
    )
    assert by_labels(tmp_path / "a.csv") == {("cat", "dog"): 2, ("cat",): 2, (): 2}


def test_several_labels_in_a_cell_are_not_one_label(tmp_path):
    photos(tmp_path, 6)
    rows = "".join(f"{i}.png,{('cat dog', 'cat', 'dog')[i % 3]}\n" for i in range(6))
    (tmp_path / "a.csv").write_text(f"file,labels\n{rows}")
    assert "--label-delim ' ' splits it" in refused(tmp_path)
    counts, told = understood(tmp_path, label_delim=" ", labels_per_photo="one")
    assert counts == both(2) and "2 photos left out: with several labels" in told
    assert understood(tmp_path, label_delim=" ")[0] == both(4)
    assert understood(tmp_path, label_delim="none")[0] == both(2) + Counter({("train", "cat_dog"): 2})


@pytest.mark.parametrize("cells", [("a;b", "b;c", "c;a"), ("black bear", "grizzly bear", "black bear")])
def test_labels_of_two_words_are_one_and_joined_ones_are_asked_about(tmp_path, cells):
    photos(tmp_path, 6)
    rows = "".join(f"{i}.png,{cells[i % 3]}\n" for i in range(6))
    (tmp_path / "a.csv").write_text(f"file,label\n{rows}")
    if ";" in cells[0]:
        assert "seems to be several labels" in refused(tmp_path)
    else:
        assert understood(tmp_path)[0] == {("train", "black_bear"): 4, ("train", "grizzly_bear"): 2}


def test_rows_without_photo_or_label_and_photos_without_row_are_told(tmp_path):
    photos(tmp_path, 6)
    (tmp_path / "a.csv").write_text("file,label\n0.png,cat\n1.png,dog\n2.png,\nnone.png,cat\n")
    counts, told = understood(tmp_path)
    assert counts == both(1)
    assert "1 row of a.csv left out" in told and "without a label" in told and "3 photos left out: not named" in told


@pytest.mark.parametrize(
    "text, options, says",
    [
        ("", {}, "cannot be read as a table"),
        ("file,label\n", {}, "no rows"),
        ("file,label\nnone.png,cat\n", {}, "is not there|are not there"),
        ("file,a,b\n0.png,x,y\n1.png,z,w\n", {}, "--label-column"),
        ("file,label\n0.png,cat\n", {"label_column": "species"}, "no column 'species'"),
        ("file,label\n0.png,cat,dog,owl\n", {}, "cannot be read as a table"),
    ],
    ids=["empty", "no rows", "missing", "which label", "no column", "too many cells"],
)
def test_a_table_that_is_none_is_one_sentence(tmp_path, text, options, says):
    photos(tmp_path, 2)
    (tmp_path / "a.csv").write_text(text)
    said = refused(tmp_path / "a.csv", **options)
    assert any(part in said for part in says.split("|")) and "\n" not in said


def test_a_table_says_more_than_the_folders_of_kaggle(tmp_path):
    photos(tmp_path / "train_images", 6, "a{i}.png")
    photos(tmp_path / "test_images", 3, "b{i}.png")
    (tmp_path / "train.csv").write_text("id,target\n" + "".join(f"a{i},{LABELS[i % 2]}\n" for i in range(6)))
    (tmp_path / "sample_submission.csv").write_text("id,target\n" + "".join(f"b{i},cat\n" for i in range(3)))
    counts, told = understood(tmp_path)
    assert counts == both(3) and "3 photos left out: not named in the table" in told
    assert "sample_submission.csv was not read" in told


def test_parquet_of_the_hub_has_photos_and_names_of_labels(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Image

    files = photos(tmp_path / "p", 4)
    features = Features({"image": Image(), "label": ClassLabel(names=list(LABELS))})
    data = Dataset.from_dict({"image": list(map(str, files)), "label": [0, 1, 0, 1]}, features=features)
    data.to_parquet(tmp_path / "train-00000-of-00001.parquet")
    assert understood(tmp_path / "train-00000-of-00001.parquet")[0] == both(2)


@pytest.mark.parametrize("export", [label_studio, coco])
def test_annotations_are_read_where_they_name_one_label(tmp_path, export):
    photos(tmp_path / "images", 6)
    of_row = {4: [], 5: list(LABELS)}
    (tmp_path / "instances_train.json").write_text(export(6, lambda i: of_row.get(i, [LABELS[i % 2]])))
    for source in (tmp_path, tmp_path / "instances_train.json"):
        counts, told = understood(source, labels_per_photo="one")
        assert counts == both(2) and "1 photo left out: without a label" in told and "with several labels" in told
        assert by_labels(source) == {("cat",): 2, ("dog",): 2, (): 1, ("cat", "dog"): 1}


@pytest.mark.parametrize("text", ["[]", "{", '{"images": [], "annotations": [], "categories": [{}]}', "[1]", "null"])
def test_json_that_is_something_else_is_one_sentence(tmp_path, text):
    photos(tmp_path, 1)
    (tmp_path / "a.json").write_text(text)
    assert "\n" not in refused(tmp_path / "a.json")


def test_a_photo_of_two_rows_has_the_labels_of_both(tmp_path):
    photos(tmp_path, 3)
    counts, told = understood(csv_of(tmp_path, "file,label\n0.png,cat\n0.png,dog\n1.png,cat\n1.png,cat\n2.png,dog\n"))
    assert counts == both(1) and "1 photo left out: with several labels" in told


def test_a_missing_file_is_not_another_of_the_same_name(tmp_path):
    photos(tmp_path / "photos" / "cat", 2, "c{i}.png")
    text = "file,label\nphotos/cat/c0.png,feline\ncat/c1.png,feline\ndog/c0.png,canine\n"
    counts, told = understood(csv_of(tmp_path, text))
    assert counts == {("train", "feline"): 2} and "1 row of a.csv left out" in told


def test_of_two_photos_with_the_same_name_that_of_the_tables_split_counts(tmp_path):
    photos(tmp_path / "train_images", 4)
    photos(tmp_path / "test_images", 4)
    csv_of(tmp_path, "id_code,diagnosis\n" + "".join(f"{i},{LABELS[i % 2]}\n" for i in range(4)), "train.csv")
    assert understood(tmp_path)[0] == both(2)


@pytest.mark.parametrize("names", ["labels_{}.csv", "my-{}.csv", "{}2017.csv"])
def test_a_split_in_a_tables_name_is_found_anywhere(tmp_path, names):
    photos(tmp_path, 8)
    for split, start in (("train", 0), ("val", 4)):
        rows = "".join(f"{i}.png,{LABELS[i % 2]}\n" for i in range(start, start + 4))
        csv_of(tmp_path, f"file,label\n{rows}", names.format(split))
    assert understood(tmp_path)[0] == both(2) + both(2, "valid")


def test_sets_are_in_columns_or_in_the_paths_of_photos(tmp_path):
    for split in ("train", "test"):
        photos(tmp_path / split, 2, split + "{i}.png")
    csv_of(tmp_path, "".join(f"{s}/{s}{i}.png,{LABELS[i]}\n" for s in ("train", "test") for i in (0, 1)))
    assert understood(tmp_path)[0] == both(1) + both(1, "test")
    rows = "train/train0.png,cat,False,False\ntrain/train1.png,cat,True,False\ntest/test0.png,dog,False,True\n"
    counts, _ = understood(csv_of(tmp_path, "file,label,is_valid,is_test\n" + rows))
    assert counts == {("train", "cat"): 1, ("valid", "cat"): 1, ("test", "dog"): 1}
    rows = "train/train0.png,cat,train\ntrain/train1.png,dog,holdout\n"
    assert "holdout is no set" in understood(csv_of(tmp_path, "file,label,split\n" + rows))[1]


@pytest.mark.parametrize("cells", [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("1", "")])
def test_marks_of_labels_have_several_forms(tmp_path, cells):
    photos(tmp_path, 4)
    rows = "".join(f"{i}.png, {cells[i % 2]}, {cells[1 - i % 2]}\n" for i in range(4))
    assert understood(csv_of(tmp_path, f"filename, cat, dog\n{rows}"))[0] == both(2)


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\nfile,label\n0.png,cat\n1.png,dog\n",
        "file;label, by me\n0.png;cat\n1.png;dog\n",
        "id,picname,label\n1,0.png,cat\n0,1.png,dog\n",
        "FILE,Label\n0.PNG,cat\n1.Png,dog\n",
    ],
    ids=["excel", "comma", "row number", "capitals"],
)
def test_tables_as_programs_write_them(tmp_path, text):
    photos(tmp_path, 2)
    with opened_source(str(csv_of(tmp_path, text) / "a.csv"), ReadingOptions()) as found:
        assert {(one.file.name, one.label) for one in found.candidates} == {("0.png", "cat"), ("1.png", "dog")}


def test_two_columns_of_a_name_are_refused(tmp_path):
    photos(tmp_path, 2)
    assert "two columns of the same name" in refused(csv_of(tmp_path, "file,label, label\n0.png,a,b\n"))


def test_lists_and_bytes_of_parquet(tmp_path):
    data = [file.read_bytes() for file in photos(tmp_path / "p", 3)]
    frame = pd.DataFrame({"image": data, "labels": [["cat"], ["cat", "dog"], []]})
    frame.to_parquet(tmp_path / "a.parquet")
    assert by_labels(tmp_path / "a.parquet") == {("cat",): 1, ("cat", "dog"): 1, (): 1}
    counts, told = understood(tmp_path / "a.parquet", labels_per_photo="one")
    assert counts == {("train", "cat"): 1} and "without a label" in told and "with several labels" in told


def test_a_table_that_cannot_be_read_and_one_that_contradicts_are_told(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 6, label + "{i}.png")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    assert "odd.csv: which column has the file?" in understood(tmp_path)[1]
    rows = "".join(f"{label}{i}.png,{'cat' if i == 5 else label}\n" for label in LABELS for i in range(6))
    assert "says otherwise of 1 photo" in understood(csv_of(tmp_path, f"file,label\n{rows}", "fix.csv"))[1]


def test_a_label_named_as_a_set_is_refused_where_there_are_sets(tmp_path):
    photos(tmp_path, 4)
    (tmp_path / "a.csv").write_text("file,label,split\n0.png,test,train\n1.png,cat,train\n2.png,cat,test\n")
    assert "cannot be called test" in refused(tmp_path)


def test_a_licence_and_a_list_of_labels_are_kept(tmp_path):
    files = photos(tmp_path, 2)
    frame = pd.DataFrame({"file": [file.name for file in files], "label": [["cat"], ["dog"]], "license": "CC0"})
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    main(source=str(tmp_path / "a.jsonl"), out=str(tmp_path / "out"))
    rows = list(csv.DictReader((tmp_path / "out" / "sources.csv").open(newline="")))
    assert {row["licence"] for row in rows} == {"CC0"} and {row["label"] for row in rows} == set(LABELS)
