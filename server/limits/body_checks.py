"""Checks of request bodies: the number of elements, parts and files, counted as they arrive, before they are parsed.

    check = form_check(headers, max_files=16, on_file=count)
    if error := check(part): ...

Each element of JSON and each part of a form costs its parser memory and time beyond its bytes. Counting is done by
functions of C on parts of 64 kB, so that no other request waits for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers

from .errors import ErrorResponse

MAX_BRACKETS = 100  # [ and { in a JSON body: an upper bound of its depth too
MAX_SEPARATORS = 1000  # commas and colons; a photo with its label has about 20
MAX_FIELD_BYTES = 10_000  # of a form beside its files
MAX_FILE_HEADER_BYTES = 8000  # of each file's own lines: a file's name may be long
MAX_OTHER_PARTS = 8  # of a form beside its files

TOO_MANY_ELEMENTS = ErrorResponse(
    413, "This JSON has too many elements. Send one photo in each request, and nothing else.", reason="too large"
)
HOW_TO_SEND = "Send a photo as the multipart field `file`, or as the body itself: curl -F file=@photo.jpg URL."
UNREADABLE_FORM = ErrorResponse(400, f"This request cannot be read. {HOW_TO_SEND}", reason="unreadable")
TOO_MUCH_BESIDE_FILES = ErrorResponse(413, "There is too much in this form beside its photos.", reason="too large")


class JsonCheck:
    """Counts the brackets and separators of JSON, in strings too: base64 has none of these."""

    def __init__(self) -> None:
        self._brackets = self._separators = 0

    def __call__(self, part: bytes) -> ErrorResponse | None:
        """Return the error response for a body that fails the check with this part of it, or None."""
        self._brackets += part.count(b"[") + part.count(b"{")
        self._separators += part.count(b",") + part.count(b":")
        return TOO_MANY_ELEMENTS if self._brackets > MAX_BRACKETS or self._separators > MAX_SEPARATORS else None


@dataclass
class FormCheck:
    """Counts parts, files and bytes of a form, with the parser that Starlette and Gradio use; keeps nothing of it."""

    boundary: bytes
    max_files: int
    on_file: Callable[[], None]
    """called for each file after the first"""
    parts: int = 0
    files: int = 0
    _bytes_beside: int = 0
    _is_file: bool = False
    _header: tuple[bytes, bytes] = (b"", b"")
    _disposition: bytes = b""
    _error: ErrorResponse | None = None

    def __post_init__(self) -> None:
        self._parser = MultipartParser(
            self.boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_part_data": self._on_data,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_end,
            },
        )

    def __call__(self, part: bytes) -> ErrorResponse | None:
        """Return the error response for a body that fails the check with this part of it, or None."""
        try:
            self._parser.write(part)
        except FormParserError:
            return UNREADABLE_FORM
        return self._error

    def _on_part_begin(self) -> None:
        self.parts += 1
        self._disposition = b""
        if self.parts > self.max_files + MAX_OTHER_PARTS:
            self._fail(TOO_MUCH_BESIDE_FILES)

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = self._header[0] + data[start:end], self._header[1]
        self._count(end - start)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = self._header[0], self._header[1] + data[start:end]
        self._count(end - start)

    def _on_header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        self._header = b"", b""

    def _on_headers_end(self) -> None:
        self._is_file = b"filename" in parse_options_header(self._disposition)[1]
        if not self._is_file:
            return
        self.files += 1
        if self.files > self.max_files:
            message = f"One call takes {self.max_files} photos. Send the others in another."
            self._fail(ErrorResponse(413, message, reason="too large"))
        elif self.files > 1:
            self.on_file()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._count(end - start)

    def _count(self, n: int) -> None:
        self._bytes_beside += n
        if self._bytes_beside > MAX_FIELD_BYTES + MAX_FILE_HEADER_BYTES * self.max_files:
            self._fail(TOO_MUCH_BESIDE_FILES)

    def _fail(self, error: ErrorResponse) -> None:
        self._error = self._error or error


def is_form(headers: Headers) -> bool:
    """Return whether a request's Content-Type is that of a form with files, read as its parsers read it."""
    return parse_options_header(headers.get("content-type"))[0] == b"multipart/form-data"


def is_json(headers: Headers) -> bool:
    """Return whether a request's Content-Type is that of JSON."""
    kind = parse_options_header(headers.get("content-type"))[0]
    return kind.startswith(b"application/") and (kind == b"application/json" or kind.endswith(b"+json"))


def form_check(headers: Headers, max_files: int, on_file: Callable[[], None]) -> FormCheck | None:
    """Return the check of a form; None where it has no boundary that can be used."""
    try:
        return FormCheck(parse_options_header(headers.get("content-type"))[1][b"boundary"], max_files, on_file)
    except (KeyError, FormParserError):
        return None
