"""Write the reference pages of the documentation from the code, so that the two agree.

Reads  the commands' arguments, the settings, the app's description of its API, and what the code says of each key
Writes docs/reference/{commands,settings,http-api,metrics,feedback-records}.md

    python -m tools.reference

What a page says of an option or a key lies in the code, beside it: change it there, and run this again.
tests/docs/test_reference.py fails while a page differs from what this writes.
"""

from . import FOLDER, PAGES
from .markdown import ROOT


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
