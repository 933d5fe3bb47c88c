"""server/limits/body_checks.py: bodies are counted by what they hold before anything parses them."""

import json

import pytest
from starlette.datastructures import Headers

from server.limits.body_checks import JsonCheck, form_check, is_form, is_json

PHOTO = "data:image/jpeg;base64," + "Q" * 1_000_000


def parts(data: bytes, size: int = 65_536) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def refusal(check, data: bytes, size: int = 65_536):
    return next((refusal for part in parts(data, size) if (refusal := check(part))), None)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [PHOTO]},
        {"data": [{"url": PHOTO, "meta": {"_type": "gradio.FileData"}}, "black"]},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x", "arguments": {"photo": PHOTO}}},
        {"data": [None], "event_data": {"index": 1, "value": "x"}, "fn_index": 3, "session_hash": "abc"},
    ],
    ids=str,
)
def test_photos_in_json_pass(body):
    assert refusal(JsonCheck(), json.dumps(body).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 1000 + b"1]",
        b"[" * 200,
        b'{"a":' * 200,
        b"[" + b"1," * 2000 + b"1]",
        b'{"data": ["a", "b"' * 100,
        b"[" + b'"",' * 2000 + b"1]",
        ("[" + "1," * 2000 + "1]").encode("utf-16"),
        b"{" + b'"a":1,' * 1000 + b'"b":1}',
    ],
    ids=["lists", "deep", "deep objects", "numbers", "broken", "strings", "utf-16", "keys"],
)
def test_json_of_many_elements_is_refused_early(body):
    for size in (1, 10, 65_536):
        assert refusal(JsonCheck(), body, size).status == 413
    assert refusal(JsonCheck(), body[:5000]).status == 413 or len(body) < 5000


def form(*fields: tuple[str, str | None, bytes]) -> tuple[Headers, bytes]:
    """Return the headers and body of a form: name, file name or None, and content of each part."""
    body = (
        b"".join(
            b'--xx\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
            % (name.encode(), f'; filename="{file}"'.encode() if file is not None else b"", data)
            for name, file, data in fields
        )
        + b"--xx--\r\n"
    )
    return Headers({"content-type": "multipart/form-data; boundary=xx"}), body


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_files_of_a_form_are_counted_one_by_one(size):
    headers, body = form(("file", "a.jpg", b"1" * 100), ("file", "b.jpg", b"--xx"), ("label", None, b"bear"))
    counted = []
    check = form_check(headers, 16, lambda: counted.append(1))
    assert refusal(check, body, size) is None and (check.parts, check.files, len(counted)) == (3, 2, 1)


@pytest.mark.parametrize(
    "fields, status",
    [
        ([("file", f"{i}.jpg", b"x") for i in range(1000)], 413),
        ([("a", None, b"x")] * 1000, 413),
        ([("a", None, b"x" * 200_000)], 413),
        ([("file", "", b"x")] * 17, 413),
    ],
    ids=["files", "fields", "text", "no name"],
)
def test_forms_of_many_parts_are_refused(fields, status):
    headers, body = form(*fields)
    assert refusal(form_check(headers, 16, lambda: None), body).status == status


def test_what_is_no_form_is_refused():
    headers, _ = form()
    assert refusal(form_check(headers, 16, lambda: None), b"rubbish" * 100).status == 400
    head = b"--xx\r\n" + b"".join(b"x-%d: y\r\n" % i for i in range(100))
    assert refusal(form_check(headers, 16, lambda: None), head).status == 400
    for kind in ("multipart/form-data", "multipart/form-data; boundary=" + "x" * 300):
        assert form_check(Headers({"content-type": kind}), 16, lambda: None) is None


def test_kinds_of_bodies_are_told_apart():
    for kind, json_, form_ in (
        ("application/json", True, False),
        ("Application/JSON; charset=utf-8", True, False),
        ("application/x+json", True, False),
        ("text/json", False, False),
        ("", False, False),
        ("multipart/form-data; boundary=x", False, True),
        ("Multipart/Form-Data", False, True),
    ):
        headers = Headers({"content-type": kind} if kind else {})
        assert (is_json(headers), is_form(headers)) == (json_, form_)
