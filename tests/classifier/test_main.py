"""python -m classifier: a folder into a table, stopped anywhere and gone on with."""

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from functools import partial

import pytest

from classifier import Classifier, Prediction
from classifier.folder_table import answer_folder
from classifier.photo_files import Walk, photos_in
from classifier.results_csv import COLUMNS, line_of, plain, protected, row_of
from classifier.results_table import Table, TableError
from helpers.commands import run_module
from helpers.paths import EXAMPLE, ROOT
from helpers.photos import noisy_photo
from helpers.poison import until
from training.export.facts import with_fact

ANSWER = Prediction("teddy", {"teddy": 0.75, "black": 0.25}, 0.5, True)


def rows(path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path):
    """A folder of photos, some of them in folders below, one broken, and what is to be left out."""
    folder = tmp_path / "photos"
    (folder / "more" / ".hidden").mkdir(parents=True)
    for name in ("teddy.jpg", 'more/grün, "so"\nzwei.JPG', "more/.hidden/no.jpg", ".no.jpg"):
        os.link(EXAMPLE, folder / name)
    (folder / "broken.jpg").write_text("no photo")
    (folder / "notes.txt").write_text("no photo either")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    return folder


def test_each_photo_gets_a_row_and_a_broken_one_its_sentence(folder, tmp_path, expected):
    run = run_module("classifier", folder, "--out", tmp_path / "a.csv")
    assert run.returncode == 0, run.stderr
    found = {os.path.relpath(row["file"], folder): row for row in rows(tmp_path / "a.csv")}
    assert set(found) == {"teddy.jpg", "broken.jpg", 'more/grün, "so"\nzwei.JPG'}
    assert tuple(found["teddy.jpg"]) == COLUMNS
    assert found["teddy.jpg"]["label"] == "teddy" and found["teddy.jpg"]["familiar"] == "true"
    assert float(found["teddy.jpg"]["probability"]) == pytest.approx(expected["teddy"], abs=1e-5)
    assert found["broken.jpg"]["error"].startswith("This file is not a photo.") and not found["broken.jpg"]["label"]
    assert "3 of 3 photos, 3 answered now, 0 were there, 1 without an answer" in run.stdout
    assert len(run.stdout.splitlines()) == 1, "no bar where nobody watches"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_name_that_is_no_text_keeps_the_table_readable(tmp_path):
    (tmp_path / "photos").mkdir()
    os.link(EXAMPLE, os.fsencode(tmp_path / "photos") + b"/odd\xff.jpg")
    for answered, there in ((1, 0), (0, 1)):
        run = run_module("classifier", tmp_path / "photos", "--out", tmp_path / "a.csv")
        assert f"{answered} answered now, {there} were there" in run.stdout
    assert [row["file"].rpartition("/")[2] for row in rows(tmp_path / "a.csv")] == ["odd\\udcff.jpg"]


def test_killed_or_stopped_it_goes_on_where_it_was(tmp_path):
    (tmp_path / "photos").mkdir()
    noisy_photo((200, 40, 40), 1).save(tmp_path / "one.png")
    for i in range(3000):
        os.link(tmp_path / "one.png", tmp_path / "photos" / f"{i}.png")
    table = tmp_path / "a.csv"
    for end, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130), (signal.SIGINT, 130)):
        before = table.stat().st_size if table.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "classifier", tmp_path / "photos", "--out", table],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while process.poll() is None and not (table.exists() and table.stat().st_size > before + 10_000):
            time.sleep(0.02)
        process.send_signal(end)
        said = process.communicate(timeout=60)[0]
        assert process.returncode == code, said
        if end == signal.SIGKILL:
            with table.open("ab") as file:  # as if it had been killed within a row
                file.write(b'"half a na')
    assert said.count("\n") == 1 and "stopped at" in said and "the same command goes on" in said
    n = len(rows(table))
    for i in range(n, 3000):  # so that the test need not wait for all of them
        (tmp_path / "photos" / f"{i}.png").unlink()
    left = {str(path) for path in (tmp_path / "photos").iterdir()}
    there = {row["file"] for row in rows(table)}
    assert n == len(there), "no photo twice"
    for path in list(left - there)[20:]:
        os.unlink(path)
    run = run_module("classifier", tmp_path / "photos", "--out", table)
    files = [row["file"] for row in rows(table)]
    assert len(files) == len(set(files)) == n + min(20, len(left - there)), run.stdout + run.stderr


