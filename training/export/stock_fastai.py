"""Predict photos with an export by stock fastai, in a new process that cannot import this project.

The process runs in an empty folder, so that an export which needs more than fastai fails. It imports fastai, which
takes seconds, while the training still runs.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError
from PIL import Image

from classifier import torchvision_compat

TIMEOUT = 600  # seconds for the predictions

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from fastai.vision.all import PILImage, load_learner
export, *photos = json.loads(sys.stdin.readline())
learn = load_learner(export)
with learn.no_bar(), learn.no_logging():
    answers = [learn.predict(PILImage.create(photo))[2].tolist() for photo in photos]
print(json.dumps(answers))
"""


class StockFastai:
    """A new process with stock fastai, for one call of `predict`; a context manager that ends the process."""

    def __enter__(self) -> "StockFastai":
        self.folder = tempfile.TemporaryDirectory()
        # torchvision_compat is passed as text, since the process must not be able to import this project
        script = Path(torchvision_compat.__file__).read_text() + "declare_operators()\n" + SCRIPT
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", script],
                cwd=self.folder.name,
                text=True,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
            )
        except OSError as error:
            self.folder.cleanup()
            raise CliError(f"The export could not be checked in a fresh process ({error}).") from error
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def predict(self, export: Path, photos: Sequence[Image.Image]) -> np.ndarray:
        """Return (N, C) probabilities of N photos by an export; CliError if `load_learner` does not open it."""
        files = [str(Path(self.folder.name) / f"{i}.png") for i in range(len(photos))]  # PNG keeps every pixel
        for file, photo in zip(files, photos):
            photo.save(file)
        try:
            out, err = self.process.communicate(json.dumps([str(export.resolve()), *files]) + "\n", TIMEOUT)
        except (OSError, subprocess.SubprocessError) as error:
            raise CliError(f"The export could not be checked in a fresh process ({error}).") from error
        if self.process.returncode:
            said = err.strip().splitlines() or [f"it ended with {self.process.returncode} and gave no reason"]
            raise CliError(f"The export does not open in a fresh process: {said[-1]}")
        return np.array(json.loads(out.strip().splitlines()[-1]))
