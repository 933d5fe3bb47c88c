"""server/shared_store.py: limits and answers over several replicas, with a real Redis, and without it."""

import asyncio
import shutil
import subprocess
import sys
from hashlib import sha256

import pytest
import requests

from classifier import Prediction
from classifier.photo.download import run_async
from helpers.apps import running_app
from helpers.raw_http import PHOTO
from helpers.redis_server import free_port, redis_server
from server.operations import open_operations
from server.predictor import Predictor
from server.settings import Settings

pytest.importorskip("redis", reason="redis is not installed (deploy/requirements.txt)")
import redis

from server.shared_store import RETRY_SECONDS, SharedStore, prediction_of

PHOTO_SHA256 = sha256(PHOTO).digest()
PATIENT = "?socket_timeout=60&socket_connect_timeout=60"  # a machine with much to do is not a Redis that is away
SEVERAL = Prediction("a", {"a": 0.1 + 0.2, "b": 1e-9}, 0.5, True, ("a",))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


def spend(store: SharedStore, *amounts: int, client: str = "83.1.2.3", per_minute: int = 3) -> list[float]:
    async def each() -> list[float]:
        return [await store.spend(client, n, per_minute) for n in amounts]

    return run_async(each())


def test_two_replicas_count_a_client_together(url):
    assert spend(SharedStore(url, "v"), 1, 1, client="together") == [0, 0]
    last, refused = spend(SharedStore(url, "v"), 1, 1, client="together")
    assert last == 0 and 15 < refused <= 20
    assert spend(SharedStore(url, "v"), 1, client="another") == [0]


def test_who_has_a_token_left_may_spend_more_than_it_has(url):
    paid, refused = spend(SharedStore(url, "v"), 6, 1, client="debt")
    assert paid == 0 and 75 < refused <= 80


@pytest.mark.parametrize(
    "written", [b"a text", {"tokens": "-inf"}, {"tokens": "nan", "at": "nan"}, {"tokens": "-1e300", "at": "1e300"}]
)
def test_what_is_no_bucket_is_replaced_by_a_full_one(url, written):
    client, key = redis.Redis.from_url(url), f"fieldguide:rate:{sha256(b'hostile').hexdigest()[:32]}"
    client.delete(key)
    client.set(key, written) if isinstance(written, bytes) else client.hset(key, mapping=written)
    store = SharedStore(url, "v")
    *allowed, refused = spend(store, 1, 1, 1, 1, client="hostile")
    assert allowed == [0] * 3 and 0 < refused <= 20 and store.connected and 0 < client.ttl(key) <= 61


def test_nothing_in_redis_names_a_client_or_stays(url):
    import redis

    spend(SharedStore(url, "v"), 1, client="83.9.9.9")
    SharedStore(url, "v").keep(PHOTO_SHA256, SEVERAL)
    client = redis.Redis.from_url(url)
    keys = client.keys()
    assert keys and not any(b"83." in key for key in keys)
    assert all(0 < client.ttl(key) <= 86_400 for key in keys)


def test_an_answer_is_found_by_every_replica_of_the_same_model(url):
    SharedStore(url, "v1").keep(PHOTO_SHA256, SEVERAL)
    assert SharedStore(url, "v1").find(PHOTO_SHA256) == SEVERAL
    assert SharedStore(url, "v2").find(PHOTO_SHA256) is None is SharedStore(url, "v1").find(bytes(32))
    assert SharedStore(f"{url}?decode_responses=true", "v1").find(PHOTO_SHA256) == SEVERAL


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b'{"label": "a"}',
        b'{"label": "c", "probabilities": {"a": 1.0}}',
        b'{"label": "a", "probabilities": {"a": 7}}',
        b'{"label": "a", "probabilities": {"a": "1"}}',
        b'{"label": "a", "probabilities": [1]}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "more": 1}',
        b'{"label": {}, "probabilities": {"a": 1.0}}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "familiarity": "b"}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "familiar": "b"}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "labels": ["b"]}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "labels": 5}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "candidates": [{}]}',
        b'{"label": "a", "probabilities": {"a": 1.0}, "decision": {"b": 1}}',
        b'{"label": "a", "probabilities": {"a": 1.0}, '
        b'"neighbours": [{"file": 1, "labels": [], "similarity": 1, "index": 2}]}',
        b"[" * 100_000,
    ],
)
def test_what_somebody_else_wrote_is_no_answer(data):
    assert prediction_of(data) is None


class Counted:
    """A classifier that counts what it is asked."""

    labels = ("a", "b")
    version = short_version = "v"

    def __init__(self):
        self.asked = 0

    def predict(self, _):
        self.asked += 1
        return SEVERAL


def test_a_photo_that_another_replica_has_answered_is_not_computed_again(url):
    replicas = [Counted(), Counted()]
    for classifier in replicas:
        predictor = Predictor(classifier, 10, shared=SharedStore(url, "computed once"))
        assert predictor.predict(PHOTO) == predictor.predict(PHOTO) == SEVERAL
    assert [classifier.asked for classifier in replicas] == [1, 0]
    alone = Counted()
    assert Predictor(alone, 0, shared=SharedStore(url, "computed once")).predict(PHOTO) == SEVERAL and alone.asked == 1


