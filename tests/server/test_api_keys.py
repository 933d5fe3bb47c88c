"""server/keys.py, limits/api_keys.py and key_check.py: who needs a key, who has one, and whom it counts for."""

import os
import subprocess
import sys

import pytest
import requests
from gradio_client import Client, handle_file
from starlette.datastructures import Headers

from helpers.api import run_predict
from helpers.apps import running_app
from helpers.paths import EXAMPLE, ROOT
from helpers.raw_http import PHOTO
from server.limits import api_keys
from server.limits.admission import AdmissionControl
from server.limits.api_keys import ApiKeys, KeysError, new_key, read_keys
from server.limits.key_check import ALWAYS, NEVER, OUTSIDE, KeyCheck
from server.operations import open_operations
from server.settings import Settings


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "server.keys", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def file(tmp_path):
    """A file with one key, and that key."""
    key, entry = new_key("school")
    path = tmp_path / "keys"
    path.write_text(f"# ours\n\n{entry.line}")
    return path, key


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


# -- the command --


def test_a_key_is_printed_once_and_kept_as_its_hash(tmp_path):
    path = tmp_path / "keys"
    added = command("--file", str(path), "add", "school-4b")
    key = added.stdout.strip()
    assert added.returncode == 0 and len(key) == 46 and key not in path.read_text() and key not in added.stderr
    assert ApiKeys(path).name_of(key) == "school-4b"
    assert command("--file", str(path), "list").stdout.startswith("school-4b")
    again = command("--file", str(path), "add", "school-4b")
    assert again.returncode == 1 and "Remove it first" in again.stderr
    assert command("--file", str(path), "remove", "school-4b").returncode == 0 and read_keys(path) == []
    assert command("--file", str(path), "list").stdout == f"{path} has no keys.\n"
    gone = command("--file", str(path), "remove", "school-4b")
    assert gone.returncode == 1 and "no key of school-4b" in gone.stderr and "Traceback" not in gone.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_comments_rights_and_the_other_keys_stay(file):
    path, key = file
    path.write_text(f"{path.read_text()}  # school pays until 2027\n")
    path.chmod(0o600)
    before = path.read_text()
    added = command("--file", str(path), "add", "other").stdout.strip()
    assert path.read_text().startswith(before) and ApiKeys(path).name_of(added) == "other"
    command("--file", str(path), "remove", "other")
    assert (
        path.read_text() == before and path.stat().st_mode & 0o777 == 0o600 and ApiKeys(path).name_of(key) == "school"
    )


@pytest.mark.parametrize("name", ["", "a b", "../x", "#", "ä", "x" * 65, "a\nb"])
def test_a_name_that_the_file_could_not_hold_is_refused(tmp_path, name):
    refused = command("--file", str(tmp_path / "keys"), "add", name)
    assert refused.returncode == 1 and "cannot be a name" in refused.stderr and not (tmp_path / "keys").exists()


@pytest.mark.parametrize("arguments", [["add"], ["list", "x"], ["revoke", "x"]])
def test_a_command_that_makes_no_sense_is_told_in_a_sentence(tmp_path, arguments):
    run = command("--file", str(tmp_path / "keys"), *arguments)
    assert run.returncode == 1 and run.stderr.count("\n") == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="pipes with a name are not of Windows")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "keys")
    for arguments in (["list"], ["add", "school"]):
        refused = command("--file", str(tmp_path / "keys"), *arguments)
        assert refused.returncode == 1 and "it is no file" in refused.stderr and not refused.stdout


# -- the file --


@pytest.mark.parametrize(
    "content, says",
    [
        (b"fg_somebody-pasted-a-key\n", "Line 1"),
        (b"# ours\nschool 0123\n", "Line 2"),
        (b"a b " + b"0" * 64, "Line 1"),
        (b"\xff\xfe\x00", "no text"),
    ],
    ids=["a key", "cut off", "two names", "binary"],
)
def test_a_file_that_says_anything_else_is_broken_and_not_shown(tmp_path, content, says):
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(KeysError, match=says) as error:
        ApiKeys(path)
    assert "fg_" not in str(error.value)
    with pytest.raises(KeysError, match="cannot be read"):
        ApiKeys(tmp_path / "none")


