"""training/data/labels.py and listed.py: labels.csv, the labels of photos that may have several, or none."""

import multiprocessing

import pytest
from fastcore.script import CliError

from helpers.commands import run_module
from helpers.photos import noisy_photo
from training.data.labels import ListedPhoto, add_to_labels, locked_labels, read_labels, write_labels
from training.data.manifest import manifest
from training.data.photos import get_photos, readable_photos
from training.journal.label_edits import edit_rows

LABELS = [("dress", "hat"), ("dress",), ("hat",), ()]  # of the photos, again and again


def make_listed(folder, n=24, labels=LABELS, sets=("train",)):
    """Make `n` photos with a labels.csv and return its rows by photo."""
    (folder / "photos").mkdir(parents=True)
    listed = {}
    for i in range(n):
        file = folder / "photos" / f"{i:02}.png"
        noisy_photo((40 + 9 * i % 200, 80, 120), i).save(file)
        listed[file] = ListedPhoto(tuple(labels[i % len(labels)]), sets[i // len(labels) % len(sets)])
    write_labels(folder, listed)
    return listed


def write_csv(folder, text, encoding="utf-8"):
    (folder / "labels.csv").write_bytes(text.encode(encoding))


def test_photos_have_the_labels_of_their_rows(tmp_path):
    listed = make_listed(tmp_path)
    photos = readable_photos(tmp_path)
    assert photos.train == get_photos(tmp_path) == sorted(listed) and photos.notes == []
    assert photos.labels.multi_label and photos.labels.vocab(photos.train) == ["dress", "hat"]
    assert [photos.labels(file) for file in photos.train[:4]] == LABELS
    assert [photos.labels.text(file) for file in photos.train[:4]] == ["dress|hat", "dress", "hat", ""]


def test_folders_are_the_labels_without_a_labels_csv(photos):
    labels = readable_photos(photos).labels
    assert not labels.multi_label and labels(photos / "red" / "00.png") == ("red",)


def test_sets_are_those_of_the_column_set(tmp_path):
    make_listed(tmp_path, 48, sets=("train", "train", "valid", "test"))
    photos = readable_photos(tmp_path)
    assert [len(own) for own in (photos.train, photos.valid, photos.test)] == [24, 12, 12]
    assert {line.split("  ")[1] for line in manifest(photos)} == {
        f"{split}/{labels}" for split in ("train", "valid", "test") for labels in ("dress|hat", "dress", "hat", "")
    }


def test_photos_without_a_row_and_rows_without_a_photo_are_counted(tmp_path):
    listed = make_listed(tmp_path)
    noisy_photo((1, 1, 1), 99).save(tmp_path / "photos" / "new.png")
    (tmp_path / ".rejected" / "photos").mkdir(parents=True)
    for file in sorted(listed)[:2]:
        file.rename(tmp_path / ".rejected" / "photos" / file.name)
    photos = readable_photos(tmp_path)
    assert len(photos.train) == 22
    assert photos.notes == [
        "1 photo left out: not in labels.csv, such as photos/new.png.",
        "2 rows of labels.csv left out: the photo is not there, such as photos/00.png.",
    ]


def test_photos_lie_anywhere_below_the_data_set(tmp_path):
    listed = make_listed(tmp_path)
    moved = tmp_path / "models" / "a" / "b" / "00.png"
    moved.parent.mkdir(parents=True)
    first = min(listed)
    first.rename(moved)
    write_labels(tmp_path, {moved if file == first else file: row for file, row in listed.items()})
    assert moved in readable_photos(tmp_path).train


def test_held_out_photos_with_a_label_that_is_not_trained_on_are_left_out(tmp_path):
    listed = make_listed(tmp_path, 48, sets=("train", "train", "valid", "test"))
    valid = next(file for file, row in listed.items() if row.set == "valid")
    write_labels(tmp_path, {**listed, valid: ListedPhoto(("dress", "shoe"), "valid")})
    photos = readable_photos(tmp_path)
    assert valid not in photos.valid and len(photos.valid) == 11
    assert photos.notes == [
        "1 photo of the validation set left out: the training set has no photos of shoe. Add some to it."
    ]


def test_one_label_is_enough_where_photos_have_none(tmp_path):
    make_listed(tmp_path, labels=[("hat",), ()])
    assert readable_photos(tmp_path).labels.vocab(get_photos(tmp_path)) == ["hat"]


@pytest.mark.parametrize(
    "labels, says",
    [
        ([("hat",)], "has one label, hat, and 0 photos to train on without it"),
        ([()], "No photo to train on has a label"),
        ([("hat",)] * 20 + [("dress", "hat")] * 4, r"dress \(4\).* take it out of labels.csv"),
    ],
    ids=["one-label-on-all", "no-labels", "few-photos"],
)
def test_labels_that_cannot_be_trained_on_are_one_sentence(tmp_path, labels, says):
    make_listed(tmp_path, labels=labels)
    with pytest.raises(CliError, match=says):
        readable_photos(tmp_path)


def test_a_label_that_all_photos_have_is_told(tmp_path):
    make_listed(tmp_path, labels=[("dress", "hat"), ("hat",)])
    assert readable_photos(tmp_path).notes == ["All photos to train on show hat: a model learns nothing of it."]


def test_labels_that_differ_in_capitals_alone_are_told(tmp_path):
    make_listed(tmp_path, labels=[("hat",), ("Hat",), ()])
    assert readable_photos(tmp_path).notes == [
        "Labels that differ in capitals alone, each taken for its own: Hat, hat."
    ]


def test_command_counts_photos_with_several_labels_and_none(tmp_path):
    make_listed(tmp_path)
    run = run_module("training.data", tmp_path)
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    assert lines[-4:-2] == ["    12 dress", "    12 hat"]
    assert lines[-1] == "24 photos, 2 labels, 6 with several labels, 6 with none, 0 unreadable"


def test_the_same_photo_in_folders_of_several_labels_is_told(photos):
    (photos / "green" / "copy.png").write_bytes((photos / "red" / "00.png").read_bytes())
    (photos / "red" / "copy.png").write_bytes((photos / "red" / "01.png").read_bytes())
    assert readable_photos(photos).notes == [
        "1 photo lies in folders of several labels, such as copy.png in green, red. If these are photos with several "
        f"labels: `python -m training.gather --source {photos} --labels-per-photo several --out NEW`."
    ]


def test_the_same_photo_with_different_labels_is_told(tmp_path):
    listed = make_listed(tmp_path)
    first, second, *_ = sorted(listed)
    second.write_bytes(first.read_bytes())
    assert readable_photos(tmp_path).notes == [
        "1 photo has several files with different labels in labels.csv: the same photo is photos/00.png (dress|hat) "
        "and photos/01.png (dress). Correct the rows, or move the copies away."
    ]
    write_labels(tmp_path, {**listed, second: listed[first]})
    assert readable_photos(tmp_path).notes == []


def test_a_label_that_reads_as_no_label_is_told(tmp_path):
    make_listed(tmp_path, labels=[("hat",), ("None",), ()])
    assert readable_photos(tmp_path).notes == [
        "None is taken for the name of a label, as any other. A photo that shows none of the labels has an empty cell "
        "instead."
    ]


GOOD = "file,labels,set\nphotos/a.png,hat|dress,train\nphotos/b.png,,valid\n"


@pytest.mark.parametrize(
    "text, encoding",
    [
        (GOOD, "utf-8"),
        (GOOD, "utf-8-sig"),
        (GOOD.replace("\n", "\r\n"), "utf-8"),
        ("labels,file,set\n hat | dress ,./photos/a.png,\n\n,photos\\b.png,valid\n,,\n", "utf-8"),
        ('"file","labels","set"\n"photos/a.png","dress|hat|hat",""\n"photos//b.png","","valid"\n', "utf-8"),
    ],
    ids=["plain", "mark-at-the-beginning", "windows", "spaces-and-empty-rows", "quotes"],
)
def test_rows_are_read_however_a_spreadsheet_writes_them(tmp_path, text, encoding):
    write_csv(tmp_path, text, encoding)
    assert read_labels(tmp_path).listed == {
        tmp_path / "photos" / "a.png": ListedPhoto(("dress", "hat"), "train"),
        tmp_path / "photos" / "b.png": ListedPhoto((), "valid"),
    }


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "labels.csv is empty. Write file,labels and a row a photo"),
        ("\ufeff \n", "labels.csv is empty"),
        ("id,breed\n1,cat\n", "lacks the columns file and labels.*--source .*labels.csv --out NEW"),
        ("file;labels;set\na.png;hat;train\n", "has semicolons between its columns"),
        ("file\tlabels\na.png\that\n", "has tabs between its columns"),
        ("file,labels,note\na.png,hat,x\n", "and not 'note'"),
        ("file,labels,labels\na.png,hat,x\n", "two columns of the same name"),
        ("file,labels\na.png,hat\nb.png,hat\n./a.png,dress\n", "line 4: a.png has a row already, in line 2"),
        ("file,labels\n../a.png,hat\n", r"line 2: \.\./a.png is not in"),
        ("file,labels\n/etc/a.png,hat\n", "line 2: /etc/a.png is not in"),
        ("file,labels\nC:\\a.png,hat\n", "line 2: C:/a.png is not in"),
        ("file,labels\n,hat\n", "line 2: a file and its labels are expected"),
        ("file,labels\na.png\n", "line 2: a file and its labels are expected"),
        ("file,labels\na.png,hat,dress\n", "line 2: it has more cells than columns. Several labels are joined by '|'"),
        ("file,labels,set\na.png,hat,dress\n", "line 2: the set 'dress' is none of train, valid, test"),
        ("file,labels\na.png,red hat\n", "line 2: the label 'red hat' has spaces; write 'red_hat'"),
        ("file,labels\na.png,hat|a/b\n", "line 2: 'a/b' cannot be a label"),
        ("file,labels\na.png,.hat\n", "line 2: '.hat' cannot be a label"),
        ("file,labels\na.png,hat;dress\nb.png,hat\nc.png,dress\n", "'hat;dress' seems .* --label-delim ';'"),
        ("file,labels\na.png,hat;dress\nb.png,hat|dress\nc.png,dress\n", "'hat;dress' seems .* --label-delim ';'"),
        ('file,labels\na.png,"hat, dress"\nb.png,hat\nc.png,dress\n', "'hat, dress' seems .* --label-delim ','"),
        ("file,labels\na.png,hat dress\nb.png,hat\nc.png,dress\n", "'hat dress' seems .* --label-delim ' '"),
        ('file,labels\na.png,"hat\nb.png,dress\n', "it is no csv"),
        ("file,labels\na.png,h\0t\n", "it is not UTF-8"),
    ],
    ids=lambda value: value[:40].replace("\n", " ").replace("\0", "0"),
)
def test_a_labels_csv_that_could_be_misread_is_one_sentence(tmp_path, text, says):
    write_csv(tmp_path, text)
    with pytest.raises(CliError, match=says) as error:
        read_labels(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding, labels", [("cp1252", "Bär"), ("utf-16", "hat")])
def test_another_encoding_is_told(tmp_path, encoding, labels):
    write_csv(tmp_path, f"file,labels\na.png,{labels}\n", encoding)
    with pytest.raises(CliError, match="not UTF-8"):
        read_labels(tmp_path)


def test_a_comma_in_a_label_is_no_separator_where_its_parts_are_no_labels(tmp_path):
    write_csv(tmp_path, 'file,labels\na.png,"hat,_red"\nb.png,hat\n')
    assert read_labels(tmp_path)(tmp_path / "a.png") == ("hat,_red",)


def test_what_was_written_is_read_and_is_no_formula(tmp_path):
    listed = {
        tmp_path / "=1+1.png": ListedPhoto(("-a", "=b"), "test"),
        tmp_path / 'a"b,c.png': ListedPhoto(()),
        tmp_path / "no \udcff text.png": ListedPhoto(("Bär",)),
    }
    write_labels(tmp_path, listed)
    assert read_labels(tmp_path).listed == listed
    assert b"\n=" not in (tmp_path / "labels.csv").read_bytes()


def test_rows_are_added_and_none_is_changed(tmp_path):
    listed = {tmp_path / "a.png": ListedPhoto(("hat",), "test")}
    assert add_to_labels(tmp_path, {}) == 0 and read_labels(tmp_path).listed == {}
    assert add_to_labels(tmp_path, listed) == 1
    more = {tmp_path / "a.png": ListedPhoto(("dress",)), tmp_path / "b.png": ListedPhoto(())}
    assert add_to_labels(tmp_path, more) == 1
    assert read_labels(tmp_path).listed == {**more, **listed}


def add_rows(folder, name, barrier):
    barrier.wait()
    for i in range(20):
        add_to_labels(folder, {folder / f"{name}{i}.png": ListedPhoto((name,))})


def edit_a_row(folder, barrier):
    barrier.wait()
    for i in range(20):
        edit_rows(folder, [(folder / "a.png", f"hat{i}", f"hat{i + 1}")])


def test_rows_that_processes_write_at_once_are_all_kept(tmp_path):
    write_labels(tmp_path, {tmp_path / "a.png": ListedPhoto(("hat0",))})
    barrier = multiprocessing.get_context("spawn").Barrier(2)
    jobs = [
        multiprocessing.get_context("spawn").Process(target=add_rows, args=(tmp_path, "b", barrier)),
        multiprocessing.get_context("spawn").Process(target=edit_a_row, args=(tmp_path, barrier)),
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    listed = read_labels(tmp_path).listed
    assert len(listed) == 21 and listed[tmp_path / "a.png"].labels == ("hat20",)


def test_a_lock_that_another_process_keeps_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.labels.LOCK_TIMEOUT", 0.01)
    with locked_labels(tmp_path), pytest.raises(CliError, match=r"has been changing .*labels\.csv for a minute"):
        add_to_labels(tmp_path, {})
    with pytest.raises(CliError, match="Nothing can be written in"):
        add_to_labels(tmp_path / ".labels.lock", {})
