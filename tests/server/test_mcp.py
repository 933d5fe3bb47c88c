"""The app as assistants meet it: a real MCP client over streamable HTTP."""

import ast
import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
import requests

from helpers.apps import running_app
from helpers.paths import EXAMPLE, ROOT

mcp = pytest.importorskip("mcp", reason="the package mcp is not installed: pip install -r requirements.txt")


def talk(url: str, *calls: tuple[str, dict]):
    """Return the tools by name, and what each call brought."""
    from mcp.client.streamable_http import streamable_http_client

    async def session():
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            return tools, [await session.call_tool(name, arguments) for name, arguments in calls]

    with ThreadPoolExecutor(1) as pool:  # of its own: where a browser's test ran before, its loop still runs here
        return pool.submit(anyio.run, session).result()


def data_url(photo: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(photo.read_bytes()).decode()}"


def test_assistant_finds_a_tool_that_it_can_choose_and_use(app_url, expected):
    tools, (teddy, mug) = talk(
        app_url,
        ("classify_photo", {"photo": data_url(EXAMPLE)}),
        ("classify_photo", {"photo": data_url(ROOT / "examples" / "other-mug.jpg")}),
    )
    assert set(tools) == {"classify_photo", "explain"}
    tool = tools["classify_photo"]
    assert "black, grizzly, teddy" in tool.description and "`familiar` is false" in tool.description
    assert "data URL" in tool.inputSchema["properties"]["photo"]["description"]
    assert tool.inputSchema["required"] == ["photo"]
    answer = ast.literal_eval(teddy.content[0].text)
    assert answer["label"] == "teddy" and answer["familiar"] is True
    assert answer["probabilities"] == pytest.approx(expected, abs=1e-5)
    assert ast.literal_eval(mug.content[0].text)["familiar"] is False


def test_explain_brings_a_picture(app_url):
    _, (looked, nonsense) = talk(
        app_url,
        ("explain", {"photo": data_url(EXAMPLE), "label": "black"}),
        ("explain", {"photo": data_url(EXAMPLE), "label": "dog"}),
    )
    assert looked.content[0].type == "image" and base64.b64decode(looked.content[0].data)[:2] == b"\xff\xd8"
    assert nonsense.isError and "There is no label 'dog'" in nonsense.content[0].text


@pytest.mark.parametrize(
    "photo, why",
    [
        ("data:image/jpeg;base64,aGVsbG8=", "This file is not a photo."),
        ("http://127.0.0.1:9/x.jpg", "could not be fetched"),
        ("/etc/passwd", "provide a url"),
    ],
    ids=["no photo", "private address", "path"],
)
def test_what_cannot_be_answered_comes_back_as_a_sentence(app_url, photo, why):
    _, (answer,) = talk(app_url, ("classify_photo", {"photo": photo}))
    assert answer.isError and why in answer.content[0].text and "Traceback" not in answer.content[0].text


def test_only_the_transport_that_is_counted_is_open(app_url):
    assert requests.get(f"{app_url}/gradio_api/mcp/sse", timeout=10).status_code == 404
    assert requests.post(f"{app_url}/gradio_api/mcp/messages/", timeout=10).status_code == 404


def test_on_spaces_the_tool_has_the_spaces_name_in_front_and_photos_lie_with_the_uploads(tmp_path):
    with running_app(SYSTEM="spaces", SPACE_ID="me/Bear-Guide", GRADIO_TEMP_DIR=str(tmp_path / "uploads")) as url:
        photo = data_url(EXAMPLE)
        tools, (answer,) = talk(url, ("Bear_Guide_classify_photo", {"photo": photo}))
        assert set(tools) == {"Bear_Guide_classify_photo", "Bear_Guide_explain"}
        assert ast.literal_eval(answer.content[0].text)["label"] == "teddy"
        sent = [
            file
            for file in (tmp_path / "uploads").rglob("*")
            if file.is_file() and file.read_bytes() == EXAMPLE.read_bytes()
        ]
        assert sent, "what an assistant sent is swept with the uploads"
        schema = requests.get(f"{url}/gradio_api/mcp/schema", timeout=30).json()
        assert "Bear_Guide_classify_photo" in [tool["name"] for tool in schema]
