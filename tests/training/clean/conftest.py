"""Photos, and a cleaner of them that no model looked at, for the tests of cleaning."""

from pathlib import Path

import pytest

from helpers.cleaners import open_cleaner
from helpers.photos import make_photos
from training.clean.session import Cleaner


@pytest.fixture
def data(tmp_path) -> Path:
    return make_photos(tmp_path / "photos", n=4)


@pytest.fixture
def cleaner(data) -> Cleaner:
    return open_cleaner(data)
