"""Answer for labelled photos by models that had not seen them, as far as that can be told.

Reads  photos in one folder a label, an export's `Classifier`, and its metrics.json
Gives  `Measured`: answers, and which photos they are of

An export of `training.train` has usually learned from all of its photos. What says how good it is are the answers that
metrics.json keeps: those of models that were trained without the photo they are asked about.
"""
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from classifier import Classifier
from training.data.photos import held_out

from .held_out import HeldOut
from .predictions import Answers, answer_all

OUT_OF_FOLD, VALIDATION, HELD_OUT, ALL = "out of fold", "validation", "held out", "all"
UNSEEN = "photos, each answered by a model that had not seen it"
WORDS = {OUT_OF_FOLD: UNSEEN, HELD_OUT: UNSEEN, VALIDATION: "validation photos",
         ALL: "photos (not the ones that it was validated on)"}


@dataclass(frozen=True)
class Measured:
    """Answers for labelled photos, and which photos these are."""

    answers: Answers
    part: str  # OUT_OF_FOLD, VALIDATION, HELD_OUT for some of both, or ALL
    unreadable: dict[Path, str] = field(default_factory=dict)  # why the others could not be opened

    @property
    def words(self) -> str:
        """Which photos these are, for a reader, with their number."""
        return f"{len(self.answers.files)} {WORDS[self.part]}"


def answer_unseen(classifier: Classifier, photos: Sequence[Path], metrics: dict) -> Measured | None:
    """Return the answers for those of the photos that were held out; None where none was or nobody can tell."""
    readable = [photo for photo in photos if os.access(photo, os.R_OK)]
    kept, hashes = HeldOut.from_metrics(metrics), metrics.get("valid_sha256", [])
    if kept is None:  # of a training that kept no answers: the export is asked again
        validated = held_out(readable, hashes)
        return _asked(classifier, validated, VALIDATION) if validated else None
    answers = kept.answers(readable)
    if answers is None:
        return None
    n_validated = len(held_out(answers.files, hashes))
    return Measured(answers, {0: OUT_OF_FOLD, len(answers.files): VALIDATION}.get(n_validated, HELD_OUT))


def measure(classifier: Classifier, photos: Sequence[Path], metrics: dict) -> Measured:
    """Return the answers for those of the photos that were held out; where none was, the export's own for all."""
    return answer_unseen(classifier, photos, metrics) or _asked(classifier, photos, ALL)


def _asked(classifier: Classifier, photos: Sequence[Path], part: str) -> Measured:
    answers, unreadable = answer_all(classifier, photos)
    return Measured(answers, part, unreadable)
