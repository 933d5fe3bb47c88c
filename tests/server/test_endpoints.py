"""server/limits/endpoints.py: what is open, and under which names."""

import pytest

from server.limits.endpoints import rule_of


@pytest.mark.parametrize(
    "path, body",
    [
        ("/classify", "photo"),
        ("/gradio_api/upload", "upload"),
        ("/gradio_api/run/predict", "json"),
        ("/gradio_api/api/predict/", "json"),
        ("/gradio_api/call/predict", "json"),
        ("/gradio_api/call/v2/explain", "json"),
        ("/gradio_api/queue/join", "json"),
        ("/gradio_api/mcp/", "json"),
        ("/gradio_api/cancel", "small"),
        ("/gradio_api/reset", "small"),
    ],
)
def test_what_is_sent_has_its_kind_of_body(path, body):
    assert rule_of("POST", path).body == body
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"):
        assert rule_of(method, path).body == "none"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/health",
        "/assets/index.js",
        "/gradio_api/file=/tmp/x.jpg",
        "/gradio_api/heartbeat/x",
        "/gradio_api/queue/data",
        "/gradio_api/call/predict/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_what_is_read_takes_no_body(path, method):
    assert rule_of(method, path).body == "none"


def test_streams_and_files_are_known():
    for path in ("heartbeat/x", "queue/data", "upload_progress", "call/predict/x", "call/v2/predict/x", "mcp/"):
        assert rule_of("GET", f"/gradio_api/{path}").stream
    assert rule_of("GET", "/gradio_api/file=/tmp/x.jpg").file and rule_of("GET", "/gradio_api/file/tmp/x\n.jpg").file
    assert not rule_of("GET", "/").stream and not rule_of("GET", "/").file


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//classify",
        "/classify/",
        "/Classify",
        "/classify\n",
        "/./classify",
        "/x/../classify",
        "/classify;x",
        "/sub",
        "/gradio_api",
        "/gradio_api/",
        "//gradio_api/run/predict",
        "/gradio_api/run/a/b",
        "/gradio_api//run/predict",
        "/GRADIO_API/run/predict",
        "/gradio_api/file=http://x",
        "/gradio_api/file=HTTPS://x",
        "/gradio_api/file/http://x",
        "/gradio_api/proxy=http://x",
        "/gradio_api/stream/x",
        "/gradio_api/component_server",
        "/gradio_api/dev/reload",
        "/gradio_api/runs",
        "/gradio_api/run-history/records",
        "/gradio_api/vibe-edit",
        "/gradio_api/process_recording",
        "/gradio_api/mcp/sse",
        "/gradio_api/mcp/messages/",
        "/gradio_api/profiling/traces",
        "/gradio_api/new-in-2027",
        "/monitoring",
        "/login",
        "/pwa_icon/100000",
        "/gradio_api/deep_link",
        "/gradio_api/custom_component/x/y/z/a",
    ],
)
def test_what_is_not_listed_does_not_exist(path):
    for method in ("GET", "POST", "PUT"):
        assert rule_of(method, path) is None
