"""training/static: a folder that needs no server, its runtime checked by hash, and no earlier or foreign file lost."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import yaml
from fastcore.script import CliError
from onnx import TensorProto, helper, numpy_helper

from classifier import Prediction
from classifier.files import sha256
from classifier.inference.compiled_copy import onnx_path
from helpers.kills import kill_everywhere
from helpers.npm_stub import archive_of, npm_registry, package_of
from helpers.paths import EXPORTS, ROOT
from helpers.photos import make_photos
from training.static import __main__ as command
from training.static import check, half_weights, registry, runtime, site
from training.static.check import check_half_weights, photos_to_compare
from training.static.examples import find_examples
from training.static.folder import SUMS, check_out, strangers, write_site
from training.static.half_weights import halved, with_half_weights
from training.static.model import CompiledModel, compiled
from training.static.readme import space_readme, title_of
from training.static.runtime import cache_folder, files_of, runtime_files

ORT = {"dist/ort.wasm.bundle.min.mjs": b"export {}", "dist/ort-wasm-simd-threaded.wasm": b"\0asm" * 5000}
HEIF = {f"libheif-wasm/{name}": name.encode() for name in ("libheif.js", "libheif.wasm", "LICENSE")}
SMALL_ORT, SMALL_HEIF = package_of("ort-web", ORT), package_of("heif-js", HEIF)
FILES = {"index.html": b"<!doctype html>", "runtime/a.js": b"export {}", ".nojekyll": b""}


@pytest.fixture(scope="module")
def _npm():
    with npm_registry() as server:
        yield server


@pytest.fixture
def npm(_npm, tmp_path, monkeypatch):
    """A registry with two small packages in the place of the real ones, and an empty cache."""
    _npm.answers.clear()
    _npm.asked.clear()
    _npm.cut_after = None
    _npm.put(SMALL_ORT, ORT)
    _npm.put(SMALL_HEIF, HEIF)
    use_small(monkeypatch, tmp_path / "cache", _npm.url)
    return _npm


def use_small(monkeypatch, cache: Path, url: str) -> None:
    monkeypatch.setattr(runtime, "ONNX_RUNTIME", SMALL_ORT)
    monkeypatch.setattr(runtime, "LIBHEIF", SMALL_HEIF)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(scope="module")
def model() -> CompiledModel:
    """The committed export.onnx."""
    return compiled(str(ROOT / "export.pkl"))


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


# The folder


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


# A folder that is somebody else's


def test_a_folder_that_is_new_or_empty_is_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new/site", "empty"):
        write_site(check_out(str(tmp_path / name)), FILES)
        assert strangers(tmp_path / name) == [] and (tmp_path / name / "index.html").is_file()


@pytest.mark.parametrize(
    "path, content",
    [("thesis.txt", b"mine"), ("index.html", b"edited by hand"), ("runtime/.git/config", b""), (SUMS, b"")],
    ids=["stranger", "edited", "in a folder", "no list"],
)
def test_a_folder_with_other_things_is_left_alone(tmp_path, path, content):
    out = tmp_path / "site"
    write_site(out, FILES)
    (out / path).parent.mkdir(exist_ok=True)
    (out / path).write_bytes(content)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    with pytest.raises(CliError, match=r"which no earlier site left there as it is now\. Name a new folder"):
        check_out(str(out))
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_links_and_empty_folders_of_others_are_left_alone(tmp_path):
    write_site(tmp_path / "site", FILES)
    (tmp_path / "site" / "notes").mkdir()
    assert strangers(tmp_path / "site") == ["notes"]
    (tmp_path / "site" / "notes").rmdir()
    (tmp_path / "elsewhere").write_bytes(FILES["index.html"])
    (tmp_path / "site" / "index.html").unlink()
    try:
        (tmp_path / "site" / "index.html").symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("this account may make no links")
    assert strangers(tmp_path / "site") == ["index.html"]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "site").write_text("a file")
    with pytest.raises(CliError, match="is a file"):
        check_out(str(tmp_path / "site"))


def test_work_does_not_begin_for_a_folder_that_is_taken(tmp_path, monkeypatch):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr(command, "compiled", None)
    with pytest.raises(CliError, match=r"thesis\.txt"):
        command.main("export.pkl", str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the test kills a process that it forked")
def test_a_kill_leaves_the_old_site_or_the_new_one(tmp_path):
    out, new = tmp_path / "site", {**FILES, "index.html": b"new", "extra.js": b"new"}

    def made():
        shutil.rmtree(out, ignore_errors=True)
        write_site(out, FILES)

    def whole(_):
        assert check_out(str(out)) == out and strangers(out) == []
        index = (out / "index.html").read_bytes()
        assert (out / "extra.js").is_file() == (index == b"new") and index in (b"new", FILES["index.html"])

    assert kill_everywhere(made, lambda: write_site(check_out(str(out)), new), whole, (1, 4), 0) > 10
    write_site(check_out(str(out)), new)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_site_that_cannot_take_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    write_site(tmp_path / "site", FILES)
    rename = Path.rename

    def refused(self, target):
        if self.name == ".site.part":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(CliError, match="could not be written: Permission denied"):
        write_site(tmp_path / "site", {"index.html": b"new"})
    assert (tmp_path / "site" / "index.html").read_bytes() == FILES["index.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


# The runtime


def test_packages_are_fetched_once(npm, capsys):
    first = runtime_files()
    assert len(npm.asked) == 2 and capsys.readouterr().out.count("once, then it is kept in") == 2
    assert runtime_files() == first and len(npm.asked) == 2 and not capsys.readouterr().out
    assert set(first) == {site.SCRIPT, site.WASM, "runtime/LICENSE", "runtime/ThirdPartyNotices.txt"} | {
        f"heic/{name}" for name in ("libheif.js", "libheif.wasm", "LICENSE", "SOURCE.txt")
    }


def test_a_filled_cache_needs_no_network(npm, monkeypatch):
    first = runtime_files()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    assert runtime_files() == first


def test_a_file_with_another_hash_is_refused_and_not_kept(npm):
    npm.put(SMALL_ORT, {**ORT, "dist/ort.wasm.bundle.min.mjs": b"export{};"})
    with pytest.raises(
        CliError, match=r"is not the file that this project was tested with.*Nothing was kept\."
    ) as error:
        runtime_files()
    assert "dist/ort.wasm.bundle.min.mjs of ort-web 1.0.0 from 127.0.0.1" in str(error.value)
    assert not [file for file in cache_folder().rglob("*") if file.is_file()]


@pytest.mark.parametrize("damage", [b"", b"\0asm" * 4999 + b"evil"], ids=["emptied", "changed"])
def test_a_file_in_the_cache_that_was_changed_is_fetched_again(npm, capsys, damage):
    runtime_files()
    capsys.readouterr()
    file = cache_folder() / "ort-web-1.0.0" / "ort-wasm-simd-threaded.wasm"
    file.write_bytes(damage)
    runtime_files()
    assert len(npm.asked) == 3 and "fetching ort-web 1.0.0 again, since what is kept of it is damaged" in (
        capsys.readouterr().out
    )
    assert file.read_bytes() == ORT["dist/ort-wasm-simd-threaded.wasm"]


def test_an_answer_that_breaks_off_is_told(npm):
    npm.cut_after = 100
    with pytest.raises(
        CliError, match=r"ort-web 1\.0\.0 from 127\.0\.0\.1 arrived broken or not to its end .*run it again"
    ):
        files_of(SMALL_ORT)
    assert not [file for file in cache_folder().rglob("*") if file.is_file()]


@pytest.mark.parametrize("content", [b"no archive", b"", archive_of({})[:-8]], ids=["text", "nothing", "cut"])
def test_an_answer_that_is_no_archive_is_told(npm, content):
    npm.answers["/ort-web/-/ort-web-1.0.0.tgz"] = content
    with pytest.raises(CliError, match=r"arrived broken|has no dist"):
        files_of(SMALL_ORT)


def test_an_archive_without_the_file_or_with_one_of_another_size_is_told(npm):
    for member in ("package/../dist/ort.wasm.bundle.min.mjs", "package/dist/ort.wasm.bundle.min.mjs"):
        npm.answers["/ort-web/-/ort-web-1.0.0.tgz"] = archive_of({member: b"another"})
        with pytest.raises(CliError, match=r"ort-web 1\.0\.0 from 127\.0\.0\.1 has no dist/ort\.wasm\.bundle"):
            files_of(SMALL_ORT)


def test_a_package_that_is_not_there_is_told(npm):
    npm.answers.clear()
    with pytest.raises(CliError, match=r"127\.0\.0\.1 answered HTTP 404\. .*set NPM_CONFIG_REGISTRY"):
        files_of(SMALL_ORT)


def test_a_registry_out_of_reach_is_told(npm, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://user:secret@127.0.0.1:9/npm/")
    with pytest.raises(CliError, match=r"127\.0\.0\.1 is out of reach .* HTTPS_PROXY") as error:
        files_of(SMALL_ORT)
    assert "secret" not in str(error.value)


def test_an_answer_without_an_end_is_not_read_to_it(npm, monkeypatch):
    monkeypatch.setattr(registry, "MOST_BYTES", 50)
    with pytest.raises(CliError, match=r"127\.0\.0\.1 sends more than"):
        files_of(SMALL_ORT)


def test_a_cache_that_cannot_be_written_to_is_told(npm, tmp_path, capsys):
    (tmp_path / "cache").write_text("a file")
    assert files_of(SMALL_ORT) and "will be fetched again next time" in capsys.readouterr().out


def test_without_a_registry_the_files_come_from_the_cdn(npm, monkeypatch):
    monkeypatch.setattr(registry, "registry_address", lambda: "")
    monkeypatch.setattr(registry, "CDN", npm.url)
    assert files_of(SMALL_ORT) == {path.rpartition("/")[2]: content for path, content in ORT.items()}
    assert npm.asked == [f"/ort-web@1.0.0/{path}" for path in ORT]


def test_registry_is_that_of_npm(monkeypatch, tmp_path):
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(registry.shutil, "which", lambda _: None)
    assert registry.registry_address() == ""
    (tmp_path / ".npmrc").write_text(
        "# registry=https://no.example\n//a.example/:_authToken=x\nregistry = https://a.example/npm/\n"
    )
    assert registry.registry_address() == "https://a.example/npm"
    (tmp_path / ".npmrc").write_text("registry=${MINE}\n@scope:registry=https://b.example\n")
    assert registry.registry_address() == ""
    monkeypatch.setenv("npm_config_registry", "https://c.example/")
    assert registry.registry_address() == "https://c.example"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "c.example")
    with pytest.raises(CliError, match="no address"):
        registry.registry_address()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for npm is a shell script")
@pytest.mark.parametrize(
    "script, address", [("echo https://d.example/", "https://d.example"), ("echo undefined", ""), ("exit 1", "")]
)
def test_npm_itself_is_asked(monkeypatch, tmp_path, script, address):
    for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert registry.registry_address() == address


def test_a_runtime_without_a_licence_is_not_published(npm, monkeypatch, tmp_path):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CliError, match="onnxruntime has no LICENSE"):
        runtime_files()


def test_cache_is_where_the_system_keeps_such_things(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "fieldguide"
    for other in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", other)
        assert cache_folder() == Path.home() / ".cache" / "fieldguide"


@pytest.mark.network
def test_real_packages_have_the_pinned_hashes(request, tmp_path, monkeypatch):
    if "network" not in request.config.option.markexpr:
        pytest.skip("fetches 36 MB from a registry: run it by -m network")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = runtime_files()
    assert files[site.SCRIPT] and 3_500_000 < len(files[site.WASM]) < 3_800_000


# Weights


def test_large_weights_take_half_and_all_else_stays(model):
    before, after = onnx.load_from_string(model.data), onnx.load_from_string(with_half_weights(model.data))
    assert after.metadata_props == before.metadata_props and after.opset_import == before.opset_import
    assert [one for one in after.graph.node if one.op_type != "Cast"] == [
        one for one in before.graph.node if one.op_type != "Cast"
    ]
    large = [one for one in before.graph.initializer if np.prod(one.dims) >= half_weights.LEAST]
    half = [one for one in after.graph.initializer if one.data_type == TensorProto.FLOAT16]
    assert len(half) == len(large) > 10 and {f"{one.name}_half" for one in large} == {one.name for one in half}
    small = {one.name: one for one in before.graph.initializer if one not in large}
    assert {one.name: one for one in after.graph.initializer if one not in half} == small
    assert len(with_half_weights(model.data)) < 0.6 * len(model.data)


@pytest.mark.parametrize("scale, taken", [(1, True), (1e5, False), (1e-7, False), (np.nan, False), (0, True)])
def test_weights_that_16_bits_cannot_hold_stay(scale, taken):
    weights = (np.random.default_rng(0).standard_normal((200, 200)) * scale).astype(np.float32)
    assert (halved(weights) is not None) == taken


def test_numbers_of_other_kinds_and_names_that_are_taken_stay():
    def tensor(name, dtype):
        return numpy_helper.from_array(np.ones((200, 200), dtype), name)

    whole = [tensor("a", np.int64), tensor("b", np.float64), tensor("c", np.float32), tensor("c_half", np.float32)]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, (200, 200))
    graph = helper.make_graph([helper.make_node("MatMul", ["c", "c_half"], ["y"])], "g", [], [out], whole)
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    kinds = {one.name: one.data_type for one in onnx.load_from_string(with_half_weights(data)).graph.initializer}
    kept = {"a": TensorProto.INT64, "b": TensorProto.DOUBLE, "c": TensorProto.FLOAT}
    assert kinds == {**kept, "c_half_half": TensorProto.FLOAT16}


def doctored(model: CompiledModel, change) -> CompiledModel:
    """Return a model whose largest tensor was changed."""
    loaded = onnx.load_from_string(model.data)
    tensor = max(loaded.graph.initializer, key=lambda one: np.prod(one.dims))
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).astype(np.float32), tensor.name))
    return CompiledModel.from_bytes(loaded.SerializeToString(), model.classifier.version)


EXAMPLES = [ROOT / "examples" / name for name in ("teddy-1.jpg", "other-mug.jpg")]


def test_the_committed_model_answers_the_same_with_half_weights(model):
    half = CompiledModel.from_bytes(with_half_weights(model.data), model.classifier.version)
    told = check_half_weights(model.classifier, half.classifier, [*EXAMPLES, ROOT / "README.md"])
    assert (told.n, told.ties) == (2, 0) and 0 < told.largest < check.TOLERANCE


@pytest.mark.parametrize(
    ("expected", "given", "tie"),
    [
        (Prediction("a", {"a": 0.4956, "b": 0.4949}), Prediction("b", {"b": 0.4953, "a": 0.4951}), True),
        (Prediction("a", {"a": 0.6, "b": 0.4}), Prediction("b", {"b": 0.6, "a": 0.4}), False),
        (Prediction("a", {"a": 1}, 0.7001, True), Prediction("a", {"a": 1}, 0.6999, False), True),
        (Prediction("a", {"a": 1}, 0.72, True), Prediction("a", {"a": 1}, 0.69, False), False),
        (Prediction("a", {"a": 0.302}, labels=("a",)), Prediction("a", {"a": 0.299}, labels=()), True),
        (Prediction("a", {"a": 0.4}, labels=("a",)), Prediction("a", {"a": 0.2}, labels=()), False),
        (Prediction("a", {"a": 1}, 0.7001, True, ("a",)), Prediction("a", {"a": 1}, 0.6999, False, ()), True),
    ],
    ids=["labels", "other label", "familiar", "unfamiliar", "threshold", "another set", "none, since not familiar"],
)
def test_what_the_whole_weights_hardly_decide_is_a_tie(expected, given, tie):
    full = SimpleNamespace(familiarity=SimpleNamespace(threshold=0.7), thresholds={"a": 0.3, "b": 0.3})
    assert check.is_tie(full, expected, given) is tie


def test_another_label_is_refused(model):
    other = doctored(model, lambda weights: -weights)
    with pytest.raises(
        CliError, match=r"teddy-1\.jpg is .* instead of teddy \(a probability differs by 0\.\d+\)\. Nothing"
    ):
        check_half_weights(model.classifier, other.classifier, EXAMPLES)


def test_another_familiarity_is_refused(model):
    strict = CompiledModel.from_bytes(model.data, model.classifier.version).classifier
    strict.familiarity = replace(strict.familiarity, threshold=0.99)
    with pytest.raises(
        CliError, match=r"teddy-1\.jpg is teddy \(not familiar\) instead of teddy \(a probability differs by 0\.0000\)"
    ):
        check_half_weights(model.classifier, strict, EXAMPLES)


@pytest.mark.parametrize("photos", [EXAMPLES, []], ids=["photos", "drawn pictures alone"])
def test_another_probability_is_refused(model, photos):
    other = doctored(model, lambda weights: weights * 1.02)
    with pytest.raises(CliError, match=r"a probability differs by 0\.\d{4}, more than 0\.005"):
        check_half_weights(model.classifier, other.classifier, photos)


def test_a_model_that_needs_whole_weights_is_not_written(npm, tmp_path, monkeypatch):
    monkeypatch.setattr(half_weights, "halved", lambda weights: (weights * 1.05).astype(np.float16))
    with pytest.raises(CliError, match="Say --fp32"):
        command.main(str(ROOT / "export.pkl"), str(tmp_path / "site"))
    assert not (tmp_path / "site").exists()
    command.main(str(ROOT / "export.pkl"), str(tmp_path / "site"), fp32=True)
    assert (tmp_path / "site" / "model.onnx").read_bytes() == (ROOT / "export.onnx").read_bytes()


def test_photos_that_were_held_out_are_compared_on(trained):
    photos = photos_to_compare(str(trained / "photos"), str(trained / "export.pkl"))
    held_out = json.loads((trained / "metrics.json").read_text())["held_out"]["answers"]
    assert {sha256(photo) for photo in photos} == set(held_out)


def test_of_other_photos_an_even_sample_is_compared_on(tmp_path, monkeypatch):
    folder = make_photos(tmp_path / "photos")
    everything = photos_to_compare(str(folder), str(ROOT / "export.pkl"))
    assert len(everything) == len(list(folder.rglob("*.*")))
    monkeypatch.setattr(check, "MOST_PHOTOS", 4)
    sample = photos_to_compare(str(folder), str(ROOT / "export.pkl"))
    assert len(sample) == 4 and sample[0] == everything[0] and sample[-1] == everything[-1]
    (tmp_path / "empty").mkdir()
    with pytest.raises(CliError, match="there are no photos"):
        photos_to_compare(str(tmp_path / "empty"), "export.pkl")


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
