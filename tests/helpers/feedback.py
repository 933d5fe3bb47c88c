"""Feedback records, as the app writes them."""

import hashlib
import io
import json
from pathlib import Path

from helpers.photos import noisy_photo


def feedback(folder: Path, *said, label="red", right=None, probability=0.6) -> Path:
    """Write records of (seed, correction), a minute apart, as the app does; a folder of the rest of the repo too."""
    for minute, (seed, correction) in enumerate(said):
        photo = io.BytesIO()
        noisy_photo((40, 60, 200), seed).save(photo, "JPEG")
        digest = hashlib.sha256(photo.getvalue()).hexdigest()
        (folder / digest[:2]).mkdir(parents=True, exist_ok=True)
        (folder / digest[:2] / f"{digest}.jpg").write_bytes(photo.getvalue())
        (folder / digest[:2] / f"{digest}-{minute:08}.json").write_text(
            json.dumps(
                {
                    "photo": digest,
                    "label": label,
                    "probabilities": {label: probability},
                    "familiar": True,
                    "familiarity": 0.7,
                    "correction": correction,
                    "right": correction == label if right is None else right,
                    "model_version": "d51c0901e26d",
                    "time": f"2026-11-25T10:{minute:02}:00+00:00",
                }
            )
        )
    return folder
