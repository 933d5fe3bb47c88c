"""training/static/runtime.py and registry.py: packages are fetched once and checked by their hash."""

import sys
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.npm_stub import ORT, SMALL_ORT, archive_of
from training.static import registry, runtime, site
from training.static.runtime import cache_folder, files_of, runtime_files


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