def test_a_file_that_changes_is_read_again_and_a_broken_one_refuses_all(file, caplog):
    (path, key), clock = file, Clock()
    keys = ApiKeys(path, clock)
    other, entry = new_key("other")
    path.write_text(path.read_text() + entry.line)
    assert keys.name_of(other) is None
    clock.now = 2
    assert keys.name_of(other) == "other" and keys.name_of(key) == "school"
    path.write_text("broken")
    clock.now = 4
    assert keys.broken and keys.name_of(key) is None and "Line 1" in caplog.text
    path.unlink()
    clock.now = 6
    assert keys.broken
    path.write_text(entry.line)
    clock.now = 8
    assert not keys.broken and keys.name_of(other) == "other" and keys.name_of(key) is None
    assert key not in caplog.text and other not in caplog.text


def test_a_file_that_changes_while_it_is_read_first_is_read_again(file, monkeypatch):
    (path, key), clock, read = file, Clock(), api_keys.read_keys

    def changed_after(given):
        entries = read(given)
        path.write_text("")
        return entries

    monkeypatch.setattr(api_keys, "read_keys", changed_after)
    keys = ApiKeys(path, clock)
    clock.now = 2
    assert keys.name_of(key) is None and not keys.broken


def test_a_file_that_an_editor_has_marked_as_utf_8_is_read(file):
    path, key = file
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert ApiKeys(path).name_of(key) == "school"


def test_every_entry_is_compared_however_soon_one_is_right(file, monkeypatch):
    path, key = file
    path.write_text(path.read_text() + "".join(new_key(f"n{i}")[1].line for i in range(5)))
    compared = []
    monkeypatch.setattr("server.limits.api_keys.hmac.compare_digest", lambda a, b: bool(compared.append(a)) or a == b)
    assert ApiKeys(path).name_of(key) == "school" and len(compared) == 6


# -- what a request brings --


def asked(file, required: int, headers: dict[str, str], sends_photo: bool = True) -> tuple[str, int | None]:
    client, error = KeyCheck(ApiKeys(file[0]), required).client(Headers(headers), "83.1.2.3", sends_photo)
    return client, error and error.status


PAGE = {"host": "bears.example", "origin": "https://bears.example"}
OTHER_PAGE = {"host": "bears.example", "origin": "https://other.example"}


def test_a_key_names_its_client_however_it_is_sent(file):
    for headers in (
        {"x-api-key": file[1]},
        {"authorization": f"Bearer {file[1]}"},
        {"authorization": f"bearer  {file[1]} "},
    ):
        for required in (NEVER, OUTSIDE, ALWAYS):
            assert asked(file, required, headers) == ("key school", None)


def test_without_a_key_only_the_own_page_is_answered(file):
    assert asked(file, OUTSIDE, {}) == asked(file, OUTSIDE, OTHER_PAGE) == ("83.1.2.3", 401)
    assert asked(file, OUTSIDE, {**PAGE, "sec-fetch-site": "cross-site"}) == ("83.1.2.3", 401)
    assert asked(file, OUTSIDE, {"sec-fetch-site": "same-origin"}) == asked(file, OUTSIDE, PAGE) == ("83.1.2.3", None)
    assert asked(file, ALWAYS, PAGE) == ("83.1.2.3", 401)
    assert asked(file, NEVER, {}) == asked(file, ALWAYS, {}, sends_photo=False) == ("83.1.2.3", None)


def test_a_wrong_key_is_refused_and_a_token_of_somebody_else_is_no_key(file):
    for required in (NEVER, OUTSIDE, ALWAYS):
        assert asked(file, required, {**PAGE, "x-api-key": "fg_wrong"}) == ("83.1.2.3", 401)
        assert asked(file, required, {**PAGE, "x-api-key": "ü\udcff"[:1]}) == ("83.1.2.3", 401)
    assert asked(file, OUTSIDE, {**PAGE, "authorization": "Bearer hf_of_a_private_space"}) == ("83.1.2.3", None)
    assert asked(file, OUTSIDE, {"authorization": "Basic Zm9v"}) == ("83.1.2.3", 401)


