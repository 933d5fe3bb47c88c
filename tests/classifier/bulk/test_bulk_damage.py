"""classifier/bulk/job.py and places.py: full disks, damage and what is out of reach get one sentence."""

import json
import os
from functools import partial

import pytest
from fastcore.script import CliError

from classifier import Classifier
from classifier.bulk import job, worker
from classifier.bulk.job import Options, open_job
from classifier.bulk.run import Wanted, answer_source
from helpers.bulk import (
    EXPORT,
    ON_LINUX,
    answer,
    answered,
    counts,
    refused,
    rows_in,
)
from helpers.paths import ROOT, TRAINED


@ON_LINUX
def test_full_disk_gets_one_sentence_and_what_was_written_is_gone_on_with(photos, tmp_path):
    import resource

    out = tmp_path / "out"
    for room in (100, 30_000):  # bytes of a file: less than each of the model's two
        limited = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
        said = answered(photos, out, "--part-size", 4, code=1, preexec_fn=limited)
        assert f"{out} cannot be written: File too large." in said and said.count("\n") == 1
    assert counts(answered(photos, out, "--part-size", 4)) == (20, 20, 20, 0)


def test_parts_that_cannot_be_written_stop_the_run(photos, tmp_path, capsys, monkeypatch):
    from classifier.bulk.places import Place

    write = Place.write

    def full(self, name, data):
        if name.startswith("parts/"):
            raise OSError(28, "No space left on device")
        write(self, name, data)

    monkeypatch.setattr(Place, "write", full)
    said = refused(photos, tmp_path / "out", part_size=1)
    assert said == "20 of 20 parts are left: No space left on device. The same command goes on."
    assert counts(capsys.readouterr().out) == (0, 20, 0, 0)
    assert not list((tmp_path / "out" / "trying").iterdir()), "nobody died of those"
    monkeypatch.undo()
    assert counts(answer(photos, tmp_path / "out", capsys, part_size=1)) == (20, 20, 20, 0)


def test_out_that_cannot_be_written_is_told_before_the_source_is_listed(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"{out} cannot be written: " in refused("memory://nothing", out)
    if os.geteuid():
        (tmp_path / "read-only").mkdir(mode=0o500)
        assert "cannot be written: Permission denied" in refused("memory://nothing", tmp_path / "read-only")


@pytest.mark.parametrize("name", ["job.json", "list.parquet"])
@pytest.mark.parametrize("damage", [b"", b"{", b"PAR1", b'{"model": 3}'], ids=["empty", "cut", "magic", "other"])
def test_damaged_job_gets_one_sentence(photos, tmp_path, capsys, name, damage):
    answer(photos, tmp_path / "out", capsys)
    (tmp_path / "out" / name).write_bytes(damage)
    job._read_job.cache_clear()
    assert f"{name} is damaged" in refused(photos, tmp_path / "out")
    if name == "list.parquet":
        assert counts(answer(photos, tmp_path / "out", capsys, relist=True)) == (20, 20, 0, 20)


@pytest.mark.parametrize("name", ["job.json", "list.parquet", "parts"])
def test_out_that_is_out_of_reach_is_not_said_to_be_damaged(photos, tmp_path, capsys, monkeypatch, name):
    from classifier.bulk.places import Place

    answer(photos, tmp_path / "out", capsys)

    def away(method):
        def asked(self, asked_for, *arguments):
            if asked_for == name:
                raise OSError(113, "No route to host")
            return method(self, asked_for, *arguments)

        return asked

    for method in ("read", "names"):
        monkeypatch.setattr(Place, method, away(getattr(Place, method)))
    job._read_job.cache_clear()
    below = "" if name == "parts" else f"/{name}"
    assert refused(photos, tmp_path / "out") == f"{tmp_path / 'out'}{below} cannot be read: No route to host."


def test_list_damaged_in_its_middle_is_a_problem_of_its_parts(photos, tmp_path, capsys):
    options = Options(Classifier.load(EXPORT).short_version, False, 4, str(photos))
    found = open_job(str(tmp_path / "out"), str(EXPORT), options, False)
    data = bytearray((tmp_path / "out" / "list.parquet").read_bytes())
    data[4:60] = b"\0" * 56
    (tmp_path / "out" / "list.parquet").write_bytes(data)
    job._read_job.cache_clear()
    assert isinstance(worker.answer_part(str(tmp_path / "out"), found.parts[0]), str)
    assert "of 20 photos" in answer(photos, tmp_path / "out", capsys, relist=True)


def test_export_that_is_none_begins_nothing(photos, tmp_path):
    (tmp_path / "export.pkl").write_bytes(b"no export")
    assert "export.pkl" in refused_export(photos, tmp_path / "out", tmp_path / "export.pkl")
    assert not (tmp_path / "out").exists()


def refused_export(source, out, export) -> str:
    with pytest.raises(CliError) as error:
        answer_source(Wanted(str(source), str(out), str(export)))
    return str(error.value)


def test_model_stays_with_the_job_when_the_export_is_replaced(photos, tmp_path, capsys):
    import shutil

    for name in ("export.pkl", "export.onnx"):
        shutil.copy(TRAINED / name, tmp_path / name)
    wanted = {"source": str(photos), "out": str(tmp_path / "out"), "export": str(tmp_path / "export.pkl")}
    answer_source(Wanted(**wanted, part_size=4, shard="1/2"))
    for name in ("export.pkl", "export.onnx"):
        shutil.copy(ROOT / name, tmp_path / name)
    with pytest.raises(CliError, match="holds answers of another model"):
        answer_source(Wanted(**wanted, part_size=4))
    assert {row["model"] for row in rows_in(tmp_path / "out").values()} == {Classifier.load(EXPORT).short_version}


def test_options_of_a_job_are_on_disk_in_plain_text(photos, tmp_path, capsys):
    answer(photos, tmp_path / "out", capsys)
    facts = json.loads((tmp_path / "out" / "job.json").read_text())
    assert facts["source"] == str(photos) and facts["part_size"] == 4 and facts["folder"] == os.getcwd()
