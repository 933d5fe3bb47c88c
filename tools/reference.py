"""Write the reference pages of the documentation from the code, so that the two agree.

Reads  the commands' arguments, the settings, the app's description of its API, and what the code says of each key
Writes docs/reference/{commands,settings,http-api,metrics,feedback-records}.md

    python tools/reference.py

What a page says of an option or a key lies in the code, beside it: change it there, and run this again.
tests/docs/test_reference.py fails while a page differs from what this writes.
"""

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from argparse import SUPPRESS, Action
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, Python looks in tools/ alone

from fastcore.script import anno_parser  # noqa: E402

from training.__main__ import COMMANDS  # noqa: E402

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by tools/reference.py from the code. Change the code, then run `python tools/reference.py`. -->\n"
PART = re.compile(r"(Reads|Writes|Gives)\s+")  # how a paragraph of a module's docstring names its files
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


def escaped(text: str) -> str:
    """Return text as Markdown that shows it as it stands, in a table too; what is in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        (part if i % 2 else re.sub(r"([<>*\\])", r"\\\1", part)).replace("|", r"\|") for i, part in enumerate(parts)
    )


def sentence(text: str) -> str:
    """Return text with a capital in front, unless it begins with a name, and a full stop at the end."""
    text = escaped(text)
    if re.match(r"[a-z]+[ ,:;]", text):
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def table(*rows: tuple[str, ...]) -> str:
    """Return a Markdown table; the first row is its head."""
    head, *rows = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)) + "\n"


def page(title: str, *parts: str) -> str:
    """Return a page: its title, and its parts with an empty line between."""
    return "\n\n".join([f"{NOTE}\n# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def described(docstring: str) -> list[str]:
    """Return a module's docstring as parts of a page: paragraphs, lists of what it reads and writes, and commands."""
    parts = []
    for paragraph in docstring.strip().split("\n\n"):
        if paragraph == "Usage:":
            continue
        if paragraph.startswith("    "):
            parts.append(f"```bash\n{textwrap.dedent(paragraph)}\n```")
        elif PART.match(paragraph):
            items = []
            for line in paragraph.splitlines():
                named = PART.match(line)
                items += [f"- {named[1]}: {line[named.end() :]}"] if named else []
                items[-1] += "" if named else f" {line.strip()}"
            parts.append("\n".join(map(escaped, items)))
        else:
            parts.append(escaped(paragraph))
    return parts


# Commands


def shown_default(action: Action) -> str:
    """Return an option's default for the table."""
    if not action.option_strings and action.nargs is None:
        return "required"
    if action.nargs == 0:
        return "off"
    return "" if action.default in (None, "") else f"`{action.default}`"


def arguments(main) -> str:
    """Return a table of a command's arguments, in the order of its signature."""
    rows = []
    for action in anno_parser(main)._actions:  # argparse has no public way to list them
        if action.dest != "help" and action.help != SUPPRESS:
            name = action.option_strings[0] if action.option_strings else action.dest.upper()
            name += " …" if action.nargs == "*" else ""
            meaning = re.sub(r" \(default: .*\)$", "", action.help or "")
            rows.append((f"`{name}`", shown_default(action), sentence(meaning)))
    return table(("argument", "default", "meaning"), *rows)


def command(module: str) -> list[str]:
    """Return the parts of the page that describe `python -m MODULE`."""
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    return [f"## python -m {module}", *described(found.__doc__), arguments(found.main)]


def targets() -> str:
    """Return a table of the Makefile's targets."""
    found = re.findall(r"^([a-z-]+):.*?## (.*)$", (ROOT / "Makefile").read_text(), re.M)
    return table(("command", "meaning"), *((f"`make {name}`", sentence(meaning)) for name, meaning in found))


def commands() -> str:
    """Return the page of commands."""
    app = ast.get_docstring(ast.parse((ROOT / "app.py").read_text()), clean=False)
    return page(
        "Commands",
        "`python -m training` lists the commands of the pipeline in the order in which they are used. "
        "`python -m training.COMMAND --help` shows the options of one.",
        "An argument in capitals is given by its place; one that begins with `--` by its name. An option whose default "
        "is *off* takes no value.".replace("*off*", "`off`"),
        *(part for name in COMMANDS for part in command(f"training.{name}")),
        *command("classifier"),
        "## python app.py",
        *described(app),
        "It has no options: [settings](settings.md) come from the environment.",
        "## make",
        '`make` alone lists these. `DATA=folder` names the photos, `ARGS="…"` gives further options.',
        targets(),
    )