def test_without_redis_it_goes_on_says_so_once_and_finds_it_again(tmp_path, caplog):
    port, clock = free_port(), Clock()
    store = SharedStore(f"redis://:a-password@127.0.0.1:{port}/0", "v", clock)
    assert store.connected
    assert spend(store, 1, 1, 1, 1, 1) == [0] * 5 and store.find(PHOTO_SHA256) is None and not store.connected
    store.keep(PHOTO_SHA256, SEVERAL)
    assert caplog.text.count("does not answer") == 1 and "a-password" not in caplog.text
    store = SharedStore(f"redis://127.0.0.1:{port}/0", "v", clock)
    assert store.find(PHOTO_SHA256) is None and not store.connected
    with redis_server(tmp_path, port):
        store.keep(PHOTO_SHA256, SEVERAL)
        assert not store.connected, "it is not asked before its time"
        clock.now += RETRY_SECONDS
        store.keep(PHOTO_SHA256, SEVERAL)
        assert store.connected and store.find(PHOTO_SHA256) == SEVERAL and "answers again" in caplog.text


@pytest.mark.parametrize("host", ["a..b", "a" * 70], ids=["empty label", "long label"])
def test_a_host_that_is_no_name_is_a_redis_that_does_not_answer(host):
    store = SharedStore(f"redis://{host}", "v", Clock())
    assert store.find(PHOTO_SHA256) is None and not store.connected
    store = SharedStore(f"redis://{host}", "v", Clock())
    store.keep(PHOTO_SHA256, SEVERAL)
    assert spend(store, 1) == [0] and not store.connected


def test_a_redis_that_is_silent_is_not_waited_for_twice():
    connections = []

    async def say_nothing(*streams) -> None:
        connections.append(streams)
        await asyncio.sleep(60)

    async def run() -> None:
        silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        url = f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}/0"
        store = SharedStore(url, "v", Clock())
        assert [await asyncio.wait_for(store.spend("a", 1, 3), 30) for _ in range(50)] == [0] * 50
        assert not store.connected and len(connections) == 1
        store = SharedStore(url, "v", Clock())
        assert await asyncio.to_thread(lambda: [store.find(PHOTO_SHA256) for _ in range(50)]) == [None] * 50
        assert not store.connected and len(connections) == 2
        silent.close()

    run_async(run())


def test_a_redis_that_was_started_again_meanwhile_is_not_away(tmp_path, caplog):
    port = free_port()
    store = SharedStore(f"redis://127.0.0.1:{port}/0{PATIENT}", "v", Clock())

    async def spend_across(servers) -> None:
        for _ in range(2):
            with servers():
                assert await store.spend("a", 1, 3) == 0
                await asyncio.to_thread(store.keep, PHOTO_SHA256, SEVERAL)
                assert store.connected

    run_async(spend_across(lambda: redis_server(tmp_path, port)))
    assert not caplog.records


def test_a_redis_that_speaks_tls_is_asked_with_its_certificate_alone(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here, which makes a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    port = free_port()
    files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate)]
    with redis_server(tmp_path, port, "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", *files):
        address = f"rediss://127.0.0.1:{port}/0"
        trusting = SharedStore(f"{address}{PATIENT}&ssl_ca_certs={certificate}", "v")
        *allowed, refused = spend(trusting, 1, 1, per_minute=1)
        assert allowed == [0] and refused > 30 and trusting.connected
        for url in (address, address.replace("rediss", "redis")):
            store = SharedStore(url, "v")
            assert spend(store, 1, 1, per_minute=1) == [0, 0] and not store.connected


# -- with the app --


def test_two_apps_share_a_clients_limit_and_one_goes_on_without_redis(tmp_path):
    port = free_port()
    environment = {"MAX_PER_MINUTE": "4", "REDIS_URL": f"redis://127.0.0.1:{port}/0{PATIENT}", "PROXIES": "1"}

    def statuses(client: str, *calls: tuple[str, int]) -> list[int]:
        """Return the status of each call; a call is of an app, with a number of photos."""
        headers = {"X-Forwarded-For": client}
        return [
            requests.post(
                f"{url}/classify", files=[("file", ("a.jpg", PHOTO))] * n, headers=headers, timeout=60
            ).status_code
            for url, n in calls
        ]

    # ten photos take more than a minute's share, so that no call is slow enough for another share to have come
    log = tmp_path / "log"
    with running_app(log=log, **environment) as one, running_app(**environment) as other:
        with redis_server(tmp_path, port):
            assert statuses("83.1.1.1", (one, 1), (other, 1), (one, 10), (one, 1), (other, 1)) == [200] * 3 + [429] * 2
            assert statuses("83.1.1.2", (one, 1), (one, 1), (one, 1), (other, 10), (one, 1)) == [200] * 4 + [429]
            assert requests.get(f"{one}/health", timeout=10).json()["shared"] is True
        assert statuses("83.1.1.3", (one, 1), (one, 10), (one, 1)) == [200] * 2 + [429]
        health = requests.get(f"{one}/health", timeout=10)
        assert health.status_code == 200 and health.json()["shared"] is False
    assert log.read_text().count("Redis does not answer") == 1


@pytest.mark.parametrize("address", ["http://:a-password@redis", "redis://:a-password@redis?retries=3"])
def test_an_address_that_is_none_is_told_at_the_start(address, monkeypatch):
    monkeypatch.setenv("REDIS_URL", address)
    with pytest.raises(SystemExit, match="REDIS_URL is no address") as end:
        open_operations(Settings(), Counted())
    assert "a-password" not in str(end.value)


def test_a_package_that_is_missing_is_told_at_the_start(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://redis")
    monkeypatch.setitem(sys.modules, "server.shared_store", None)
    with pytest.raises(SystemExit, match="pip install -r deploy/requirements"):
        open_operations(Settings(), Counted())