def test_cut_row_is_dropped_wherever_it_was_cut(tmp_path):
    path = tmp_path / "a.csv"
    names = ["plain.jpg", 'with, "quotes"\nand a line.jpg', "last.jpg"]
    table = Table(path, "abc")
    for name in names:
        table.add(row_of(name, ANSWER, "abc", 10, 20))
    table.close()
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        table = Table(path, "abc")
        for name in names:
            if not table.has(name, 10, 20):
                table.add(row_of(name, ANSWER, "abc", 10, 20))
        table.close()
        assert path.read_bytes() == whole, cut


def test_changed_photo_is_answered_again(tmp_path):
    table = Table(tmp_path / "a.csv", "abc")
    table.add(row_of("a.jpg", ANSWER, "abc", 10, 20))
    table.close()
    table = Table(tmp_path / "a.csv", "abc")
    assert table.has("a.jpg", 10, 20)
    assert not table.has("a.jpg", 11, 20) and not table.has("a.jpg", 10, 21) and not table.has("b.jpg", 10, 20)


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''@x"]


@pytest.mark.parametrize("text", FORMULAS, ids=repr)
def test_no_text_of_a_table_is_a_formula_and_each_can_be_had_back(tmp_path, text):
    assert protected(text) == f"'{text}" and plain(protected(text)) == text
    answer = Prediction(text, {text: 1.0}, None, None)
    path = tmp_path / "a.csv"
    table = Table(path, "abc")
    table.add(row_of(text, answer, "abc", 1, 2))
    table.add(row_of("b.jpg", text, "abc", 1, 2))
    table.close()
    labelled, failed = rows(path)
    assert labelled["file"] == labelled["label"] == failed["error"] == f"'{text}"
    table = Table(path, "abc")
    assert table.has(text, 1, 2) and not table.has("c.jpg", 1, 2)
    table.close()


@pytest.mark.parametrize("text", ["teddy", "it's", "'quoted'", "", "1-2", "a=b"])
def test_other_texts_stay_as_they_are(text):
    assert protected(text) == plain(text) == text


def test_rows_from_before_names_were_protected_are_found(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(COLUMNS) + "\n=a.jpg,teddy,0.9,true,0.7,,abc,10,20\n")
    table = Table(path, "abc")
    assert table.has("=a.jpg", 10, 20)
    table.close()


@pytest.mark.parametrize(
    "text, why",
    [
        ("name,price\nbear,3\n", "another table"),
        (",".join(COLUMNS) + "\na.jpg,teddy,0.9,true,0.7,,another,10,20\n", "answers of another model"),
        (",".join(COLUMNS) + "\na.jpg,teddy\n", "cannot be gone on with"),
    ],
    ids=["other columns", "other model", "lacks fields"],
)
def test_file_of_somebody_else_stays_as_it_is(tmp_path, text, why):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(TableError, match=why):
        Table(tmp_path / "a.csv", "abc")
    assert (tmp_path / "a.csv").read_text() == text