def test_while_the_file_is_broken_nobody_is_answered_who_needs_a_key(file):
    path, key = file
    clock = Clock()
    check = KeyCheck(ApiKeys(path, clock), OUTSIDE)
    path.write_text("broken")
    clock.now = 2
    for headers in ({}, {"x-api-key": key}):
        assert check.client(Headers(headers), "83.1.2.3", True)[1].status == 503
    assert check.client(Headers(PAGE), "83.1.2.3", True)[1] is None and "cannot be checked" in check.problem


def test_keys_have_a_limit_of_their_own():
    admission = AdmissionControl(Settings(max_per_minute=1, key_per_minute=3))
    assert [admission.admit_request("key school") is None for _ in range(4)] == [True, True, True, False]
    assert [admission.admit_request("83.1.2.3") is None for _ in range(2)] == [True, False]
    assert "3 a minute" in admission.admit_request("key school").message


# -- with the app --


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """An app that wants keys, the file of them, one of them, and its log."""
    folder = tmp_path_factory.mktemp("guarded")
    path, log = folder / "keys", folder / "log"
    key = command("--file", str(path), "add", "school").stdout.strip()
    limits = {"MAX_PER_MINUTE": "20", "KEY_PER_MINUTE": "0", "PROXIES": "1"}
    with running_app(log=log, API_KEYS_FILE=str(path), LOG_LEVEL="DEBUG", **limits) as url:
        yield url, path, key, log


def classify(url: str, **headers: str) -> requests.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{url}/classify", data=PHOTO, headers=sent, timeout=60)


def test_who_sends_a_photo_needs_a_key(guarded):
    url, _, key, log = guarded
    refused = classify(url)
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert "key is needed" in refused.json()["error"]
    assert classify(url, x_api_key="fg_wrong").status_code == 401
    assert run_predict(url, {"url": "data:image/png;base64,"}).status_code == 401
    for headers in ({"x_api_key": key}, {"authorization": f"Bearer {key}"}):
        assert classify(url, **headers).json()["label"] == "teddy"
    for path in ("/health", "/", "/gradio_api/info"):
        assert requests.get(f"{url}{path}", timeout=30).status_code == 200
    assert key not in log.read_text() and "fg_wrong" not in log.read_text()


def test_the_pages_own_calls_need_none(guarded):
    assert classify(guarded[0], origin=guarded[0]).json()["label"] == "teddy"
    assert classify(guarded[0], origin="https://other.example").status_code == 401


def test_gradios_client_sends_a_key_as_a_header(guarded):
    url, _, key, _ = guarded
    client = Client(url, verbose=False, headers={"X-API-Key": key})
    assert client.predict(handle_file(str(EXAMPLE)), api_name="/classify_photo")["label"] == "teddy"


def test_a_key_is_counted_by_its_name_and_an_address_by_itself(guarded):
    url, _, key, _ = guarded
    elsewhere = {"x_forwarded_for": "83.1.2.3"}
    assert {classify(url, x_api_key=key, **elsewhere).status_code for _ in range(25)} == {200}
    assert {classify(url, x_api_key="fg_guessed", **elsewhere).status_code for _ in range(25)} == {401, 429}


def test_an_app_whose_keys_cannot_be_read_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setenv("API_KEYS_FILE", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match=r"The app cannot start\. The keys in .* cannot be read"):
        open_operations(Settings(), None)


def test_the_pages_answer_in_a_browser_without_a_key(guarded, browser):
    page = browser.new_page()
    page.goto(f"{guarded[0]}/many")
    page.locator("input").first.set_input_files(str(EXAMPLE))
    page.locator("#rows td", has_text="teddy").first.wait_for()
    page.goto(guarded[0])
    page.get_by_text("Show me a photo").wait_for()
    page.locator("input[type=file]").first.set_input_files(str(EXAMPLE))
    page.locator("[data-testid=label-output-value]", has_text="teddy").wait_for()
    page.close()
