"""Runs of `python -m classifier` in parts, and what they wrote."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastcore.script import CliError

from classifier.bulk.run import Wanted, answer_source
from helpers.paths import ROOT, TRAINED
from helpers.photos import noisy_photo

COLOURS = ((200, 40, 40), (40, 180, 60), (40, 60, 200))
EXPORT = TRAINED / "export.pkl"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and names of files as Linux has them")


def write_photos(folder: Path, n: int = 20) -> Path:
    """Write n photos, no two alike, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        noisy_photo(COLOURS[i % 3], i).save(folder / f"{i:03}.png")
    return folder


def start(source: object, out: object, *options: object, **how) -> subprocess.Popen:
    """Start `python -m classifier` with the small export."""
    arguments = map(str, (source, "--out", out, "--export", EXPORT, *options))
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "classifier", *arguments],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **how},
    )


def finished(process: subprocess.Popen, code: int = 0) -> str:
    """Return what a process said, once it has ended with a code."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == code, out + err
    assert "Traceback" not in err and "\x1b" not in out + err, out + err
    if not code:
        assert not err, err
    return out + err


def answered(source: object, out: object, *options: object, code: int = 0, **how) -> str:
    """Return what `python -m classifier` said."""
    return finished(start(source, out, *options, **how), code)


def counts(text: str) -> tuple[int, int, int, int]:
    """Return what the line of counts says: photos there now, of how many, answered now, there before."""
    found = re.search(r"(\d+) of (\d+) photos.*?, (\d+) answered now, (\d+) were there", text)
    assert found, text
    return tuple(map(int, found.groups()))


def rows_in(folder: Path) -> dict[str, dict]:
    """Return the rows of all parts of a folder, by the name of the photo; none is there twice."""
    rows = [row for part in sorted((folder / "parts").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    return by_name(rows)


def by_name(rows: list[dict]) -> dict[str, dict]:
    """Return rows by the name of the photo; none is there twice."""
    names = Counter(row["file"] for row in rows)
    assert not [name for name, n in names.items() if n > 1]
    return {Path(row["file"]).name: row for row in rows}


def answer(source, out, capsys, **options) -> str:
    """Return what a run in this process said."""
    answer_source(Wanted(str(source), str(out), str(EXPORT), **{"part_size": 4, **options}))
    return capsys.readouterr().out


def refused(source, out, **options) -> str:
    """Return the sentence that a run in this process ends with."""
    with pytest.raises(CliError) as error:
        answer_source(Wanted(str(source), str(out), str(EXPORT), **{"part_size": 4, **options}))
    assert "\n" not in str(error.value)
    return str(error.value)
