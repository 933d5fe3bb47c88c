"""training/gather/sources/kaggle.py: Kaggle's own library, against the endpoints that it asks, on this machine."""

import csv
import io
import json
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from fastcore.script import CliError
from kagglesdk import kaggle_env

from helpers.photos import noisy_photo
from helpers.web import as_png
from training.gather.__main__ import main
from training.gather.sources.opening import opened_source
from training.gather.sources.options import ReadingOptions

PETS = "kaggle://ada/pets"
COMPETITION = "kaggle://competitions/pets"


def archive(**more: bytes) -> bytes:
    """Return the zip of a data set as competitions have it: 6 photos with a label, 3 to be labelled."""
    files = {f"train/a{i}.jpg": as_png(noisy_photo((200, 40, 40), i, (40, 30))) for i in range(6)}
    files |= {f"test/b{i}.jpg": as_png(noisy_photo((40, 40, 200), i, (40, 30))) for i in range(3)}
    files["train.csv"] = ("image_id,label\n" + "".join(f"a{i},{('cat', 'dog')[i % 2]}\n" for i in range(6))).encode()
    files["sample_submission.csv"] = ("image_id,label\n" + "".join(f"b{i},cat\n" for i in range(3))).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in (files | more).items():
            opened.writestr(name, content)
    return packed.getvalue()


class Endpoints(BaseHTTPRequestHandler):
    """What Kaggle answers: of a data set its version and licence, and its files as one archive."""

    kaggle: SimpleNamespace

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = self.path.rpartition("/")[2]
        self.kaggle.asked.append(name)
        if self.kaggle.status != 200:
            self.reply(self.kaggle.status, json.dumps({"message": "no"}).encode(), "application/json")
        elif name == "GetDataset":
            told = {"currentVersionNumber": 3, "licenseName": self.kaggle.licence}
            self.reply(200, json.dumps(told).encode(), "application/json")
        else:
            assert name in ("DownloadDataset", "DownloadDataFiles"), name
            self.reply(200, self.kaggle.archive, "application/zip")

    def reply(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """Kaggle on this machine, that the library in this process asks."""
    kaggle = SimpleNamespace(asked=[], status=200, archive=archive(), licence="CC0: Public Domain")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ItsEndpoints", (Endpoints,), {"kaggle": kaggle}))
    monkeypatch.setitem(
        kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, f"http://127.0.0.1:{server.server_port}"
    )
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLE_USERNAME", "ada")
    monkeypatch.setenv("KAGGLE_KEY", "0")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "no-account"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_API_ENVIRONMENT", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield kaggle
    server.shutdown()
    server.server_close()


def refused(where: str) -> str:
    with pytest.raises(CliError) as error, opened_source(where, ReadingOptions()):
        pass
    return str(error.value)


@pytest.mark.parametrize(
    "where, page", [(PETS, "datasets/ada/pets"), (COMPETITION, "competitions/pets")], ids=["data set", "competition"]
)
def test_a_data_set_arrives_with_its_labels_and_where_it_comes_from(kaggle, tmp_path, capsys, where, page):
    main(source=where, out=str(tmp_path / "out"))
    told = capsys.readouterr().out
    assert "6 photos new" in told and "3 photos left out: not named in the table" in told
    assert "sample_submission.csv was not read" in told
    rows = list(csv.DictReader((tmp_path / "out" / "sources.csv").open(newline="")))
    assert Counter(row["label"] for row in rows) == {"cat": 3, "dog": 3}
    assert {(row["source"], row["page"]) for row in rows} == {(where, f"https://www.kaggle.com/{page}")}
    assert {row["licence"] for row in rows} == {"CC0: Public Domain" if where == PETS else ""}


def test_a_data_set_is_downloaded_once(kaggle):
    for _ in range(2):
        with opened_source(PETS, ReadingOptions()) as found:
            assert found.count() == {("train", "cat"): 3, ("train", "dog"): 3}
    assert kaggle.asked.count("DownloadDataset") == 1


def test_a_table_of_kaggle_names_no_file_of_this_machine(kaggle, tmp_path):
    (tmp_path / "secret.png").write_bytes(as_png(noisy_photo((200, 40, 40), 99, (40, 30))))
    listed = f"image_id,label\n{tmp_path / 'secret.png'},secret\na0,cat\n".encode()
    kaggle.archive = archive(**{"train.csv": listed})
    with opened_source(PETS, ReadingOptions()) as found:
        assert found.count() == {("train", "cat"): 1}


@pytest.mark.parametrize(
    "status, says",
    [
        (401, "Kaggle asks for an account"),
        (403, "accept its rules there"),
        (404, "there is none of this name"),
        (429, "does not answer"),
        (503, "does not answer"),
    ],
)
@pytest.mark.parametrize("where", [PETS, COMPETITION], ids=["data set", "competition"])
def test_a_refusal_is_one_sentence(kaggle, where, status, says):
    kaggle.status = status
    said = refused(where)
    assert said.startswith(f"{where} cannot be had from Kaggle: ") and says in said and "\n" not in said


def test_a_kaggle_out_of_reach_is_one_sentence(monkeypatch, kaggle):
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://127.0.0.1:9")
    assert refused(PETS) == f"{PETS} cannot be had from Kaggle: Kaggle does not answer. Try again later."


def test_what_is_no_archive_is_one_sentence(kaggle):
    kaggle.archive = b"not a zip"
    assert refused(PETS) == f"{PETS} cannot be had from Kaggle: Unsupported archive type."


def test_a_competition_without_an_account_says_where_to_get_one(monkeypatch, kaggle):
    monkeypatch.delenv("KAGGLE_USERNAME")
    assert "Kaggle asks for an account. Make a token on https://www.kaggle.com/settings" in refused(COMPETITION)


def test_an_unknown_licence_is_none(kaggle, tmp_path):
    kaggle.licence = "Unknown"
    main(source=PETS, out=str(tmp_path / "out"))
    assert {row["licence"] for row in csv.DictReader((tmp_path / "out" / "sources.csv").open(newline=""))} == {""}
