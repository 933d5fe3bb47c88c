"""What the notebook shows: its device in words, and pages that this process serves, on each kind of host."""

import sys
import zipfile
from types import ModuleType, SimpleNamespace

import huggingface_hub
import IPython.display
import pytest
import requests
import torch

from training import host
from training.deploy import __main__ as deploy
from training.notebook import device
from training.notebook.device import describe_device
from training.notebook.site import put_online, serve_site, show_site, stop_site


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """Addresses of the frames that were shown; no Colab and no Kaggle."""
    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    frames = []
    monkeypatch.setattr(IPython.display, "display", lambda frame: frames.append(frame.src))
    yield frames
    stop_site()


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html>the page")
    return tmp_path / "site"


def test_a_host_is_told_by_what_it_sets(monkeypatch):
    assert host.host_name() == host.JUPYTER
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    assert host.host_name() == host.KAGGLE
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    assert host.host_name() == host.COLAB


def test_colab_shows_a_port_by_its_own_address(monkeypatch, shown):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    calls, output = [], ModuleType("google.colab.output")
    output.serve_kernel_port_as_iframe = lambda *given, **options: calls.append((*given, options))
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    host.show_port(7861, "/?key=a", 500)
    assert calls == [(7861, {"path": "/?key=a", "height": "500"})] and not shown


def test_a_site_is_packed_served_and_shown(site, shown, capsys):
    show_site(site)
    assert "site.zip: 0.0 MB" in capsys.readouterr().out
    with zipfile.ZipFile(site.with_suffix(".zip")) as packed:
        assert "index.html" in packed.namelist()
    assert requests.get(shown[0], timeout=10).text == "<!doctype html>the page"


def test_the_next_page_takes_the_place_of_the_last(site):
    first, second = serve_site(site), serve_site(site)
    assert requests.get(f"http://127.0.0.1:{second}", timeout=10).ok
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{first}", timeout=10)


def test_kaggle_gets_the_site_as_a_file(site, shown, monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    show_site(site)
    assert "Kaggle shows no page that a notebook serves. Download it" in capsys.readouterr().out
    assert site.with_suffix(".zip").is_file() and not shown


def test_without_a_login_nothing_is_sent(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    monkeypatch.setattr(huggingface_hub, "notebook_login", lambda: calls.append("login"))
    monkeypatch.setattr(deploy, "main", lambda *given, **options: calls.append(given))
    put_online("me/bears")
    assert calls == ["login"] and "run this cell again" in capsys.readouterr().out


def test_with_a_login_the_static_space_is_sent(monkeypatch):
    calls = []
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_token")
    monkeypatch.setattr(deploy, "main", lambda *given, **options: calls.append((given, options)))
    put_online("me/bears")
    assert calls == [(("me/bears",), {"static": True})]


def test_a_host_without_gpu_is_told_how_long_it_takes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device.cpu_count, "cores", lambda: 2)
    few = describe_device(60, 1)
    assert few == "This host has no GPU: training resnet18 on these 60 photos takes about 1 minute on 2 cores."
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    assert "minutes on 2 cores. For a GPU: Runtime > Change runtime type" in describe_device(4000, 4)


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=15_835_660_288))
    assert describe_device(60, 1) == "Tesla T4, 15 GB: the network runs on it."
