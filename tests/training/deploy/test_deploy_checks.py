"""training/deploy: what is wrong with a Space is reported before anything is sent, with its fix."""

import hashlib
import json

import pytest

from helpers.paths import ROOT
from training.deploy import account_checks
from training.deploy import checks as preflight
from training.deploy.lean import without_torch
from training.deploy.manifest import CPU, ZERO_GPU, for_hardware, serving_files, with_key
from training.deploy.metadata import metadata_check
from training.deploy.smoke_test import smoke_test

FREE = {"name": "me", "isPro": False, "emailVerified": True, "orgs": [{"name": "club"}]}
PRO = {**FREE, "isPro": True}


@pytest.fixture(scope="module")
def files():
    return serving_files(ROOT)


def readme_with(files, key: str, value: str) -> dict[str, bytes]:
    return {**files, "README.md": with_key(files["README.md"].decode(), key, value).encode()}


def test_the_project_as_it_is_has_no_problem(files):
    zero_gpu = for_hardware(files, ZERO_GPU, ["me/model"], ["me/data"])
    for fit in (files, for_hardware(files, CPU), zero_gpu, without_torch(zero_gpu)):
        checks = [check(fit) for check in (metadata_check, preflight.pins, preflight.export, preflight.contents)]
        assert not [check for check in checks if check.problem]


@pytest.mark.parametrize(
    "key, value, problem",
    [
        ("sdk", "docker", "sdk has to be gradio"),
        ("sdk_version", "5.0.0", "sdk_version has to be"),
        ("python_version", "3.10", "in quotes"),
        ("python_version", '"3.14"', "python_version"),
        ("app_file", "main.py", "app_file"),
        ("colorFrom", "brown", "colorFrom"),
        ("title", '""', "title"),
        ("short_description", "x" * 61, "60 characters"),
        ("license", "[", "not YAML"),
        ("app_file", "[app.py]", "app_file"),
        ("colorTo", "[red]", "colorTo"),
        ("date", "2026-13-41", "not YAML"),
    ],
)
def test_metadata_that_a_space_cannot_read_is_named(files, key, value, problem):
    check = metadata_check(readme_with(files, key, value))
    assert problem in check.problem and check.fix and str(check).startswith("  NO  README metadata: ")


def test_a_readme_without_metadata_is_named(files):
    assert "does not begin" in metadata_check({**files, "README.md": b"# Bears"}).problem
    assert "does not begin" in metadata_check({}).problem


def test_keys_are_set_and_all_else_stays():
    readme = "---\ntitle: A\ntags:\n  - one\n  - two\nlicense: mit\n---\n\ntags: of the text\n---\n"
    assert with_key(readme, "tags", "\n  - three") == readme.replace("  - one\n  - two\n", "  - three\n")
    assert with_key(readme, "models", "\n  - m") == readme.replace("license: mit\n", "license: mit\nmodels:\n  - m\n")


def test_other_libraries_than_made_the_export_are_named(files):
    other = {**files, "requirements.txt": files["requirements.txt"].replace(b"fastai==2.8.12", b"fastai==2.7.19")}
    assert preflight.pins(other).problem == "fastai 2.8.12 made it, 2.7.19 is pinned"
    other = {**files, "pre-requirements.txt": b"torch==2.12.0\n"}
    assert "pre-requirements.txt pins torch 2.12.0" in preflight.pins(other).problem
    assert "not compared" in preflight.pins({**files, "export.pkl": b"of somebody else"}).detail
    assert preflight.pins({**files, "metrics.json": b"{"}).problem == "metrics.json is not JSON"


def test_requirements_that_are_no_text_are_told(files):
    other = {**files, "requirements.txt": "gradio==6.31.0".encode("utf-16")}  # as PowerShell's > writes them
    assert "requirements.txt has to pin gradio" in metadata_check(other).problem
    assert preflight.pins(other).problem


@pytest.mark.parametrize("name", ["export.pkl", "export.onnx"])
def test_a_pointer_in_the_place_of_a_model_is_told(files, name):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    check = preflight.export({**files, name: pointer})
    assert f"{name} is a Git LFS pointer" in check.problem and check.fix == "git lfs pull"


def test_a_large_model_travels_by_xet_or_lfs(files):
    large = {**files, "export.pkl": bytes(14_500_000)}
    assert preflight.export(large).detail == "14.5 MB, through Xet"
    assert "not there" in preflight.export({}).problem


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("server/settings.py", b"TOKEN = 'hf_" + b"a" * 34 + b"'", "a Hugging Face token"),
        ("app.py", b"key = 'AKIA" + b"A" * 16 + b"'", "an AWS key"),
        ("README.md", b"-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("app.py", b"my-own-token", "your token"),
        ("server/page.js", b"'hf_" + b"a" * 34 + b"'", "a Hugging Face token"),
        ("requirements.txt", "gradio==6.31.0".encode("utf-16"), "requirements.txt is not UTF-8"),
        ("server/texts.py", bytes(11_000_000), "11 MB"),
        ("app.py", None, "app.py is missing"),
    ],
)
def test_secrets_and_large_or_missing_files_are_named(files, name, content, problem):
    changed = {**files, name: content}
    if content is None:
        del changed[name]
    check = preflight.contents(changed, token="my-own-token")
    assert problem in check.problem and name in check.problem + check.fix
    assert b"my-own-token" not in str(check).encode()


