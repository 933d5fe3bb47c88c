"""server/settings.py: limits out of the environment, and what wrong ones are told."""

import os
import re
import subprocess
import sys

import pytest

from helpers.paths import ROOT
from server.settings import Settings

CLAIM = """
import sys, time
from pathlib import Path
from server.startup import own_uploads_folder
print(own_uploads_folder(Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


def test_defaults_are_what_the_documentation_tells():
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d.]*)", (ROOT / "docs/reference/settings.md").read_text(), re.M))
    for name, value in vars(Settings()).items():
        assert told[name.upper()] == "" if value == "" else float(told[name.upper()]) == value, name


def test_environment_overrides_each_default():
    settings = Settings.from_environment({"MAX_UPLOAD_MB": "0.5", "MAX_FILES": "3", "MAX_PER_MINUTE": "0"})
    assert (settings.max_upload_mb, settings.max_files, settings.max_per_minute) == (0.5, 3, 0)
    assert settings.upload_bytes == 500_000 and settings.call_bytes == 2_500_000


@pytest.mark.parametrize(
    "name, text",
    [
        ("MAX_UPLOAD_MB", "many"),
        ("MAX_UPLOAD_MB", "-1"),
        ("MAX_UPLOAD_MB", "nan"),
        ("MAX_FILES", "0"),
        ("MAX_FILES", "2.5"),
        ("MAX_SECONDS", "inf"),
        ("MAX_WAITING", "1e99"),
        ("PROXIES", "-1"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_and_the_default_taken(caplog, name, text):
    assert Settings.from_environment({name: text}) == Settings()
    assert name in caplog.text and text in caplog.text


def test_origins_that_may_frame_the_page_are_checked(caplog):
    def given(text: str) -> str:
        return Settings.from_environment({"FRAME_ANCESTORS": text}).frame_ancestors

    right = "https://lessons.example https://*.school.example:8443 http://10.0.0.7:8080"
    assert given(right) == right == given(right.replace(" ", ", ")) and not caplog.text
    for wrong in (
        "lessons.example",
        "*",
        "https://a.example;script-src",
        "https://a.example/path",
        "'none'",
        "https://a.example\nSet-Cookie:x",
        "data:",
        "https://",
    ):
        assert given(f"https://a.example {wrong}").split()[0] == "https://a.example"
        assert not set(given(wrong)) & set(";'\n/") - {"/"} and "FRAME_ANCESTORS" in caplog.text
    assert given("* data: lessons.example") == ""


def test_on_spaces_one_proxy_is_believed_unless_the_owner_says_otherwise():
    assert Settings.from_environment({}).proxies == 0
    assert Settings.from_environment({"SPACE_ID": "me/bears"}).proxies == 1
    assert Settings.from_environment({"SPACE_ID": "me/bears", "PROXIES": "0"}).proxies == 0
    assert Settings.from_environment({"SPACE_ID": "me/bears", "PROXIES": "x"}).proxies == 1


def test_each_app_has_a_folder_of_uploads_of_its_own_and_the_next_takes_up_a_killed_ones(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}

    def app(project: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIM, tmp_path / project],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        return process, process.stdout.readline()

    apps = [app("bears"), app("bears"), app("cats")]
    assert len({folder for _, folder in apps}) == 3
    apps[0][0].kill()
    apps[0][0].wait()
    apps.append(app("bears"))
    assert apps[-1][1] == apps[0][1]
    for process, _ in apps:
        process.kill()
        process.communicate()
