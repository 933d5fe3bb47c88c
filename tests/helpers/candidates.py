"""A team whose model is in use, and whose data set has grown since: what `training.candidate` asks, on this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from classifier.files import sha256
from helpers.hub_stub import Hub, StubRepo, running_hub
from helpers.paths import TRAINED
from helpers.photos import COLOURS, make_photos, noisy_photo, stored_png
from server.feedback.records import BINS

VERSION = sha256(TRAINED / "export.pkl")[:12]  # of the model in use


def quick_metrics() -> bytes:
    """Return the figures of the model in use, of a training that takes seconds: a candidate is trained so too."""
    metrics = json.loads((TRAINED / "metrics.json").read_text())
    metrics["options"] |= {"quick": True, "folds": 2}
    return json.dumps(metrics).encode()


def photos_of(folder: Path) -> dict[str, bytes]:
    """Return the photos of the model in use, and 25 labelled since, as the data set on the Hub holds them."""
    photos = make_photos(folder)
    for i in range(25):
        (photos / "red" / f"new-{i}.png").write_bytes(stored_png(noisy_photo(COLOURS["red"], 5000 + i)))
    return {f"train/{file.relative_to(photos).as_posix()}": file.read_bytes() for file in photos.rglob("*.png")}


def counters() -> bytes:
    """Return the counters of a quiet day."""
    day = {"labels": {"red": 60}, "unfamiliar": 0, "confidence": [0] * (BINS - 1) + [60], "confidence_sum": 59.4}
    return json.dumps({"model_version": VERSION, "days": {str(datetime.now(timezone.utc).date()): day}}).encode()


@contextmanager
def hub_of_a_team(folder: Path) -> Iterator[Hub]:
    """Yield a Hub with the data set me/photos, the feedback me/said, and the Space me/bears, which answers."""
    served = {name: (TRAINED / name).read_bytes() for name in ("export.pkl", "export.onnx")}
    with running_hub() as hub:
        for kind, name, files in (
            ("dataset", "me/photos", {"README.md": b"", **photos_of(folder / "photos")}),
            ("dataset", "me/said", {"counters/20260101-000000-abcdef.json": counters()}),
            ("space", "me/bears", {"app.py": b"", "metrics.json": quick_metrics(), **served}),
        ):
            hub.repos[kind, name] = StubRepo()
            hub.repos[kind, name].commit("first", files)
        hub.health = [{"model_version": VERSION}]
        yield hub


def environment_of(hub: Hub, folder: Path) -> dict[str, str]:
    """Return the variables by which a command talks to that Hub, and keeps what it downloads in a folder."""
    return {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder / "home"), "HF_TOKEN": hub.token}
