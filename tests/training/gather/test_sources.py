"""training/gather/sources/opening.py: data as people have it, of any layout, with nothing misread in silence."""

import csv
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from fastcore.script import CliError

from helpers.photos import noisy_photo
from training.data.files import folder_name
from training.data.labels import Labels, read_labels
from training.data.photos import get_photos
from training.data.splits import given_splits
from training.gather.__main__ import main
from training.gather.sources.candidates import as_folder
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


def test_a_folder_for_each_label(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 4)
    assert understood(tmp_path) == (both(4), "folders, each a label")
    assert understood(tmp_path / "cat")[0] == {("train", "cat"): 4}


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "validation", "testing")])
@pytest.mark.parametrize("below", ["", "images"])
def test_splits_are_kept(tmp_path, names, below):
    for name, n in zip(names, (4, 3, 2)):
        for label in LABELS:
            photos(tmp_path / below / name / label, n)
    counts, told = understood(tmp_path)
    assert counts == both(4) + both(3, "valid") + both(2, "test") and "in splits" in told


def test_a_flat_test_folder_is_no_label(tmp_path):
    for label in LABELS:
        photos(tmp_path / "train" / label, 4)
    photos(tmp_path / "test", 3)
    counts, told = understood(tmp_path)
    assert counts == both(4) and "3 photos left out: directly in test" in told


def test_folders_below_a_label_belong_to_it(tmp_path):
    for label in LABELS:
        for year in ("2023", "2024"):
            photos(tmp_path / label / year, 3)
    counts, told = understood(tmp_path)
    assert counts == both(6) and "2023, 2024 in cat" in told


@pytest.mark.parametrize("junk", ["__MACOSX/cat/._0.png", "models/model.pth", "cat/@eaDir/0.png", "cat/.thumbs/0.png"])
def test_what_systems_leave_is_no_label(tmp_path, junk):
    for label in LABELS:
        photos(tmp_path / label, 3)
    photo(tmp_path / junk)
    assert understood(tmp_path)[0] == both(3)


@pytest.mark.parametrize("name", ["{i}", "{i}.png?w=640", "{i}.image"])
def test_a_photo_is_one_whatever_its_name(tmp_path, name):
    for label in LABELS:
        photos(tmp_path / label, 3, name)
        (tmp_path / label / "notes").write_text("no photo")
    counts, told = understood(tmp_path)
    assert counts == both(3) and "2 with no extension" in told


def test_flat_photos_take_the_folders_name_and_a_pattern_is_offered(tmp_path):
    photos(tmp_path / "pets", 6, "{label}_{i:03}.png")
    counts, told = understood(tmp_path)
    assert counts == {("train", "pets"): 6} and "all photos get the label pets" in told and "--pattern" in told
    pattern = told.split("--pattern '")[1].split("'")[0]
    assert understood(tmp_path, pattern=pattern)[0] == both(3)


def test_a_pattern_may_be_of_the_path(tmp_path):
    for label in LABELS:
        photos(tmp_path / "2024" / label / "raw", 3)
    photos(tmp_path / "2024", 2)
    counts, told = understood(tmp_path, pattern=r"/(\w+)/raw/")
    assert counts == both(3) and "2 photos left out" in told


@pytest.mark.parametrize("pattern, says", [("(", "no regular expression"), ("cat", "no group")])
def test_a_pattern_that_is_none_is_one_sentence(tmp_path, pattern, says):
    photos(tmp_path / "cat", 2)
    assert says in refused(tmp_path, pattern=pattern)


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


def test_what_is_not_a_table_of_photos_changes_nothing(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 3)
    (tmp_path / "weather.csv").write_text("day,rain\n1,0\n")
    (tmp_path / "config.json").write_text("{}")
    assert understood(tmp_path)[0] == both(3)


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


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("kind", ["folders", "csv"])
def test_archives(tmp_path, form, kind):
    if kind == "csv":
        table(tmp_path / "data", "csv")
    else:
        for label in LABELS:
            photos(tmp_path / "data" / label, 3)
    archive = shutil.make_archive(str(tmp_path / "pets"), form, tmp_path, "data")
    assert understood(archive)[0] == both(3)
    assert main(source=archive, out=str(tmp_path / "out")) is None
    assert len(get_photos(tmp_path / "out")) == 6
    rows = list(csv.DictReader((tmp_path / "out" / "sources.csv").open(newline="")))
    assert {row["source"] for row in rows} == {Path(archive).name}


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **more) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in more.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(data))


