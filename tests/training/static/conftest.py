"""Fixtures of a registry of packages on this machine, of the committed model, and of a site that was built."""

import pytest

from helpers.npm_stub import HEIF, ORT, SMALL_HEIF, SMALL_ORT, npm_registry, use_small
from helpers.paths import ROOT
from training.static.model import CompiledModel, compiled


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


@pytest.fixture(scope="module")
def model() -> CompiledModel:
    """The committed export.onnx."""
    return compiled(str(ROOT / "export.pkl"))
