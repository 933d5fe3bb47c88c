"""training/deploy: the browser edition as a static Space, from nothing to the answer of its page; what fails."""

import hashlib
import json
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from itertools import repeat

import pytest
import yaml
from fastcore.script import CliError

from classifier.files import sha256
from helpers.hub_stub import deployed_to_hub
from helpers.paths import ROOT
from training.deploy import browser, checks, live_site, precheck, site, space
from training.deploy.__main__ import main
from training.deploy.checks import Check
from training.deploy.manifest import SITE_NEEDED, serving_files
from training.deploy.metadata import metadata_check
from training.deploy.smoke_test import NoAnswer
from training.static.runtime import LIBHEIF, ONNX_RUNTIME, cache_folder

GRADIO = {"label": "black", "probabilities": {"black": 0.9, "teddy": 0.1}, "model_version": "abcdef012345"}


@pytest.fixture(scope="module")
def built() -> dict[str, bytes]:
    """The files of the browser edition of the committed export."""
    for package in (ONNX_RUNTIME, LIBHEIF):
        kept = cache_folder() / f"{package.name}-{package.version}"
        if not all((kept / file.name).is_file() for file in package.files):
            pytest.skip(f"{kept} is not here: python -m training.static --out FOLDER fetches it once")
    check, files = site.built_site(ROOT, [], [])
    assert not check.problem
    return files


@pytest.fixture(scope="module")
def answer(built) -> dict:
    """What the committed export says of the first example."""
    return site.python_answer(built, sha256(ROOT / "export.pkl"))[1]


@pytest.fixture
def hub(monkeypatch):
    with deployed_to_hub(monkeypatch) as hub:
        hub.answers = [GRADIO]
        yield hub


@pytest.fixture
def quick(monkeypatch, built, answer):
    """Both kinds of app are taken to answer here, and there is no browser; returns the files of the site, to change."""
    files = dict(built)
    monkeypatch.setattr(
        precheck, "built_site", lambda root, models, datasets: (Check("browser edition", "built"), files)
    )
    monkeypatch.setattr(precheck, "site_check", lambda files, sha256: (Check("the page, alone", "answers"), answer))
    monkeypatch.setattr(precheck, "smoke_test", lambda files, hardware: (Check("the app, alone", "answers"), GRADIO))
    monkeypatch.setattr(browser, "browser_path", lambda: None)
    return files


def run(**options) -> None:
    main("me/bears", **options)


def fails(what: str, **options) -> str:
    """Return what a deployment that fails says last."""
    with pytest.raises(CliError, match=what) as error:
        run(**options)
    return str(error.value)


def newcomer(hub) -> None:
    """Make the account one of yesterday that pays nothing."""
    hub.who["isPro"] = False
    hub.created = f"{datetime.now(timezone.utc) - timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000Z"


def test_a_newcomer_is_online_by_one_command(hub, built, capsys, monkeypatch):
    """The site is the one that was built for these tests; where there is a browser, it asks the page."""
    monkeypatch.setattr(precheck, "built_site", lambda *_: (Check("browser edition", "built"), built))
    newcomer(hub)
    run()
    assert hub.space().sdk == "static" and hub.space().hardware is None
    assert hub.space().files == {**built, ".gitattributes": hub.space().files[".gitattributes"]}
    said = capsys.readouterr().out
    assert "a static one, since a free account younger than 30 days, as me's, gets no Gradio Space;" in said
    assert f"created {hub.url}/spaces/me/bears as a static Space" in said and f"{hub.url}/page/me/bears\n" in said
    if browser.browser_path():
        assert "examples/black-1.jpg is black, 99.5%, model 1afd1fea8099, in the browser as in Python" in said
        assert "  examples/black-1.jpg is black, 99.5%, model 1afd1fea8099, in the browser\n" in said
        assert said.splitlines()[-1].startswith(f"me/bears answers as here: {len(built) - 1} files new, 1 changed, 1")


def test_an_account_with_two_spaces_on_zero_gpu_gets_a_static_one(hub, quick, capsys):
    hub.who["isPro"] = False
    main("me/one")
    main("me/two")
    assert hub.space("me/one").hardware == hub.space("me/two").hardware == "zero-a10g"
    run()
    assert hub.space().sdk == "static" and "at most 2 Spaces on ZeroGPU, and me has them" in capsys.readouterr().out


