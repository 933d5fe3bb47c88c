"""The folder of the one whom a story is about, and the commands that are run in it, each told with its time."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from helpers.paths import ROOT
from training.clean.review.labelled import review
from training.clean.review.reviewed_photo import ReviewedPhoto
from training.clean.session import Cleaner

COPIED = ("app.py", "README.md", "requirements.txt", "pre-requirements.txt", "classifier", "server", "training")


class Story:
    """A newcomer's folder, and what is done in it."""

    def __init__(self, folder: Path):
        self.folder, self.n = folder, 0
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, folder / name)

    def tell(self, title: str, begun: float, said: str) -> None:
        """Print a step, with the seconds since it began."""
        self.n += 1
        print(f"{self.n:2} {time.monotonic() - begun:5.1f} s  {title}\n            {said}", flush=True)

    def run(self, stage: str, *args: str, code: str = "", shown: str = "", last: int = -1, **environment: str) -> str:
        """Run a stage of training, print it with one of its last lines, and return all that it said.

        code: run before, in the same process. shown: the arguments as they are printed, where there are more.
        """
        begun = time.monotonic()
        code += f"\nimport runpy\nrunpy.run_module('training.{stage}', run_name='__main__', alter_sys=True)"
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *args],
            cwd=self.folder,
            timeout=300,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
        said = run.stdout.strip()
        check(run.returncode == 0, said + run.stderr)
        self.tell(f"python -m training.{stage} {shown or ' '.join(args)}", begun, said.splitlines()[last].strip())
        return said


def check(holds: bool, otherwise: str) -> None:
    """End the story where something is not as it should be."""
    if not holds:
        sys.exit(f"The story ends here:\n{otherwise}")


def label_first(folder: Path, shows: dict[str, str], n: int, label: str = "") -> tuple[list[ReviewedPhoto], int, int]:
    """Give the first photos of the cleaner the label that they show, as a person does on its page, and apply that.

    shows: by SHA-256; label: whose photos, all where empty. Returns these photos, how many were moved, and of how many.
    """
    with redirect_stdout(StringIO()):  # its bar
        photos, labels, _ = review(folder / "export.pkl", folder / "data")
    cleaner = Cleaner(folder / "data", photos, labels)
    first = cleaner.select(label)[:n]
    for name, photo, _ in first:
        cleaner.choose(name, "label", shows[photo.sha256])
    return [photo for _, photo, _ in first], cleaner.apply()[1], len(photos)
