"""A project whose model is in use: labels, counters and records that came since, and what stands for a training."""

import json
import shutil
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import numpy as np

from helpers.paths import TRAINED
from helpers.photos import COLOURS, noisy_photo
from server.feedback.records import BINS
from training.data.contents import sha256_of
from training.data.photos import readable_photos
from training.evaluation.held_out import HeldOutPredictions
from training.export.facts import with_fact
from training.metrics import write_metrics

VERSION = sha256((TRAINED / "export.pkl").read_bytes()).hexdigest()[:12]


def add_photos(folder: Path, n: int, label: str = "red", colour: str = "", seed: int = 5000) -> None:
    """Label n photos more; colour: what they show, if not their label."""
    (folder / "data" / label).mkdir(exist_ok=True)
    for i in range(n):
        noisy_photo(COLOURS[colour or label], seed + i).save(folder / "data" / label / f"new-{i}.png")


def answers(folder: Path, unfamiliar: float, n: int = 60, n_days: int = 10, label: str = "red") -> Path:
    """Write the counters of an app, of so many answers a day."""
    strange, today = round(n * unfamiliar), datetime.now(timezone.utc).date()
    day = {
        "labels": {label: n - strange},
        "unfamiliar": strange,
        "confidence": [0] * (BINS - 1) + [n - strange],
        "confidence_sum": 0.99 * (n - strange),
    }
    days = {str(today - timedelta(i)): day for i in range(n_days)}
    (folder / "feedback" / "counters").mkdir(parents=True, exist_ok=True)
    written = folder / "feedback" / "counters" / "20260101-000000-abcdef.json"
    written.write_text(json.dumps({"model_version": VERSION, "days": days}))
    return folder / "feedback"


def record(folder: Path, **said: object) -> None:
    """Write what a user said of an answer."""
    photo = sha256(repr(said).encode()).hexdigest()
    told = {
        "photo": photo,
        "label": "red",
        "probabilities": {"red": 0.9},
        "familiar": True,
        "familiarity": 0.8,
        "correction": "blue",
        "right": False,
        "model_version": VERSION,
        "time": f"{date.today()}T00:00:00+00:00",
        **said,
    }
    (folder / "feedback" / photo[:2]).mkdir(parents=True, exist_ok=True)
    (folder / "feedback" / photo[:2] / f"{photo}-00000000.json").write_text(json.dumps(told))


class Taught:
    """What stands for a training: `n_wrong` photos get a wrong answer; `asked`: the options that it was given."""

    def __init__(self):
        self.n_wrong, self.asked, self.versions = 0, {}, {}

    def __call__(self, data: str, out: str, **options) -> None:
        self.asked, photos = options, readable_photos(data)
        vocab = sorted({photos.labels.text(file) for file in photos.train})
        targets = np.array([vocab.index(photos.labels.text(file)) for file in photos.train])
        answers = np.eye(len(vocab))[np.where(np.arange(len(targets)) < self.n_wrong, (targets + 1) % 3, targets)]
        kept = HeldOutPredictions(vocab, [sha256_of(file) for file in photos.train], answers, targets=targets)
        export = with_fact((TRAINED / "export.pkl").read_bytes(), "taught", [self.n_wrong, vocab])
        Path(out).write_bytes(export)
        metrics = json.loads((TRAINED / "metrics.json").read_text())
        told = {"bytes": len(export), "sha256": sha256(export).hexdigest()}
        metrics["versions"] |= self.versions
        write_metrics({**metrics, "held_out": kept.to_data(), "export": told}, out)
        shutil.copy(TRAINED / "export.onnx", Path(out).with_suffix(".onnx"))


def change_metrics(folder: Path, **changed: object) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, **changed}))