@pytest.mark.parametrize("status", [402, 403])
def test_a_gradio_space_that_the_hub_refuses_becomes_a_static_one(hub, quick, status, capsys):
    hub.failures["create"] = iter([status])
    run()
    assert hub.space().sdk == "static" and "site.json" in hub.space().files and "app.py" not in hub.space().files
    said = capsys.readouterr().out
    assert (
        f"the Hub refuses this account a Gradio Space (HTTP {status}), and every account may have static ones" in said
    )


def test_hardware_that_was_asked_for_is_not_given_up(hub, quick, capsys):
    newcomer(hub)
    hub.failures["create"] = iter([402])
    assert fails("wants PRO", hardware="zero-a10g").endswith("Nothing was created or sent.")
    assert not hub.repos


def test_where_static_spaces_are_refused_too_nothing_is_created(hub, quick):
    hub.failures["create"] = repeat(403)
    assert fails("may not do that").endswith("Nothing was created or sent.") and not hub.repos


def test_where_the_hub_does_not_tell_the_account_its_creation_does(hub, quick):
    hub.who["isPro"], hub.created = False, None
    hub.failures |= {"spaces": repeat(500), "create": iter([402])}
    run()
    assert hub.space().sdk == "static"


def test_a_gradio_space_that_is_there_stays_one(hub, quick):
    run()
    newcomer(hub)
    run()
    assert hub.space().sdk == "gradio" and "app.py" in hub.space().files


def test_static_puts_the_browser_edition_in_the_place_of_the_app_and_rollback_brings_it_back(hub, quick, capsys):
    run()
    before = hub.space().files
    run(static=True)
    assert "the browser edition takes the place of the Gradio app" in capsys.readouterr().out
    assert "app.py" not in hub.space().files and "site.json" in hub.space().files
    hub.answers = [{**GRADIO, "model_version": sha256(ROOT / "export.pkl")[:12]}]
    run(rollback=True)
    assert hub.space().files == before


def test_a_static_space_stays_one_and_gets_only_what_changed(hub, quick, capsys):
    run(static=True)
    hub.uploaded.clear()
    quick["page.css"] += b"\n"
    run()
    said = capsys.readouterr().out
    assert "it is there already, a static one" in said and "0 files new, 1 changed, 0 deleted" in said
    assert not hub.uploaded
    run()
    assert "nothing to send" in capsys.readouterr().out


def test_rollback_puts_the_site_before_back_and_compares_it(hub, quick, capsys):
    for i in range(3):
        quick["model.onnx"] += bytes(i)
        quick["site.json"] += b"\n"
        run(static=True)
    run(rollback=True)
    assert hub.space().files == hub.space().commits[2][2]
    run(rollback=True, dry_run=True)
    assert f"Would put back version {hub.space().commits[1][0][:12]}" in capsys.readouterr().out
    run(rollback=True)
    assert hub.space().files == hub.space().commits[1][2]
    assert "Nothing was changed" in fails("no earlier version", rollback=True)
    hub.pages = [{"site.json": b"{}"}]
    run(static=True, dry_run=True)
    quick["page.css"] += b"\n"
    hub.pages = []
    run()
    hub.pages = [{"model.onnx": b"another"}]
    assert "are back, as" in fails(r"model\.onnx is not the one that was sent", rollback=True, minutes=0.001)


def test_the_version_before_is_not_taken_for_the_new_one(hub, quick):
    run(static=True)
    old = dict(hub.space().files)
    quick["site.json"] += b"\n"
    hub.pages = [old, old, {}]
    run()
    assert hub.pages == [{}]


@pytest.mark.parametrize(
    "page, says",
    [
        ({"model.onnx": b"another"}, r"model\.onnx is not the one"),
        ({"service-worker.js": b"another"}, r"service-worker\.js is not the one"),
        ({"index.html": b"<html><head></head></html>"}, r"index\.html is not the one"),
        ({"site.json": None}, r"site\.json: HTTP 404"),
    ],
)
def test_a_page_that_never_is_what_was_sent_is_an_error(hub, quick, page, says):
    hub.pages = [page]
    assert "The files are there as version" in fails(
        rf"does not serve what it should: {says}", static=True, minutes=0.001
    )


def test_a_wrong_answer_of_the_live_page_is_an_error(hub, quick, answer, monkeypatch):
    wrong = {**answer, "probabilities": {**answer["probabilities"], "black": 0.5}}
    monkeypatch.setattr(live_site, "ask_page", lambda url, example: wrong)
    said = fails("answers otherwise than this folder: of examples/black-1.jpg, black has 99", static=True)
    assert "The files are there as version" in said


