"""training/static/site.py, readme.py and examples.py: a site has what it needs to answer without a server."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fastcore.script import CliError

from classifier.files import sha256
from classifier.inference.compiled_copy import onnx_path
from helpers.npm_stub import HEIF, ORT, SMALL_HEIF, SMALL_ORT, use_small
from helpers.paths import EXPORTS, ROOT
from training.static import __main__ as command
from training.static import site
from training.static.examples import find_examples
from training.static.folder import SUMS
from training.static.model import compiled
from training.static.readme import space_readme, title_of
from training.static.runtime import runtime_files


@pytest.fixture(scope="module")
def built(_npm, tmp_path_factory) -> Path:
    """A site of the committed export. Read only."""
    folder = tmp_path_factory.mktemp("static")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _npm.put(SMALL_ORT, ORT)
        _npm.put(SMALL_HEIF, HEIF)
        use_small(monkeypatch, folder / "cache", _npm.url)
        command.main(str(ROOT / "export.pkl"), str(folder / "site"), title="Bären & more")
    return folder / "site"


# The site


def test_site_says_what_is_in_it(built):
    told = json.loads((built / "site.json").read_text(encoding="utf-8"))
    assert told["title"] == "Bären & more" and told["labels"] == ["black", "grizzly", "teddy"]
    assert told["version"] == sha256(ROOT / "export.pkl")[:12]
    assert told["model"] == {"file": "model.onnx", "bytes": (built / "model.onnx").stat().st_size, "weights": "half"}
    assert told["runtime"]["bytes"] == (built / told["runtime"]["wasm"]).stat().st_size
    assert told["examples"] == [f"examples/{photo.name}" for photo in sorted((ROOT / "examples").glob("*.jpg"))]
    named = [told["runtime"]["script"], *told["heic"].values(), *told["examples"]]
    assert all((built / path).is_file() for path in named)


def test_site_has_the_page_and_the_licences(built):
    page = {file.name for file in (ROOT / "browser").iterdir() if file.suffix in (".html", ".js", ".css", ".svg")}
    assert page | {"zip.js", "README.md", ".nojekyll", SUMS} <= {file.name for file in built.iterdir()}
    assert (built / "zip.js").read_bytes() == (ROOT / "server" / "batch" / "zip.js").read_bytes()
    assert "MIT License" in (built / "runtime" / "LICENSE").read_text()
    assert (built / "runtime" / "ThirdPartyNotices.txt").stat().st_size > 100_000
    assert (built / "heic" / "LICENSE").is_file() and "github.com/strukturag/libheif" in (
        built / "heic" / "SOURCE.txt"
    ).read_text()


def test_a_module_can_import_the_decoder(built):
    assert (built / "heic" / "libheif.js").read_bytes() == HEIF[
        "libheif-wasm/libheif.js"
    ] + b"\nexport default libheif\n"


def test_service_worker_keeps_what_every_visitor_needs(built):
    text = (built / "service-worker.js").read_text()
    kept = json.loads(re.search(r"^const FILES = (.*)$", text, re.M)[1])
    files = {file.relative_to(built).as_posix() for file in built.rglob("*") if file.is_file()}
    later = {file for file in files if file.startswith(site.LATER)}
    assert set(kept) == files - later - {"service-worker.js", SUMS} and len(kept) == len(set(kept))
    assert re.search(r'^const VERSION = "[0-9a-f]{12}"$', text, re.M)


def test_site_has_its_title_where_it_is_installed(built):
    told = json.loads((built / "manifest.webmanifest").read_text(encoding="utf-8"))
    assert told["name"] == "Bären & more" and told["short_name"] == "Bären & more" and told["start_url"] == "./"


def test_readme_is_one_of_a_static_space(built):
    front = yaml.safe_load((built / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["title"] == "Bären & more" and front["sdk"] == "static" and front["app_file"] == "index.html"
    assert front["license"] == "apache-2.0" and "sdk_version" not in front and "model-index" not in front


def test_site_has_no_path_of_this_machine(built):
    here = [str(path).encode() for path in (ROOT, built.parent, Path.home(), Path(sys.prefix)) if len(path.parts) > 1]
    for file in built.rglob("*"):
        assert not file.is_file() or not [path for path in here if path in file.read_bytes()], file


def test_sums_are_those_of_the_files(built):
    lines = [line.split("  ", 1) for line in (built / SUMS).read_text(encoding="utf-8").splitlines()]
    files = {file.relative_to(built).as_posix() for file in built.rglob("*") if file.is_file()}
    assert {path for _, path in lines} == files - {SUMS}
    assert all(sha256(built / path) == digest for digest, path in lines)


def test_the_same_input_gives_the_same_bytes(npm, model, monkeypatch):
    first = site.site_files(model, "full", runtime_files(), {}, "Bears")
    assert site.site_files(model, "full", runtime_files(), {}, "Bears") == first
    other = site.site_files(model, "full", runtime_files(), {"examples/a.jpg": b"a"}, "Bears")
    assert first["service-worker.js"].splitlines()[2] != other["service-worker.js"].splitlines()[2]


def test_a_first_visit_is_what_a_page_needs_to_answer():
    files = {"index.html": b"12", "runtime/a.mjs": b"34", "runtime/LICENSE": b"5", "heic/libheif.js": b"6"}
    assert site.first_visit({**files, "examples/a.jpg": b"7", ".nojekyll": b"", "README.md": b"8"}) == 5


def test_a_page_without_its_two_lines_is_a_mistake():
    with pytest.raises(ValueError, match="VERSION"):
        site.with_files("const FILES = []\n", {})


def test_an_earlier_site_is_replaced_and_the_run_says_what_it_did(npm, tmp_path, capsys):
    out = tmp_path / "here" / "my site"
    export = EXPORTS / "trained" / "export.pkl"
    command.main(str(export), str(out), fp32=True)
    assert "half weights" not in capsys.readouterr().out
    (tmp_path / "here" / ".my site.part").mkdir()  # of a run that was killed
    command.main(str(export), str(out), title="Again")
    printed = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert printed[:2] == [
        "comparing half weights with whole ones on 9 photos",
        "the same answers on 9 photos; the largest difference of a probability is 0.00000",
    ]
    n = sum(file.is_file() for file in out.rglob("*"))
    assert re.fullmatch(
        rf"{re.escape(str(out))}: {n} files, \d\.\d MB; a first visit loads \d\.\d MB\. "
        rf"Look at it: python -m http\.server -d '{re.escape(str(out))}'",
        printed[2],
    )
    assert json.loads((out / "site.json").read_text())["title"] == "Again"
    assert [file.name for file in out.parent.iterdir()] == ["my site"]


# Exports and examples


@pytest.mark.parametrize("name", ["several-sigmoid.pkl", "resnet18.pkl"])
def test_an_export_alone_is_compiled_in_memory(npm, tmp_path, name, capsys):
    export = shutil.copy(EXPORTS / name, tmp_path / "export.pkl")
    command.main(str(export), str(tmp_path / "site"))
    assert "There is no" in (printed := capsys.readouterr().out) and f"compiling {export}" in printed
    assert not onnx_path(export).exists()
    assert json.loads((tmp_path / "site" / "site.json").read_text())["version"] == sha256(export)[:12]


def test_a_compiled_copy_of_another_export_is_not_used(tmp_path, capsys):
    export = shutil.copy(EXPORTS / "several-sigmoid.pkl", tmp_path / "export.pkl")
    shutil.copy(ROOT / "export.onnx", tmp_path / "export.onnx")
    assert compiled(str(export)).classifier.multi_label
    assert "export.onnx was made from another export than this one. Compiling" in capsys.readouterr().out


def test_an_export_that_is_missing_or_cannot_be_compiled_is_told(tmp_path):
    with pytest.raises(CliError, match=r"there is none of .*nothing\.pkl"):
        compiled(str(tmp_path / "nothing.pkl"))


def test_whole_weights_and_photos_to_compare_do_not_go_together(tmp_path):
    with pytest.raises(CliError, match="Leave one of the two out"):
        command.main("export.pkl", str(tmp_path / "site"), fp32=True, photos="data")


def test_examples_have_names_that_an_address_can_hold(tmp_path):
    for name in ("a.jpg", "b c#1.JPG", "bär.jpeg", ".hidden.jpg", "notes.txt"):
        shutil.copy(ROOT / "examples" / "teddy-1.jpg", tmp_path / name)
    found = find_examples(tmp_path)
    assert sorted(found) == ["examples/a.jpg", "examples/example-2.jpg", "examples/example-3.jpeg"]
    assert found["examples/example-2.jpg"].name == "b c#1.JPG"


def test_examples_that_cannot_be_shown_are_told(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(CliError, match=r"The example .*broken\.jpg cannot be shown"):
        find_examples(tmp_path)
    with pytest.raises(CliError, match="There is no folder"):
        find_examples(tmp_path / "nowhere")
    for i in range(31):
        shutil.copy(ROOT / "examples" / "teddy-1.jpg", tmp_path / f"{i}.jpg")
    with pytest.raises(CliError, match="at most 30"):
        find_examples(tmp_path)


# README


@pytest.mark.parametrize("text", ["", "# Bears\n", "---\ntitle: [\n---\n", "---\n- a list\n---\n", None])
def test_a_readme_without_metadata_gives_a_plain_title(tmp_path, text):
    if text is not None:
        (tmp_path / "README.md").write_text(text)
    assert title_of(tmp_path / "README.md") == "Fieldguide"
    made = space_readme(tmp_path / "README.md", "A: b", ["cat"] * 20, "0123").decode()
    assert yaml.safe_load(made.split("---")[1]) == {
        "title": "A: b",
        "sdk": "static",
        "app_file": "index.html",
        "pinned": False,
    }
    assert "cat and 8 more. Model 0123." in made


def test_building_needs_what_serving_has_installed():
    needed = "import sys, training.static.__main__; print(sorted({'imagehash', 'sklearn', 'torch'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", needed], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.stdout == "[]\n", run.stderr
