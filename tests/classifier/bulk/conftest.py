"""Photos for the tests of bulk, each of which reads its job anew. Without pyarrow their files skip or say so."""

from pathlib import Path

import pytest


@pytest.fixture
def photos(tmp_path) -> Path:
    from helpers.bulk import write_photos

    return write_photos(tmp_path / "photos")


@pytest.fixture(autouse=True)
def forget():
    """Make each test read its job anew, as a process does."""
    from classifier.bulk import job

    job._read_job.cache_clear()