def test_a_live_page_that_does_not_load_is_asked_again_and_one_that_is_broken_is_an_error(
    hub, quick, answer, monkeypatch
):
    answers = iter([NoAnswer("cut", wait=True), answer])
    monkeypatch.setattr(live_site, "ask_page", lambda url, example: given(next(answers)))
    run(static=True)
    answers = iter([NoAnswer("the page says: no")])
    fails("does not answer as it should: the page says: no", static=True)


def given(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_without_a_browser_the_files_are_compared_and_that_is_said(hub, quick, capsys):
    run(static=True)
    said = capsys.readouterr().out
    assert "its files are those that were sent; the page itself was not asked, since there is no browser here" in said
    assert said.splitlines()[-1].startswith("me/bears serves these files: ")


def test_a_private_site_is_compared_with_the_token(hub, quick, monkeypatch, capsys):
    monkeypatch.setattr(live_site, "ask_page", lambda url, example: 1 / 0)
    run(static=True, private=True)
    said = capsys.readouterr().out
    assert hub.space().private and "since the Space is private" in said and hub.token not in said


def test_what_was_created_and_stayed_empty_is_gone_on_with(hub, quick):
    hub.failures["commit"] = repeat("cut")
    assert "was created and is empty" in fails("connection broke", static=True)
    assert "style.css" in hub.space().files, "the Hub's own"
    hub.failures.clear()
    run()
    assert "site.json" in hub.space().files and "style.css" not in hub.space().files


def test_somebody_elses_page_is_not_overwritten_unless_told_to(hub, quick, capsys):
    run(static=True)
    hub.space().commit("mine", {"README.md": quick["README.md"], "index.html": b"my poems"})
    fails("1 of the checks")
    assert "holds another app (index.html)" in capsys.readouterr().out
    run(replace=True)
    assert hub.space().files["index.html"] == quick["index.html"]


def test_a_static_space_runs_on_no_hardware(hub, quick, capsys):
    fails("leave --hardware out", static=True, hardware="cpu-basic")
    assert not hub.asked
    run(static=True)
    fails("1 of the checks", hardware="cpu-basic")
    assert "me/bears is a static Space, which runs on no hardware" in capsys.readouterr().out


def test_dry_run_shows_the_site_and_sends_nothing(hub, quick, capsys):
    newcomer(hub)
    run(dry_run=True)
    said = capsys.readouterr().out
    assert not hub.repos and "me/bears would be created as a static Space" in said and "\n  + site.json\n" in said
    assert said.count("  ok  ") == 6


def test_the_model_goes_to_its_own_repository_beside_a_static_space(hub, quick):
    run(static=True, model="me/bear-model", dataset="club/bears")
    model = hub.repos["model", "me/bear-model"].files
    assert model["model.pkl"] == (ROOT / "export.pkl").read_bytes() and b"library_name: fastai" in model["README.md"]


# What is sent


def test_the_site_has_no_problem_and_names_what_it_is_made_of(built):
    assert metadata_check(built, "static").detail == "static"
    check = checks.contents(built, "hf_mine", SITE_NEEDED, (ROOT / "metrics.json").read_bytes())
    assert check.detail.startswith(f"{len(built)} files, ")
    assert "sdk has to be gradio" in metadata_check(built).problem


def test_secrets_and_photos_of_the_dataset_are_found_in_a_site(built):
    secret = {**built, "page.js": built["page.js"] + b"// hf_" + b"a" * 34}
    assert "page.js holds a Hugging Face token" in checks.contents(secret, None, SITE_NEEDED, b"").problem
    hashes = hashlib.sha256(built["examples/black-1.jpg"]).hexdigest().encode()
    assert "photos of the dataset" in checks.contents(built, None, SITE_NEEDED, hashes).problem
    less = {path: content for path, content in built.items() if path != "model.onnx"}
    assert checks.contents(less, None, SITE_NEEDED, b"").problem == "model.onnx is missing"


def test_names_on_the_hub_are_in_the_metadata_of_a_site(built, monkeypatch):
    monkeypatch.setattr(site, "_site", lambda root: {path: built[path] for path in built if path != "SHA256SUMS"})
    files = site.built_site(ROOT, ["me/model"], ["me/data"])[1]
    readme = files["README.md"].decode()
    assert "models:\n  - me/model\n" in readme and "datasets:\n  - me/data\n" in readme
    assert f"{hashlib.sha256(files['README.md']).hexdigest()}  README.md" in files["SHA256SUMS"].decode()


def test_a_site_that_cannot_be_built_is_a_problem_and_nothing_is_sent(hub, monkeypatch, capsys):
    def no_network():
        raise CliError("onnxruntime-web could not be fetched.")

    monkeypatch.setattr(site, "runtime_files", no_network)
    assert fails("1 of the checks", static=True).endswith("Nothing was created or sent.") and not hub.repos
    assert "NO  browser edition: onnxruntime-web could not be fetched." in capsys.readouterr().out


def test_weights_that_cannot_be_halved_stay_whole(built, monkeypatch, capsys):
    def differs(model, photos):
        raise CliError("With weights in 16 bits this model answers otherwise.")

    monkeypatch.setattr(site, "halved", differs)
    files = site.built_site(ROOT, [], [])[1]
    assert files["model.onnx"] == (ROOT / "export.onnx").read_bytes()
    assert json.loads(files["site.json"])["model"]["weights"] == "full" and "keeps 32" in capsys.readouterr().out


def test_a_site_without_a_browser_is_asked_for_each_file(built, answer, monkeypatch):
    monkeypatch.setattr(browser, "browser_path", lambda: None)
    check, told = site.site_check(built, sha256(ROOT / "export.pkl"))
    assert told == answer and "in Python; there is no browser here" in check.detail


def test_a_page_that_does_not_work_is_told_before_it_is_sent(built, browser_is_here):
    broken = {**built, "fieldguide.js": b"export const Classifier = { load() { throw new Error('no luck') } }"}
    check, told = site.site_check(broken, sha256(ROOT / "export.pkl"))
    assert "no luck" in check.problem and told is None


def test_a_page_that_answers_otherwise_than_python_is_told_before_it_is_sent(built, answer, monkeypatch):
    wrong = {**answer, "label": "teddy"}
    monkeypatch.setattr(site, "ask_page", lambda url, example: wrong)
    check, told = site.site_check(built, sha256(ROOT / "export.pkl"))
    assert "the browser answers otherwise than Python: of examples/black-1.jpg" in check.problem and told is None


@pytest.fixture
def browser_is_here() -> None:
    if browser.browser_path() is None:
        pytest.skip("no Chromium here, or playwright is not installed")


def test_a_browser_that_does_not_start_is_taken_for_none(monkeypatch, browser_is_here, tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(browser, "browser_path", lambda: str(broken))
    assert browser.ask_page("http://127.0.0.1:1", "examples/black-1.jpg") is None


def test_a_page_that_is_not_there_is_asked_again(browser_is_here):
    with pytest.raises(NoAnswer) as error:
        browser.ask_page("http://127.0.0.1:1", "examples/black-1.jpg")
    assert error.value.wait


def test_deploying_and_building_a_site_needs_only_what_serving_installs():
    """The workflows deploy.yml and pages.yml install no more."""
    more = (ROOT / "training" / "requirements.txt").read_text().splitlines()
    only_training = {re.split("[~=]", line)[0].lower() for line in more if line[0] not in "#-"}
    only_training -= {"matplotlib", "scikit-learn", "scipy", "safetensors"}  # fastai and timm bring these
    code = f"import sys; sys.modules.update(dict.fromkeys({sorted(only_training)})); "
    code += "import training.deploy.__main__, training.static.__main__"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and "imagehash" in only_training, run.stderr


def test_the_workflow_publishes_the_site_that_the_command_builds():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pages.yml").read_text())
    assert set(workflow[True]) == {"workflow_dispatch"} and workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["build"]["steps"]
    upload, command = steps[-1], steps[-2]["run"].split()
    assert upload["uses"].startswith("actions/upload-pages-artifact@")
    assert command[:4] == ["python", "-m", "training.static", "--out"] and upload["with"]["path"] == command[4]
    installed = [line for step in steps if "run" in step for line in step["run"].splitlines() if "pip" in line]
    assert installed == ["pip install -r pre-requirements.txt", "pip install -r requirements.txt"]
    publish = workflow["jobs"]["publish"]
    assert publish["needs"] == "build" and publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"] for step in publish["steps"]] == ["actions/deploy-pages@v4"]


def test_a_static_space_answers_at_its_own_address():
    assert space.app_address("Ada_L/My.Bears", None, static=True) == "https://ada-l-my-bears.static.hf.space"


def test_serving_files_are_another_app(built):
    assert not {"app.py", "export.pkl"} & built.keys() and "site.json" not in serving_files(ROOT)
