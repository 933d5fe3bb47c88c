"""benchmarks/rolling.py, server/launch.py: a replica that is told to stop, and one that takes its place."""

import shutil
import signal
import sys
import time

import pytest
import requests

from benchmarks.rolling import roll
from helpers.apps import app_process
from helpers.raw_http import PHOTO


@pytest.mark.slow
def test_two_replicas_are_replaced_and_no_request_fails():
    if not shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin"):
        pytest.skip("no nginx here (on Debian: apt-get install nginx-light)")
    told, failed = roll(requests=300, threads=2)
    assert failed == 0, told


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at once")
def test_after_a_delay_that_load_balancers_need_it_stops():
    with app_process(STOP_DELAY="12") as (process, url):
        process.send_signal(signal.SIGTERM)
        while (health := requests.get(f"{url}/health", timeout=30)).status_code == 200:
            time.sleep(0.05)
        assert health.status_code == 503 and "about to stop" in health.json()["why"]
        assert requests.post(f"{url}/classify", data=PHOTO, timeout=60).status_code == 200
        assert process.wait(60) == 0
