"""The page of the HTTP API: requests, JSON objects, Gradio's endpoints and the tools for assistants."""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from types import SimpleNamespace

from .markdown import ROOT, escaped, page, sentence, table

KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
DESCRIBE = """
import gradio.mcp, json, sys
import app
info, server = app.demo.get_api_info()["named_endpoints"], gradio.mcp.GradioMCPServer(app.demo)
tools = {}
for name, endpoint in server.tool_to_endpoint.items():
    function = server.get_block_fn_from_endpoint_name(endpoint)
    if getattr(function.fn, "_mcp_type", "tool") == "tool":
        description, parameters = server.get_fn_description(function, name)
        tools[name] = [(function.api_description or function.fn.__doc__.split("Args:")[0]).strip(), parameters]
print()
print(json.dumps([info, tools]))
"""


@cache
def openapi() -> dict:
    """Return the app's description of POST /classify and GET /health, as /openapi.json has it."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from server.api import routes
    from server.settings import Settings

    # routes are described without a model: nothing of it is in the description but its version, which is left out
    parts = routes(None, SimpleNamespace(short_version="-"), SimpleNamespace(settings=Settings()), lambda: None)
    return TestClient(Starlette(routes=parts)).get("/openapi.json").json()


@cache
def gradio() -> tuple[dict, dict]:
    """Return Gradio's named endpoints and the tools for assistants, as the app in a process of its own tells them."""
    with tempfile.TemporaryDirectory() as folder:  # with FEEDBACK, since /feedback is there only then
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DESCRIBE],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "FEEDBACK": folder, "GRADIO_TEMP_DIR": folder},
        )
    if run.returncode:
        sys.exit(run.stderr)
    return tuple(json.loads(run.stdout.splitlines()[-1]))


def kind(schema: dict) -> str:
    """Return the type of a value in JSON, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(map(kind, schema[key])))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if "additionalProperties" in schema and schema["additionalProperties"] is not True:
        return f"{kind(schema['additionalProperties'])} by name"
    return KINDS.get(schema.get("type"), "JSON")


def operation(path: str, method: str, of: dict) -> list[str]:
    """Return the parts of the page that describe one request and its answers."""
    parts = [f"## {method.upper()} {path}", f"{sentence(of['summary'])} {escaped(of.get('description', ''))}"]
    if body := of.get("requestBody"):
        forms = [
            f"- `{form}`: "
            + (
                ", ".join(
                    f"the field `{name}`: {escaped(field['description'])}"
                    for name, field in content["schema"].get("properties", {}).items()
                )
                or "the photo itself"
            )
            for form, content in body["content"].items()
        ]
        parts += ["The body is one of these:", "\n".join(forms)]
    rows = [
        (
            f"`{status}`",
            sentence(answer["description"]),
            ", ".join(kind(content["schema"]) for content in answer.get("content", {}).values()),
        )
        for status, answer in of["responses"].items()
    ]
    return [*parts, table(("status", "meaning", "body"), *rows)]


def schema(name: str, of: dict) -> list[str]:
    """Return the parts of the page that describe a JSON object."""
    rows = [
        (f"`{key}`", kind(field), sentence(field.get("description", ""))) for key, field in of["properties"].items()
    ]
    return [f"### {name}", sentence(of.get("description", "")), table(("key", "type", "meaning"), *rows)]


def endpoint(name: str, of: dict) -> tuple[str, ...]:
    """Return the row of one of Gradio's endpoints."""
    takes = ", ".join(
        f"`{one['parameter_name']}` ({escaped(one['python_type']['type'])}"
        f"{', optional' if one['parameter_has_default'] else ''})"
        for one in of["parameters"]
    )
    gives = ", ".join(escaped(one["python_type"]["type"]) for one in of["returns"])
    return f"`{name}`", takes, gives, escaped(of["description"])


def http_api() -> str:
    """Return the page of the HTTP API."""
    from server import mcp_tools

    api, (endpoints, tools) = openapi(), gradio()
    schemas = {name: of for name, of in api["components"]["schemas"].items() if "properties" in of}
    found = [
        part
        for path, methods in api["paths"].items()
        for method, of in methods.items()
        for part in operation(path, method, of)
    ]
    return page(
        "HTTP API",
        "An app describes itself: `/docs` is a page, `/openapi.json` the same for programs. "
        "[Call it from an app](../tutorials/call-it-from-an-app.md) has ready examples in several languages, "
        "[settings](settings.md) the limits.",
        *found,
        "## JSON objects",
        *(part for name, of in schemas.items() for part in schema(name, of)),
        "## Gradio's endpoints",
        'Each is called as `POST /gradio_api/run/NAME` with its parameters in order, `{"data": [ … ]}`, or by '
        "Gradio's clients. A photo is first sent to `POST /gradio_api/upload`. `/gradio_api/info` describes them for "
        "programs. `/feedback` is there where [`FEEDBACK`](settings.md#other-settings) is set.",
        table(("endpoint", "parameters", "answer", "meaning"), *(endpoint(*one) for one in sorted(endpoints.items()))),
        "## Tools for assistants (MCP)",
        sentence(mcp_tools.__doc__.strip().split("\n")[0]) + " The shipped model describes its tools so:",
        *(
            part
            for name, (meaning, parameters) in sorted(tools.items())
            for part in (
                f"### Tool {name}",
                escaped(meaning),
                table(("argument", "meaning"), *((f"`{key}`", sentence(text)) for key, text in parameters.items())),
            )
        ),
    )
