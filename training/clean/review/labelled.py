"""Review labelled photos with an export before a person looks at them: each with its prediction, and how suspicious.

Reads  photos in one folder a label, or with labels.csv, and DATA/_inbox; an export, and metrics.json beside it if any
Gives  `ReviewedPhoto`s, the most suspicious first; `MultiLabelPhoto`s where photos may have several labels
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier.files import sha256
from training.data.files import INBOX, folder_name, parent_label
from training.data.labels import read_labels
from training.data.photos import get_photos, inbox_photos, where_photos_go
from training.evaluation.predict import load_classifier
from training.feedback import pending_suggestions, suggested_labels
from training.metrics import read_metrics

from .analysis import PhotoAnalysis, analyse_all
from .copies import find_copies
from .decisions import FOLDER
from .inbox import review_inbox
from .label_errors import rank_suspects
from .multi_label_review import Opinion, can_be_listed, review_listed_photos, review_listed_suggestions
from .reviewed_photo import ReviewedPhoto

__all__ = ["ReviewedPhoto", "review"]


def review(
    export: str | Path, data: str | Path, more_labels: Sequence[str] = ()
) -> tuple[list[ReviewedPhoto], list[str], dict[Path, str]]:
    """Return the photos under `data`, the most suspicious first, the labels there are, and what cannot be opened.

    Users' suggestions come first, and have no influence on how suspicious the other photos are. Photos without a label
    come last, those first whose label teaches most. Labels are the export's, those that photos have, and more_labels,
    sorted. Raises CliError where there is nothing to review.
    """
    labels, files, classifier = read_labels(data), get_photos(data), load_classifier(export)
    inbox = inbox_photos(data)
    if not files and not inbox:
        raise CliError(f"No photos under {data}. {where_photos_go(Path(data), labels)}")
    vocab = {*labels.vocab(files), *map(folder_name, more_labels)}
    known = not vocab or bool(vocab & set(classifier.labels))
    if not known and not inbox:
        raise CliError(
            f"This export knows none of the labels under {data}; it knows "
            f"{', '.join(classifier.labels[:12])}. Is it the folder that it was trained on?"
        )
    suggestions, cache = pending_suggestions(data), Path(data) / FOLDER / "views.npz"
    analyses, unreadable = analyse_all(classifier, sha256(Path(export)), [*files, *suggestions, *inbox], cache)
    waiting = {file: analyses.pop(file) for file in inbox if file in analyses}
    suggested = {file: analyses.pop(file) for file in suggestions if file in analyses}
    if not analyses and not waiting:
        raise CliError(f"None of the {len(files) + len(inbox)} photos under {data} can be opened.")
    held_out = set(read_metrics(export).get("valid_sha256", []))
    said = suggested_labels(data)
    vocab |= {label for file in suggested for label in said[file]}
    vocab |= (
        set(filter(can_be_listed, classifier.labels) if labels.multi_label else classifier.labels) if known else set()
    )
    unlabelled = review_inbox(classifier, Path(data) / INBOX, waiting, analyses, labels.multi_label, known)
    if labels.multi_label:
        opinion, listed = Opinion.of(classifier), {file: labels(file) for file in analyses} | said
        reviewed: list[ReviewedPhoto] = [
            *review_listed_suggestions(suggested, suggestions, analyses, opinion, listed),
            *review_listed_photos(analyses, opinion, listed, held_out),
        ]
        return [*reviewed, *unlabelled], sorted(vocab), unreadable
    reviewed = review_suggestions(suggested, suggestions, analyses, classifier.labels)
    reviewed += review_photos(analyses, classifier.labels, held_out)
    return [*reviewed, *unlabelled], sorted(vocab), unreadable


def review_photos(
    analyses: dict[Path, PhotoAnalysis],
    labels: Sequence[str],
    held_out: set[str],
) -> list[ReviewedPhoto]:
    """Return the photos, the most suspicious first; labels: the export's; held_out: SHA-256 of validation photos."""
    if not analyses:
        return []
    suspects = rank_suspects(
        list(analyses),
        np.stack([analysis.features for analysis in analyses.values()]),
        [analysis.sha256 for analysis in analyses.values()],
        find_copies(analyses),
    )
    reviewed = []
    for suspect in suspects:
        analysis, label = analyses[suspect.file], parent_label(suspect.file)
        split = ("valid" if analysis.sha256 in held_out else "train") if held_out else ""
        reason = suspect.reason if label in labels else f"the export knows no label {label}"
        probabilities = dict(zip(labels, map(float, analysis.probabilities)))
        reviewed.append(
            ReviewedPhoto(suspect.file, analysis.sha256, split, probabilities, label, suspect.suspicion, reason)
        )
    return reviewed


def review_suggestions(
    suggested: dict[Path, PhotoAnalysis],
    reasons: dict[Path, str],
    others: dict[Path, PhotoAnalysis],
    labels: Sequence[str],
) -> list[ReviewedPhoto]:
    """Return users' suggestions, each with its reason, and of which photo it is a copy; labels: the export's."""
    copies = find_copies({**others, **suggested}) if suggested else {}
    return [
        ReviewedPhoto(
            file,
            analysis.sha256,
            "",
            dict(zip(labels, map(float, analysis.probabilities))),
            parent_label(file),
            1.0,
            reasons[file] + (f"; a copy {copies[file]}" if file in copies else ""),
            from_user=True,
        )
        for file, analysis in suggested.items()
    ]