# Settings


def number(value: object) -> str:
    """Return a number without an exponent; a text as it is."""
    return f"{value:g}" if isinstance(value, float) and value < 1e6 else str(value)


def settings() -> str:
    """Return the page of settings."""
    from classifier import telemetry
    from server.environment import ENVIRONMENT
    from server.settings import Settings

    limits = []
    for field in fields(Settings):
        of = field.metadata
        allowed = f"{number(of['least'])} to {number(of['most'])}" if "least" in of else ""
        limits.append(
            (
                f"`{field.name.upper()}`",
                number(field.default) or "none",
                allowed,
                sentence(of["what"]),
                escaped(of.get("beyond", "")),
            )
        )
    reasons = dict(re.findall(r'^    "(\w+)": "[^"]*",  # (.+)$', inspect.getsource(telemetry), re.M))
    off = [(f"`{name}`", f"`{value}`", escaped(reasons[name])) for name, value in telemetry.OFF.items()]
    others = [(f"`{name}`", escaped(default), sentence(meaning)) for name, (default, meaning) in ENVIRONMENT.items()]
    return page(
        "Settings",
        "The app and the commands read their settings from the environment. On a Space they are under Settings, "
        "Variables and secrets.",
        "```bash\nMAX_UPLOAD_MB=50 python app.py\n```",
        "## Limits",
        "Whoever meets a limit reads a sentence: in JSON, with the status in the last column and, where waiting helps, "
        "`Retry-After`. A value that is no number or out of range is named in the log, and the default is used. "
        "[Limits and security](../guides/limits-and-security.md) explains them.",
        table(("variable", "default", "range", "what it limits", "beyond it"), *limits),
        "## Other settings",
        table(("variable", "default", "meaning"), *others),
        "## Telemetry",
        "The app and the commands set these before they import the libraries. A variable that you set stays as it is.",
        table(("variable", "set to", "what it switches off"), *off),
    )


# HTTP API


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


# Files


def keys(meanings: dict[str, str]) -> str:
    """Return a table of a file's keys."""
    return table(("key", "meaning"), *((f"`{key}`", sentence(meaning)) for key, meaning in meanings.items()))


def metrics() -> str:
    """Return the page of metrics.json."""
    from training import metrics_keys

    groups: dict[str, dict[str, str]] = {}
    for key, meaning in metrics_keys.KEYS.items():
        groups.setdefault(re.split(r"[.\[]", key)[0], {})[key] = meaning
    alone = {key: meaning for group in groups.values() if len(group) == 1 for key, meaning in group.items()}
    return page(
        "metrics.json",
        *described(metrics.__doc__),
        "A name in capitals stands for any name, `[]` for each entry of a list. Shares lie between 0 and 1; times are "
        "UTC. `python -m training.train` writes the file; `trust` is added by `python -m benchmarks.trust --save`.",
        "## The run",
        keys(alone),
        *(part for name, group in groups.items() if len(group) > 1 for part in (f"## {name}", keys(group))),
    )


def feedback_records() -> str:
    """Return the page of the feedback's files."""
    from server.feedback import counters, records, store

    def files(module) -> list[str]:
        """Return a module's docstring without its title, and with JSON as JSON."""
        parts = described(module.__doc__)[1:]
        return [part.replace("```bash\n{", "```text\n{") for part in parts]

    return page(
        "Feedback records",
        escaped(store.__doc__.split("\n")[0]) + " [Collect feedback](../guides/feedback.md) explains how to use them.",
        "## Files",
        *(part for part in files(store) if not part.startswith("- Writes")),
        "\n".join(
            f"- {file}"
            for file in next(
                part.removeprefix("- Reads: ") for part in files(records) if part.startswith("- Reads")
            ).split("; ")
        ),
        "## A record",
        keys(records.RECORD),
        "## A counter file",
        escaped(counters.__doc__.split("\n")[0]),
        *files(counters),
        keys(records.COUNTERS),
    )


PAGES = {
    "commands": commands,
    "settings": settings,
    "http-api": http_api,
    "metrics": metrics,
    "feedback-records": feedback_records,
}


def main() -> None:
    """Write the pages, and say which of them changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    changed = 0
    for name, write in PAGES.items():
        file, text = FOLDER / f"{name}.md", write()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed += 1
            print(f"{file.relative_to(ROOT)}: written")
    print(f"{len(PAGES)} pages, {changed} changed")


if __name__ == "__main__":
    main()
