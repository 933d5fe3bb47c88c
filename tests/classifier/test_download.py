"""classifier/photo/download.py: bytes from the web, and what a hostile server is answered with."""

import asyncio
import time
import tracemalloc
from email.utils import formatdate

import pytest

from classifier.photo import download
from classifier.photo.download import Downloader, DownloadError, is_public, retry_after, run_async
from helpers.web import served


@pytest.fixture
def web():
    with served() as server:
        yield server


def fetch(url: str, allow_private: bool = True) -> bytes:
    return run_async(Downloader(allow_private).fetch(url))


def test_photo_is_fetched_also_where_an_address_moved(web):
    assert fetch(f"{web.url}/photo/1.png") == fetch(f"{web.url}/moved") == web.RequestHandlerClass.photo


@pytest.mark.parametrize(
    "path, says, final",
    [
        ("missing", "HTTP 404", True),
        ("broken", "HTTP 500", False),
        ("around", "more than 5 redirects", True),
        ("huge", "larger than 20 MB", True),
        ("endless", "larger than 20 MB", True),
        ("slow", "not complete within", False),
        ("brotli", r"compressed \(br\)", True),
        ("gzip", r"compressed \(gzip\)", True),
        ("twice", "compressed", True),
        ("far", "connection failed|not an address", None),
        ("many_headers", "the connection failed", False),
        ("cut", "the connection failed", False),
        ("busy_for_long", "asks to wait for 3600 s", False),
    ],
)
def test_what_cannot_be_had_gets_its_reason(web, path, says, final):
    with pytest.raises(DownloadError, match=says) as error:
        run_async(Downloader(True, max_seconds=3).fetch(f"{web.url}/{path}"))
    assert final is None or error.value.final is final


@pytest.mark.parametrize("path", ["identity", "gzip_moved"])
def test_nothing_is_unpacked_on_the_way_to_a_photo(web, path):
    assert fetch(f"{web.url}/{path}") == web.RequestHandlerClass.photo


def test_what_stands_for_a_large_body_takes_no_memory(web):
    tracemalloc.start()
    with pytest.raises(DownloadError, match="compressed"):
        fetch(f"{web.url}/gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000 + 5_000_000  # the server's own 50 MB of zeros


def test_busy_server_is_asked_again_after_the_time_it_names(web):
    assert fetch(f"{web.url}/busy") == web.RequestHandlerClass.photo
    (_, first), (_, second) = web.asked
    assert second - first >= 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/photo",
        "http://localhost:{port}/photo",
        "http://[::1]/",
        "http://2130706433:{port}/photo",
        "http://0x7f.1:{port}/photo",
        "http://0:{port}/photo",
        "http://[::ffff:127.0.0.1]:{port}/photo",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_private_addresses_are_refused_unasked(web, url):
    with pytest.raises(DownloadError, match=r"private address|not known"):
        fetch(url.format(port=web.server_port), allow_private=False)
    assert web.asked == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://host/x", "data:image/png;base64,xx", "", "http://", "not an address", "//host/x"],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(DownloadError, match="not an"):
        fetch(url)


def test_redirect_from_the_internet_to_this_machine_is_refused(web, monkeypatch):
    """127.0.0.2 stands for a public server."""
    monkeypatch.setattr(download, "is_public", lambda ip: ip == "127.0.0.2")
    try:
        with served("127.0.0.2") as public:
            assert fetch(f"{public.url}/photo", allow_private=False) == public.RequestHandlerClass.photo
            with pytest.raises(DownloadError, match="private address"):
                fetch(f"{public.url}/inside", allow_private=False)
            assert [path for path, _ in public.asked] == ["/photo", "/inside"]
    except OSError:
        pytest.skip("127.0.0.2 is not an address of this machine")


@pytest.mark.parametrize(
    "ip, public",
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("2002:7f00:1::", False),
        ("::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("::7f00:1", False),
        ("2001::f5ff:fffe", False),
    ],
)
def test_public_addresses_are_told_from_private_ones(ip, public):
    assert is_public(ip) is public


def test_retry_after_is_read_as_seconds_or_a_date():
    assert retry_after("7") == 7
    assert 50 < retry_after(formatdate(time.time() + 60)) <= 60
    assert retry_after(formatdate(time.time() - 60)) == 0
    assert retry_after(None) is retry_after("soon") is None


def test_a_notebook_with_its_own_loop_can_fetch_too(web):
    async def cell():
        return run_async(Downloader(allow_private=True).fetch(f"{web.url}/photo"))

    assert run_async(cell()) == web.RequestHandlerClass.photo


def test_few_at_once_from_one_host(web):
    async def all_of_them():
        downloader = Downloader(allow_private=True)
        return await asyncio.gather(*(downloader.fetch(f"{web.url}/photo/{i}") for i in range(20)))

    assert len(run_async(all_of_them())) == len(web.asked) == 20
