"""Write the results of a training: export.pkl, export.onnx and metrics.json."""

import hashlib
import platform
from collections import Counter
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from classifier.inference.neighbour_facts import neighbours_to_facts
from classifier.inference.neighbours import Neighbours
from classifier.photo import open_photo
from training.data.manifest import manifest_sha256
from training.data.splits import Photos
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import Predictions
from training.export.stock_fastai import StockFastai
from training.export.writer import compile_export, export_learner, facts_of, portable
from training.metrics import write_metrics
from training.options import TrainingOptions
from training.statistics import wilson

from .trained import Trained

PACKAGES = ("fastai", "fastcore", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn")
N_SAMPLES = 8  # photos that the export is checked on


def metrics_of(trained: Trained, photos: Photos, options: TrainingOptions) -> dict[str, Any]:
    """Return what metrics.json records of a run, without the export's own figures."""
    validated = trained.validation()
    labels = photos.labels
    learned = Counter(label for file in trained.files for label in labels(file))
    held_out = Counter(label for file in trained.validated for label in labels(file))
    measured = trained.familiarity_metrics
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "error_rate": validated.n_wrong / len(validated.files),
        "error_interval": [*wilson(validated.n_wrong, len(validated.files))],  # as the report prints it
        "n_wrong": validated.n_wrong,
        "valid_loss": float(validated.losses.mean()),
        "data_sha256": manifest_sha256(photos),
        "n_train": len(trained.files),
        "n_valid": len(validated.files),
        "measured": "validation" if trained.validated else "out of fold",
        "photos": {label: {"train": learned[label], "valid": held_out[label]} for label in validated.vocab},
        "by_label": validated.by_label(),
        **several_labels_of(trained, validated),
        "unreadable": [f"{file.parent.name}/{file.name}" for file in photos.unreadable],
        "fine_tuning": fine_tuning_of(trained),
        "epochs": trained.table,
        "calibration": trained.calibration,
        "familiarity": {
            "accepted": measured.accepted,
            "threshold": trained.familiarity.threshold if trained.familiarity else None,
            "unfamiliar": measured.unfamiliar,
            "auroc": measured.auroc,
            "left_out": {validated.vocab[i]: row for i, row in measured.left_out.items()},
        },
        "options": options.recorded(),
        "versions": versions(),
        "valid_sha256": sorted(trained.held_out.hashes_of(trained.validated)),
        "held_out": trained.held_out.to_data(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of what trains."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def several_labels_of(trained: Trained, validated: Predictions) -> dict[str, Any]:
    """Return what metrics.json records where a photo may have several labels; {} otherwise."""
    if not isinstance(validated, MultiLabelPredictions) or trained.thresholds is None:
        return {}
    several, none = validated.targets.sum(1) > 1, ~validated.targets.any(1)
    return {
        "several_labels": {
            "mean_average_precision": validated.mean_average_precision,
            "thresholds": {label: round(float(t), 4) for label, t in zip(validated.vocab, trained.thresholds)},
            "n_with_several": int(several.sum()),
            "n_without": int(none.sum()),
            "none_right": float(validated.right[none].mean()) if none.any() else None,
        }
    }


def fine_tuning_of(trained: Trained) -> dict[str, Any] | None:
    """Return what metrics.json records of fine-tuning; None where it was not tried to its end."""
    verdict = trained.verdict
    if not verdict:
        return None
    return {
        "kept": trained.fine_tuned,
        "loss_before": verdict.loss_before,
        "loss_after": verdict.loss_after,
        "p": verdict.p,
        "n": verdict.n,
    }


def save(
    trained: Trained,
    metrics: dict[str, Any],
    out: str | Path,
    stock: StockFastai | None = None,
    neighbours: Neighbours | None = None,
) -> dict[str, Any]:
    """Write the export and, once that has passed its check, metrics.json; return the metrics written.

    neighbours: what the export tells of the photos that it learned from.
    """
    learn, familiarity = portable(trained.learn), trained.familiarity
    # stored on the learner as plain data: all that the app knows of a model is inside its export
    learn.fieldguide = {
        **facts_of(metrics),
        "familiarity": familiarity and familiarity.to_facts(),
        "calibration": calibration_facts(trained.calibration),
        **({} if trained.thresholds is None else {"thresholds": trained.thresholds.tolist()}),
        **({} if neighbours is None else {"neighbours": neighbours_to_facts(neighbours, trained.task.vocab)}),
    }
    samples = (trained.validated or trained.files)[:N_SAMPLES]
    export = export_learner(learn, out, [open_photo(file) for file in samples], stock)
    metrics = {**metrics, "export": {"bytes": len(export), "sha256": hashlib.sha256(export).hexdigest()}}
    write_metrics(metrics, out)
    compile_export(out)
    return metrics


def calibration_facts(calibration: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what the export holds of a calibration: what its probabilities are computed with."""
    return calibration and {
        name: calibration[name] for name in ("temperature", "slopes", "biases") if name in calibration
    }
