"""README.md and the pages under docs/: their text, their headings and their code blocks."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import yaml

from helpers.paths import ROOT

DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["site_url"]
FENCE = re.compile(r"^( *)```(\w*)[^\n`]*\n(.*?)^\1```[ \t]*$", re.M | re.S)
FRONT_MATTER = re.compile(r"\A---\n.*?^---\n", re.M | re.S)
OUTPUT = ("", "text", "json")  # languages of a block that shows what the block above it printed


@dataclass(frozen=True)
class Block:
    """A code block: its page, its first line there, its language, its text, and the output shown right below it."""

    page: Path
    line: int
    language: str
    text: str
    output: str = ""
    output_language: str = ""

    @property
    def name(self) -> str:
        """The block as a test names it, such as docs/guides/train.md:12."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def pages() -> list[Path]:
    """Return README.md and every page under docs/."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def prose(page: Path) -> str:
    """Return a page without its metadata and its code blocks."""
    return FENCE.sub("", FRONT_MATTER.sub("", page.read_text(encoding="utf-8")))


def blocks_of(page: Path) -> list[Block]:
    """Return the code blocks of a page. Only blank lines lie between a block and its output."""
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    blocks, taken = [], set()
    for i, fence in enumerate(found):
        if i in taken:
            continue
        below = found[i + 1] if i + 1 < len(found) else None
        output, output_language = "", ""
        if (
            below
            and fence[2] not in (*OUTPUT, "console")
            and below[2] in OUTPUT
            and not text[fence.end() : below.start()].strip()
        ):
            output, output_language = textwrap.dedent(below[3]), below[2]
            taken.add(i + 1)
        blocks.append(
            Block(
                page,
                text.count("\n", 0, fence.start()) + 1,
                fence[2],
                textwrap.dedent(fence[3]),
                output,
                output_language,
            )
        )
    return blocks


def blocks(*languages: str) -> list[Block]:
    """Return the code blocks of these languages in all pages; without any, all blocks."""
    return [block for page in pages() for block in blocks_of(page) if not languages or block.language in languages]


def section(page: str, title: str) -> str:
    """Return the text under a heading of a page, up to the next heading of its level or above."""
    text = (ROOT / page).read_text(encoding="utf-8")
    heading = re.search(rf"^(#+) {re.escape(title)}\n", text, re.M)
    rest = text[heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", FENCE.sub(lambda fence: "x" * len(fence[0]), rest), re.M)
    return rest[: following.start()] if following else rest


def page_of(address: str) -> Path | None:
    """Return the page that an address of the published site shows; None where there is none."""
    path = address.removeprefix(SITE).partition("#")[0].strip("/")
    for file in (DOCS / path / "index.md", DOCS / f"{path}.md", DOCS / path):
        if file.is_file():
            return file
    return None


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as mkdocs writes them."""
    titles = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in re.findall(r"^#+ (.+)$", prose(page), re.M)]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def keys_of(data: object, path: str = "") -> set[str]:
    """Return the keys of data as `training.metrics_keys.KEYS` writes them, a name of a label or a photo in capitals."""
    if isinstance(data, list):
        return {path + "[]"} if not data else {key for entry in data for key in keys_of(entry, path + "[]")}
    if not isinstance(data, dict):
        return {path}
    name = {
        "photos": "LABEL",
        "by_label": "LABEL",
        "left_out": "LABEL",
        "answers": "SHA256",
        "SHA256": "INDEX",
        "options": "OPTION",
        "versions": "PACKAGE",
        "days": "DATE",
        "labels": "LABEL",
        "thresholds": "LABEL",
        "predicted": "SHA256",
        "targets": "SHA256",
    }
    last = path.rpartition(".")[2]
    if path == "held_out.familiarity":
        return {f"{path}.SHA256"}
    return {
        key
        for own, value in data.items()
        for key in keys_of(value, ".".join(filter(None, (path, name.get(last, own)))))
    }
