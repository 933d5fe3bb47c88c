"""deploy/prometheus.yml and deploy/grafana/fieldguide.json with a real Prometheus that reads two replicas."""

import json
import shutil
import socket
import subprocess
import time
from urllib.parse import urlsplit

import pytest
import requests

from helpers.apps import running_app
from helpers.paths import ROOT
from helpers.poison import until
from helpers.raw_http import PHOTO

TOKEN = "a-token"
JOB = "fieldguide"
STRANGE = (ROOT / "examples" / "other-mug.jpg").read_bytes()
BOARD = json.loads((ROOT / "deploy" / "grafana" / "fieldguide.json").read_text())
QUERIES = {
    target["expr"].replace("$__rate_interval", "1m").replace("$job", JOB): panel["title"]
    for panel in BOARD["panels"]
    for target in panel["targets"]
}


def config_of(*replicas: str) -> str:
    """Return deploy/prometheus.yml for replicas that want a token, read each second."""
    text = (ROOT / "deploy" / "prometheus.yml").read_text()
    changes = {
        "scrape_interval: 15s": f"scrape_interval: 1s\n    authorization: {{credentials: {TOKEN}}}",
        "app-1:7860, app-2:7860": ", ".join(urlsplit(url).netloc for url in replicas),
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Yield what asks a Prometheus that reads two replicas, which have answered some photos."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no Prometheus here (on Debian: apt-get install prometheus)")
    folder, options = tmp_path_factory.mktemp("prometheus"), {"METRICS": "1", "METRICS_TOKEN": TOKEN}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with running_app(**options) as one, running_app(**options) as other:
        (folder / "prometheus.yml").write_text(config_of(one, other))
        command = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"]
        running = subprocess.Popen([*command, f"--web.listen-address={address}"], cwd=folder)

        def ask(query: str) -> list[dict]:
            found = requests.get(f"http://{address}/api/v1/query", params={"query": query}, timeout=30).json()
            assert found["status"] == "success", found
            return found["data"]["result"]

        def reads_both() -> bool:
            try:
                return [result["value"][1] for result in ask("up")] == ["1", "1"]
            except requests.RequestException:  # it is about to start
                return False

        try:
            until(reads_both, 60)
            began = time.time()
            for url in (one, other):
                for data in (PHOTO, STRANGE, b"no photo"):
                    requests.post(f"{url}/classify", data=data, timeout=60)
            until(lambda: float(ask("min(timestamp(up))")[0]["value"][1]) > began + 3, 60)  # a rate takes two readings
            yield ask
        finally:
            running.kill()
            running.wait(20)


@pytest.mark.slow
def test_each_query_of_the_board_has_an_answer(prometheus):
    answers = {query: prometheus(query) for query in QUERIES}
    without = [
        QUERIES[query]
        for query, answer in answers.items()
        if not answer or any(result["value"][1] == "NaN" for result in answer)
    ]
    assert without == []


@pytest.mark.slow
def test_what_is_counted_is_what_was_asked(prometheus):
    answers = {
        (result["metric"]["label"], result["metric"]["familiar"]): float(result["value"][1])
        for result in prometheus("sum by (label, familiar) (fieldguide_answers_total)")
    }
    assert {key: n for key, n in answers.items() if n} == {("teddy", "yes"): 2, ("teddy", "no"): 2}
    refused = prometheus("sum by (reason) (fieldguide_refusals_total) > 0")
    assert [float(result["value"][1]) for result in refused] == [2]
    assert len(prometheus("fieldguide_model")) == 2 and len(prometheus("count by (version) (fieldguide_model)")) == 1