def test_a_dataset_among_the_examples_is_told(files):
    many = {**files, **{f"examples/{i}.jpg": b"a photo" for i in range(40)}}
    assert "looks like a dataset" in preflight.contents(many).problem
    validated = json.dumps({"valid_sha256": [hashlib.sha256(files["examples/black-1.jpg"]).hexdigest()]})
    check = preflight.contents({**files, "metrics.json": validated.encode()})
    assert check.problem == "photos of the dataset are among it: examples/black-1.jpg"


@pytest.mark.parametrize(
    "who, owner, hardware, problem",
    [
        (FREE, "me", CPU, "needs PRO"),
        (FREE, "me", ZERO_GPU, ""),
        (PRO, "me", CPU, ""),
        (FREE, "club", CPU, ""),
        ({**FREE, "emailVerified": False}, "me", ZERO_GPU, "verified"),
    ],
)
def test_what_an_account_may_create_is_told_beforehand(who, owner, hardware, problem):
    check = account_checks.may_create(who, owner, hardware, exists=False)
    assert problem in check.problem and bool(problem) == bool(check.problem)
    assert not account_checks.may_create(who, owner, hardware, exists=True).problem


def test_a_new_space_goes_where_it_costs_nothing():
    assert account_checks.hardware_for(FREE, "me") == ZERO_GPU
    assert account_checks.hardware_for(PRO, "me") == account_checks.hardware_for(FREE, "club") == CPU


@pytest.mark.parametrize(
    "token, may",
    [
        ({"role": "write"}, True),
        ({"role": "read"}, False),
        ({"role": "fineGrained", "fineGrained": {"scoped": [{"permissions": ["repo.write"]}]}}, True),
        ({"role": "fineGrained", "fineGrained": {"scoped": [{"permissions": ["repo.content.read"]}]}}, False),
        (
            {
                "role": "fineGrained",
                "fineGrained": {"scoped": [{"entity": {"type": "user", "name": "me"}, "permissions": ["repo.write"]}]},
            },
            True,
        ),
        (
            {
                "role": "fineGrained",
                "fineGrained": {"scoped": [{"entity": {"type": "org", "name": "club"}, "permissions": ["repo.write"]}]},
            },
            False,
        ),
    ],
    ids=["write", "read", "fine-write", "fine-read", "fine-write-here", "fine-write-elsewhere"],
)
def test_a_token_that_may_not_write_is_told_apart(token, may):
    assert bool(account_checks.account({**FREE, "auth": {"accessToken": token}}, "me").problem) != may


def test_a_reader_of_an_organisation_is_told():
    reader = {**FREE, "orgs": [{"name": "club", "roleInOrg": "read"}]}
    assert "may read but not write in the organisation club" in account_checks.account(reader, "club").problem
    assert not account_checks.account({**FREE, "orgs": [{"name": "club", "roleInOrg": "contributor"}]}, "club").problem


def test_pictures_that_the_readme_shows_are_sent_and_no_others(tmp_path):
    (tmp_path / "README.md").write_text(
        '![one](pics/one.png) ![two](./pics/two.svg "a title") <img width="9" src="pics/three.jpg"> '
        "![](https://example.com/four.png) ![](../five.png) ![](.env) ![](data.csv) ![](pics/gone.png) "
        "[six](pics/six.png)"
    )
    (tmp_path / "pics").mkdir()
    for other in ("pics/one.png", "pics/two.svg", "pics/three.jpg", "pics/six.png", "../five.png", ".env", "data.csv"):
        (tmp_path / other).write_text("x")
    assert list(serving_files(tmp_path)) == ["README.md", "pics/one.png", "pics/two.svg", "pics/three.jpg"]


def test_the_serving_files_alone_answer_with_zero_gpus_package_in_place(files):
    check, answer = smoke_test(for_hardware(files, ZERO_GPU), ZERO_GPU)
    assert not check.problem and answer["label"] == "black"
    assert answer["model_version"] == hashlib.sha256((ROOT / "export.pkl").read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize(
    "changed, problem",
    [
        ({"app.py": b"import training"}, "No module named 'training'"),
        ({"app.py": b"import sys; sys.exit('no luck')"}, "no luck"),
    ],
    ids=["needs-training", "ends"],
)
def test_an_app_that_does_not_start_alone_is_told_by_its_last_words(files, changed, problem):
    check, answer = smoke_test({**files, **changed}, CPU)
    assert problem in check.problem and answer is None


def test_an_app_that_gives_zero_gpu_no_function_is_told(files):
    changed = files["server/startup.py"].replace(b'if os.environ.get("SPACES_ZERO_GPU"):', b"if False:")
    check, _ = smoke_test({**files, "server/startup.py": changed}, ZERO_GPU)
    assert "@spaces.GPU" in check.problem