def test_an_archive_reaches_nothing_outside_of_itself(tmp_path):
    secret = photo(tmp_path / "secret.png")
    data = photo(tmp_path / "a.png").read_bytes()
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        for name in ("../../up.png", "/tmp/fieldguide-absolute.png", "cat/1.png", "dog/2.png"):
            add(archive, name, data)
        add(archive, "cat/link.png", type=tarfile.SYMTYPE, linkname=str(secret))
        add(archive, "cat/fifo.png", type=tarfile.FIFOTYPE)
        add(archive, "a.csv", f"file,label\n{secret},owl\n../../secret.png,owl\ncat/1.png,zebra\n".encode())
    counts, told = understood(tmp_path / "evil.tar")
    assert counts == {("train", "zebra"): 1} and "2 for a path out of the archive" in told
    assert not Path("/tmp/fieldguide-absolute.png").exists()


def test_archives_are_bounded_by_what_they_unpack_to(tmp_path, monkeypatch):
    monkeypatch.setattr("training.gather.sources.archives.MAX_BYTES", 5000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for label in LABELS:
            archive.writestr(f"{label}/0.png", photo(tmp_path / "a.png").read_bytes())
        archive.writestr("cat/bomb.png", bytes(10_000_000))
    counts, told = understood(tmp_path / "a.zip")
    assert counts == both(1) and "1 for too large" in told
    monkeypatch.setattr("training.gather.sources.archives.RESERVE_BYTES", 10**18)
    assert "than the disk has room for" in refused(tmp_path / "a.zip")


def test_a_damaged_archive_is_one_sentence(tmp_path):
    for label in LABELS:
        photos(tmp_path / "data" / label, 3)
    whole = Path(shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "data")).read_bytes()
    for n, data in enumerate((whole[:-40], whole[: len(whole) // 2] + bytes(60) + whole[len(whole) // 2 + 60 :])):
        (tmp_path / f"b{n}.zip").write_bytes(data)
        said = refused(tmp_path / f"b{n}.zip")
        assert "cannot be unpacked" in said and "\n" not in said


def test_what_is_no_source_is_one_sentence(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "empty").mkdir()
    assert "There is no" in refused(tmp_path / "none")
    assert "no folder, zip or tar" in refused(tmp_path / "a.pdf")
    assert "No photos" in refused(tmp_path / "empty")
    assert "download it first" in refused("https://example.com/a.zip")
    assert "kaggle://OWNER/NAME" in refused("kaggle://name")


@pytest.mark.parametrize("out", ["data", "data/out", "."])
def test_a_folder_is_not_gathered_into_itself(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    for label in LABELS:
        photos(tmp_path / "data" / label, 3)
    with pytest.raises(CliError, match="lie in each other"):
        main(source="data", out=out)
    assert len(get_photos(tmp_path / "data")) == 6


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "WEBP", "BMP", "AVIF"])
def test_large_photos_without_a_suffix_are_found(tmp_path, form):
    for label in LABELS:
        photo(tmp_path / label / "a.png")
        noisy_photo((9, 9, 200), 3, (900, 700)).save(tmp_path / label / "b", format=form)
    assert understood(tmp_path)[0] == both(2)


def test_a_dry_run_shows_and_copies_nothing(tmp_path, capsys):
    for split, n in (("train", 4), ("test", 2)):
        for label in LABELS:
            photos(tmp_path / "data" / split / label, n)
    main(source=str(tmp_path / "data"), out=str(tmp_path / "out"), dry_run=True)
    shown = capsys.readouterr().out.splitlines()
    assert shown[1:] == ["   train    test  label", "       4       2  cat", "       4       2  dog"]
    assert not (tmp_path / "out").exists()


def test_splits_arrive_as_training_reads_them_and_test_photos_are_never_trained_on(tmp_path):
    for split, n in (("train", 4), ("valid", 3), ("test", 2)):
        for label in LABELS:
            photos(tmp_path / "data" / split / label, n)
    shutil.copy(tmp_path / "data/test/cat/0.png", tmp_path / "data/train/cat/again.png")
    out = tmp_path / "out"
    main(source=str(tmp_path / "data"), out=str(out))
    found = given_splits(out, get_photos(out), Labels())
    assert [len(files) for files in (found.train, found.valid, found.test)] == [8, 6, 4]


def csv_of(folder: Path, text: str, name: str = "a.csv") -> Path:
    (folder / name).write_text(text)
    return folder


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


@pytest.mark.parametrize("folders", [("images", "annotations"), ("train", "val"), ("training_set", "test_set")])
def test_folders_that_build_a_data_set_are_no_labels(tmp_path, folders):
    for folder in folders:
        photos(tmp_path / folder, 4, "{label}_{i}.png")
    assert "folders of such names are no labels" in refused(tmp_path)


def test_a_table_that_cannot_be_read_and_one_that_contradicts_are_told(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 6, label + "{i}.png")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    assert "odd.csv: which column has the file?" in understood(tmp_path)[1]
    rows = "".join(f"{label}{i}.png,{'cat' if i == 5 else label}\n" for label in LABELS for i in range(6))
    assert "says otherwise of 1 photo" in understood(csv_of(tmp_path, f"file,label\n{rows}", "fix.csv"))[1]


def test_a_json_beside_each_photo_is_told_once(tmp_path):
    for label in LABELS:
        for file in photos(tmp_path / label, 20):
            file.with_suffix(".png.json").write_text("{}")
    counts, told = understood(tmp_path)
    assert counts == both(20) and "38 more such files" in told and len(told) < 1000


def test_photos_beside_the_labels_and_labels_alike_are_told(tmp_path):
    for label in ("Cat", "cat"):
        photos(tmp_path / label, 2)
    photo(tmp_path / "loose.png")
    counts, told = understood(tmp_path)
    assert counts == {("train", "Cat"): 2, ("train", "cat"): 2}
    assert "1 photo left out: directly in" in told and "differ in capitals alone" in told


@pytest.mark.parametrize("cut", [512 * 3, -1024])
def test_a_tar_that_ends_amid_its_files_is_damaged(tmp_path, cut):
    for label in LABELS:
        photos(tmp_path / "data" / label, 4)
    whole = Path(shutil.make_archive(str(tmp_path / "a"), "tar", tmp_path / "data")).read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    (tmp_path / "cut.tar").write_bytes(whole[:cut] if cut > 0 else whole[: end - 512])
    assert "damaged" in refused(tmp_path / "cut.tar")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_links_in_circles_and_pipes_are_not_waited_for(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 2)
        for name in ("current", "latest"):
            (tmp_path / label / name).symlink_to("..", target_is_directory=True)
        os.mkfifo(tmp_path / label / "pipe")
        os.mkfifo(tmp_path / label / "pipe.csv")
    assert understood(tmp_path)[0] == both(2)


@pytest.mark.parametrize("where", ["~nobody-at-all/x", "x" * 5000, "nul\0"])
def test_what_can_be_no_path_is_one_sentence(tmp_path, where):
    with pytest.raises(CliError, match="can be no file or folder"):
        main(source=where, out=str(tmp_path / "out"))


def test_a_label_named_as_a_set_is_refused_where_there_are_sets(tmp_path):
    photos(tmp_path, 4)
    (tmp_path / "a.csv").write_text("file,label,split\n0.png,test,train\n1.png,cat,train\n2.png,cat,test\n")
    assert "cannot be called test" in refused(tmp_path)


@pytest.mark.parametrize(
    "label, folder", [("grizzly bear", "grizzly_bear"), ("  Bär ", "Bär"), ("a/b", "a_b"), ("../up", "_up"), ("?", "_")]
)
def test_labels_become_names_of_folders(label, folder):
    assert as_folder(label) == folder


@pytest.mark.parametrize("label", ["", "..", ".hidden", "a/b", "a\\b", "x" * 201, "nul\0", 'a"b'])
def test_what_can_be_no_folder_is_refused_where_it_was_typed(label):
    with pytest.raises(CliError, match="cannot be a label"):
        folder_name(label)


def test_a_licence_and_a_list_of_labels_are_kept(tmp_path):
    files = photos(tmp_path, 2)
    frame = pd.DataFrame({"file": [file.name for file in files], "label": [["cat"], ["dog"]], "license": "CC0"})
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    main(source=str(tmp_path / "a.jsonl"), out=str(tmp_path / "out"))
    rows = list(csv.DictReader((tmp_path / "out" / "sources.csv").open(newline="")))
    assert {row["licence"] for row in rows} == {"CC0"} and {row["label"] for row in rows} == set(LABELS)


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
