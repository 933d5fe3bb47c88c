"""Write a site into a folder, all of it or nothing, and only over an earlier site.

Gives  `check_out`, before the work, and `write_site`

SHA256SUMS in the folder lists its files. A folder that holds anything else, or a file that was changed since, is left
alone. `sha256sum -c SHA256SUMS` checks a copy of the site.
"""

import hashlib
import re
import shutil
from pathlib import Path

from fastcore.script import CliError

from classifier.files import sha256

SUMS = "SHA256SUMS"


def check_out(out: str) -> Path:
    """Return the folder that a site may be written to; CliError where it holds other things than an earlier site.

    The site that an interrupted run had moved aside is put back first.
    """
    folder = Path(out).resolve()
    try:
        aside = _aside(folder)
        if aside.is_dir() and not folder.exists():
            aside.rename(folder)
        if folder.exists() and not folder.is_dir():
            raise CliError(f"--out {out} is a file. Name a folder.")
        others = strangers(folder) if folder.exists() else []
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror or error}.") from error
    if others:
        raise CliError(
            f"--out {out} holds {others[0]}{' and more' if len(others) > 1 else ''}, which no earlier site left there "
            "as it is now. Name a new folder, or move it away."
        )
    return folder


def strangers(folder: Path) -> list[str]:
    """Return what a folder holds that is not, or no longer, a file of the site in it; sorted paths."""
    if not any(folder.iterdir()):
        return []
    try:
        sums = (folder / SUMS).read_text(encoding="utf-8")
    except (OSError, ValueError):
        sums = ""
    known = {path: digest for digest, path in re.findall(r"^([0-9a-f]{64})  (.+)$", sums, re.M)}
    own_folders = {parent.as_posix() for path in known for parent in Path(path).parents}
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            found.append(name)
        elif path.is_dir():
            found += [] if name in own_folders else [name]
        elif name != SUMS or not known:
            found += [] if name in known and sha256(path) == known[name] else [name]
    return found


def write_site(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files of a site by their paths, in the place of an earlier one; CliError where that cannot be."""
    part, aside = folder.with_name(f".{folder.name}.part"), _aside(folder)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in sorted(files.items()))
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        for path, content in {**files, SUMS: sums.encode()}.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_bytes(content)
        if folder.exists():
            if aside.exists():
                shutil.rmtree(aside)
            folder.rename(aside)
        try:
            part.rename(folder)
        except OSError:
            if aside.exists():
                aside.rename(folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise CliError(f"{folder} could not be written: {error.strerror or error}. What was there is there.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _aside(folder: Path) -> Path:
    """Return where the earlier site lies for the moment in which the new one takes its place."""
    return folder.with_name(f".{folder.name}.old")
