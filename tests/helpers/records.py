"""Answers, photos and records of feedback for tests, and a wait until something is so."""

import json
import time
from pathlib import Path

import pytest
from PIL import Image

from classifier import Prediction
from helpers.photos import noisy_photo
from server.settings import Settings

LABELS = ["black", "grizzly", "teddy"]
SURE = Prediction("teddy", {"teddy": 0.9, "grizzly": 0.07, "black": 0.03}, 0.8, True)
STRANGE = Prediction("teddy", {"teddy": 0.6, "grizzly": 0.3, "black": 0.1}, 0.2, False)
MANY = Settings(feedback_per_minute=1_000_000)


def records(folder: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted(folder.glob("??/*.json"))]


def photo(seed: int = 0) -> Image.Image:
    return noisy_photo((90, 60, 40), seed)


def until(true, seconds: float = 15) -> None:
    for _ in range(int(seconds * 20)):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("that did not happen in time")
