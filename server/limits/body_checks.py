"""What may be in a body, checked part by part as it arrives, before anything parses it.

    check = check_of("json", headers)
    if refusal := check(part): ...

JSON has a number of elements, a form a number of parts and files. Each would cost its parser memory and time that
its bytes do not tell of. Counting is done by functions of C on parts of 64 kB, so that no other request waits for it.
"""
from collections.abc import Callable
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers

from .errors import Refusal

MOST_OPENED = 100  # [ and { in a JSON body: an upper bound of its depth too
MOST_ELEMENTS = 1000  # commas and colons; a photo with its label has about 20
FIELD_BYTES = 10_000  # of a form beside its files
FILE_HEADER_BYTES = 8000  # of each file's own lines: a file's name may be long
OTHER_PARTS = 8  # of a form beside its files

TOO_MANY_ELEMENTS = Refusal(413, "This JSON has too many elements. Send one photo in each request, and nothing else.")
HOW_TO_SEND = "Send a photo as the multipart field `file`, or as the body itself: curl -F file=@photo.jpg URL."
UNREADABLE_FORM = Refusal(400, f"This request cannot be read. {HOW_TO_SEND}")
TOO_MUCH_BESIDE = Refusal(413, "There is too much in this form beside its photos.")

Check = Callable[[bytes], Refusal | None]


class JsonCheck:
    """Counts what JSON's elements are marked off by. Inside of strings too: base64 has none of these."""

    def __init__(self):
        self._opened = self._elements = 0

    def __call__(self, part: bytes) -> Refusal | None:
        """Return why a body goes no further after this part of it, or None."""
        self._opened += part.count(b"[") + part.count(b"{")
        self._elements += part.count(b",") + part.count(b":")
        return TOO_MANY_ELEMENTS if self._opened > MOST_OPENED or self._elements > MOST_ELEMENTS else None


@dataclass
class FormCheck:
    """Reads a form as Starlette and Gradio do, by the same parser, and keeps nothing of it."""

    boundary: bytes
    most_files: int
    on_file: Callable[[], None]
    """called for each file after the first"""
    parts: int = 0
    files: int = 0
    _bytes_beside: int = 0
    _is_file: bool = False
    _header: tuple[bytes, bytes] = (b"", b"")
    _disposition: bytes = b""
    _refusal: Refusal | None = None

    def __post_init__(self):
        self._parser = MultipartParser(self.boundary, {
            "on_part_begin": self._part_begins, "on_part_data": self._data, "on_header_field": self._header_name,
            "on_header_value": self._header_value, "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end})

    def __call__(self, part: bytes) -> Refusal | None:
        """Return why a body goes no further after this part of it, or None."""
        try:
            self._parser.write(part)
        except FormParserError:
            return UNREADABLE_FORM
        return self._refusal

    def _part_begins(self) -> None:
        self.parts += 1
        self._disposition = b""
        if self.parts > self.most_files + OTHER_PARTS:
            self._refuse(TOO_MUCH_BESIDE)

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = self._header[0] + data[start:end], self._header[1]
        self._count(end - start)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = self._header[0], self._header[1] + data[start:end]
        self._count(end - start)

    def _header_ends(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        self._header = b"", b""

    def _headers_end(self) -> None:
        self._is_file = b"filename" in parse_options_header(self._disposition)[1]
        if not self._is_file:
            return
        self.files += 1
        if self.files > self.most_files:
            self._refuse(Refusal(413, f"One call takes {self.most_files} photos. Send the others in another."))
        elif self.files > 1:
            self.on_file()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._count(end - start)

    def _count(self, n: int) -> None:
        self._bytes_beside += n
        if self._bytes_beside > FIELD_BYTES + FILE_HEADER_BYTES * self.most_files:
            self._refuse(TOO_MUCH_BESIDE)

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = self._refusal or refusal


def is_form(headers: Headers) -> bool:
    """Return whether a request says that its body is a form with files, read as its parsers read it."""
    return parse_options_header(headers.get("content-type"))[0] == b"multipart/form-data"


def is_json(headers: Headers) -> bool:
    """Return whether a request says that its body is JSON."""
    kind = parse_options_header(headers.get("content-type"))[0]
    return kind.startswith(b"application/") and (kind == b"application/json" or kind.endswith(b"+json"))


def form_check(headers: Headers, most_files: int, on_file: Callable[[], None]) -> FormCheck | None:
    """Return the check of a form; None where it has no boundary that can be used."""
    try:
        return FormCheck(parse_options_header(headers.get("content-type"))[1][b"boundary"], most_files, on_file)
    except (KeyError, FormParserError):
        return None