def test_mistakes_get_one_sentence(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.csv").mkdir()
    for given, why in (
        ((tmp_path / "nowhere",), "There is no folder"),
        ((tmp_path / "empty",), "No photos under"),
        ((folder, "--out", tmp_path / "no" / "a.csv"), "cannot be written: No such file"),
        ((folder, "--out", tmp_path / "folder.csv"), "is no file"),
        ((folder, "--out", tmp_path / "a.csv", "--workers", 2), "--workers and --address belong to an engine"),
        ((folder, "--out", tmp_path / "a.csv", "--engine", "spark"), "--engine spark: one of dask, ray."),
        ((folder, "--export", tmp_path / "no.pkl"), "no.pkl"),
    ):
        run = run_module("classifier", *given)
        assert run.returncode == 1 and why in run.stderr and "Traceback" not in run.stderr, run.stderr
        assert len(run.stderr.splitlines()) == 1


def test_photo_that_could_not_be_read_is_asked_again(folder, tmp_path):
    table, model = tmp_path / "a.csv", Classifier.load(ROOT / "export.pkl").short_version
    run_module("classifier", folder, "--out", table)
    answered = rows(table)
    files = {"gone.jpg": "There is no file {}.", "=shut.jpg": "{} could not be read: Permission denied."}
    for name, error in files.items():
        path = shutil.copyfile(EXAMPLE, folder / name)
        stat = path.stat()
        text = row_of(str(path), error.format(path), model, stat.st_size, int(stat.st_mtime))
        with table.open("ab") as file:
            file.write(line_of(text))
    run = run_module("classifier", folder, "--out", table)
    assert ", 2 answered now," in run.stdout and len(rows(table)) == len(answered) + 2
    assert rows(table)[: len(answered)] == answered and {row["label"] for row in rows(table)[-2:]} == {"teddy"}
    assert not list(tmp_path.glob(".a.csv*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_second_command_that_writes_the_same_table_is_refused(tmp_path):
    table = Table(tmp_path / "a.csv", "model")
    with pytest.raises(TableError, match="Another command is writing"):
        Table(tmp_path / "a.csv", "model")
    table.close()
    Table(tmp_path / "a.csv", "model").close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be kept from writing")
def test_full_disk_gets_one_sentence_and_what_was_written_is_gone_on_with(folder, tmp_path):
    import resource

    out = tmp_path / "a.csv"
    for room in (30, 150, 250):
        run = run_module(
            "classifier",
            folder,
            "--out",
            out,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room)),
        )
        assert run.returncode == 1 and "cannot be written" in run.stderr and "Traceback" not in run.stderr, run.stderr
    assert run_module("classifier", folder, "--out", out).returncode == 0
    assert len(rows(out)) == 3


def test_each_label_has_a_column_where_it_is_asked_for(folder, tmp_path, expected):
    run = run_module("classifier", folder, "--out", tmp_path / "a.csv", "--all-labels")
    assert run.returncode == 0, run.stderr
    found = {os.path.basename(row["file"]): row for row in rows(tmp_path / "a.csv")}
    assert tuple(found["teddy.jpg"]) == (*COLUMNS, *(f"probability of {label}" for label in sorted(expected)))
    for label, probability in expected.items():
        assert float(found["teddy.jpg"][f"probability of {label}"]) == pytest.approx(probability, abs=1e-5)
        assert found["broken.jpg"][f"probability of {label}"] == ""
    run = run_module("classifier", folder, "--out", tmp_path / "a.csv")
    assert run.returncode == 1 and "is another table" in run.stderr, "a table has one kind of rows"


def test_decision_of_a_model_that_makes_one_has_a_column(folder, tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow.parquet", reason="pip install -r classifier/bulk/requirements.txt")
    from classifier.bulk.run import Wanted, answer_source

    export = str(tmp_path / "export.pkl")
    point = {"thresholds": [0.5, 0.5, 0.5]}
    (tmp_path / "export.pkl").write_bytes(with_fact((ROOT / "export.pkl").read_bytes(), "operating_point", point))
    decision = Classifier.load(export).predict(EXAMPLE).decision
    monkeypatch.setattr("classifier.folder_table.stop_on_interrupt", threading.Event)
    answer_folder(str(folder), str(tmp_path / "a.csv"), export, False)
    answer_source(Wanted(str(folder), str(tmp_path / "a.parquet"), export))
    for found in (rows(tmp_path / "a.csv"), pyarrow.read_table(tmp_path / "a.parquet").to_pylist()):
        by_name = {os.path.basename(row["file"]): row["decision"] for row in found}
        assert decision and by_name["teddy.jpg"] == decision and not by_name["broken.jpg"]


def test_photos_are_found_ahead_of_whoever_answers_them_and_the_walk_ends_with_it(tmp_path):
    for i in range(300):
        (tmp_path / f"{i}.jpg").touch()
    walk = Walk(str(tmp_path))
    photos = iter(walk)
    first = next(photos)
    until(lambda: walk.finished, 30)
    assert str(walk) == "300" and walk
    assert len({first, *photos}) == 300
    assert not Walk(str(tmp_path / "nowhere"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_photo_that_cannot_be_looked_at_hides_no_other(folder, capsys):
    before = set(photos_in(str(folder)))
    for i in range(5):
        (folder / f"circle-{i}.jpg").symlink_to(f"circle-{i}.jpg")
    assert set(photos_in(str(folder))) == before and len(before) == 3
    assert sorted(capsys.readouterr().err.splitlines()) == [
        f"{folder / f'circle-{i}.jpg'} is left out: {os.strerror(errno.ELOOP)}." for i in range(5)
    ]


def test_photo_that_goes_while_it_is_looked_at_hides_no_other(folder, monkeypatch, capsys):
    class Gone:
        name, path = "gone.jpg", str(folder / "gone.jpg")

        def is_dir(self, follow_symlinks: bool) -> bool:
            return False

        def is_file(self) -> bool:
            raise FileNotFoundError(self.path)

    before, scandir = set(photos_in(str(folder))), os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: nullcontext([Gone(), *scandir(path)]))
    assert set(photos_in(str(folder))) == before and capsys.readouterr().err == ""


def test_command_needs_only_what_serving_installs():
    code = (
        "import sys, classifier.__main__; print([name for name in ('torch', 'fastai', 'matplotlib', 'pandas', "
        "'gradio', 'training', 'web') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr
