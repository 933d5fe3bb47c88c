"""Write the training report as one HTML page that needs no other file.

Reads  an `Evaluation`, the figures as PNG by name, and what metrics.json records; the Jinja templates beside this
       module
Gives  HTML; `training.report` writes it
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.evaluation.evaluate import Evaluation
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import Predictions
from training.statistics import wilson
from training.train.verdict import FINE_TUNE_ERROR, Verdict

from .figures import FamiliarityGroups, describe_prediction, thumbnail
from .multi_label_page import label_differences, labels_context, not_tried_with_labels
from .operating_page import operating_context

OTHERS = "others, from"  # how the name of a group of other things begins
Resembling = Callable[[Path], list[dict[str, Any]]]
SEPARATES = 0.7  # AUROC of left-out labels; below, familiarity is little better than chance


def templates() -> Environment:
    """Return the templates; whatever is put into them is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        percent=lambda share, places: f"{share:.{places}%}", fixed=lambda number, places: f"{number:.{places}f}"
    )
    environment.globals["SEPARATES"] = SEPARATES
    return environment


def data_url(data: bytes, kind: str = "png") -> str:
    """Return an address of a picture that contains its bytes."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def top_loss(predictions: Predictions, i: int, resembling: Resembling = lambda file: []) -> dict[str, Any]:
    """Return what the page shows of one photo; resembling: see `to_html`."""
    buffer = io.BytesIO()
    thumbnail(predictions.files[i]).save(buffer, "JPEG", quality=85)
    prediction, label, loss, probability = describe_prediction(predictions, i)
    return {
        "url": data_url(buffer.getvalue(), "jpeg"),
        "name": predictions.files[i].name,
        "prediction": prediction,
        "label": label,
        "loss": loss,
        "probability": probability,
        "verdict": "right" if predictions.right[i] else "wrong",
        "neighbours": resembling(predictions.files[i]),
        **(label_differences(predictions, i) if isinstance(predictions, MultiLabelPredictions) else {}),
    }


def error_rows(labels: dict[str, dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the error of each label with its interval, the highest first; labels: see `held_out.by_label`."""
    shown = sorted(
        ((label, row) for label, row in labels.items() if row["n"]),
        key=lambda entry: -entry[1]["wrong"] / entry[1]["n"],
    )
    return [
        (label, row["n"], row["wrong"], f"{row['wrong'] / row['n']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}")
        for label, row in shown
    ]


def familiarity_rows(familiar: FamiliarityGroups) -> list[tuple[object, ...]]:
    """Return for each group of photos its name, how many there are, the share of familiar ones, and the median."""
    return [
        (name, len(group), f"{np.mean(group >= familiar.threshold):.1%}", f"{np.median(group):.3f}")
        for name, group in familiar.groups.items()
    ]


def auroc_of_others(familiar: FamiliarityGroups) -> float | None:
    """Return how well familiarity separates the last group from the one before: 0.5 is chance, 1 is always right.

    None where the last group is not of other things.
    """
    names, groups = list(familiar.groups), list(familiar.groups.values())
    if len(names) < 2 or not names[-1].startswith(OTHERS):
        return None
    known, other = groups[-2:]
    from sklearn.metrics import roc_auc_score  # imported here: it takes most of a second

    return float(roc_auc_score([1] * len(known) + [0] * len(other), np.concatenate([known, other])))


def how_trained(metrics: dict[str, Any]) -> str:
    """Return how the export was made, frozen with a probe or fine-tuned, and why; "" where that was not recorded."""
    if not metrics:
        return "No metrics.json of this export lies beside it, so how it was trained is not known."
    if "fine_tuning" not in metrics:  # of an earlier version, without a probe
        return ""
    verdict = metrics["fine_tuning"]
    if verdict and verdict["kept"]:
        return f"What is served is the fine-tuned network; {Verdict(**verdict)}."
    why = f"{Verdict(**verdict)}." if verdict else not_tried(metrics)
    return (
        "What is served is the network as it came, frozen, with a linear probe that learned from "
        f"{metrics['n_train']} photos: {why}"
    )


def not_tried(metrics: dict[str, Any]) -> str:
    """Return why a training did not fine-tune."""
    if metrics["options"].get("quick"):
        return "--quick left fine-tuning out."
    if "several_labels" in metrics:
        return f"fine-tuning was not tried, since {not_tried_with_labels(metrics)}; --fine-tune tries it all the same."
    error = (metrics["calibration"] or metrics)["error_rate"]
    why = (
        f"{error:.1%} wrong is less than the {FINE_TUNE_ERROR:.0%} from which on it is tried"
        if error < FINE_TUNE_ERROR
        else "it would have taken too long"
    )
    return f"fine-tuning was not tried, since {why}; --fine-tune tries it all the same."


def of_one_label(predictions: Predictions, test: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the page shows of labels where a photo has one; test: what metrics.json records of a test set."""
    return {
        "errors": error_rows(predictions.by_label()),
        "confused": predictions.most_confused(),
        "test_errors": error_rows(test["by_label"]) if test else [],
    }


def template_of(
    predictions: Predictions, metrics: dict[str, Any], thresholds: Mapping[str, float], familiar_from: float
) -> tuple[str, dict[str, Any]]:
    """Return the page's template, and what it shows of labels; the last two: see `labels_context`."""
    if isinstance(predictions, MultiLabelPredictions):
        return "multi_label_report.html", labels_context(predictions, metrics, thresholds, familiar_from)
    return "report.html", of_one_label(predictions, metrics.get("test"))


def to_html(
    evaluation: Evaluation,
    figures: dict[str, bytes],
    metrics: dict[str, Any],
    familiar: FamiliarityGroups | None = None,
    n_others: int = 0,
    thresholds: Mapping[str, float] | None = None,
    resembling: Resembling = lambda file: [],
    groups: Sequence[dict[str, Any]] = (),
) -> str:
    """Return the whole report; figures: PNG by name; n_others: photos of the folder that are in no prediction.

    thresholds: the export's, by label, where a photo may have several labels. resembling: returns what
    `resembling.resembling` does. groups: see `groups.groups_context`.
    """
    predictions, familiar, test = evaluation.predictions, familiar or FamiliarityGroups(), metrics.get("test")
    n, n_wrong = len(predictions.files), predictions.n_wrong
    name, of_labels = template_of(predictions, metrics, thresholds or {}, familiar.threshold)
    return (
        templates()
        .get_template(name)
        .render(
            evaluation=evaluation,
            n_others=n_others,
            options=metrics.get("options", {}),
            n=n,
            n_wrong=n_wrong,
            interval=wilson(n_wrong, n),
            cards=[top_loss(predictions, i, resembling) for i in predictions.top_losses()],
            test=test,
            test_interval=wilson(test["n_wrong"], test["n"]) if test else None,
            calibration=metrics.get("calibration"),
            threshold=familiar.threshold,
            familiarity_rows=familiarity_rows(familiar),
            auroc=auroc_of_others(familiar),
            left_out=metrics.get("familiarity"),
            how_trained=how_trained(metrics),
            groups=groups,
            figures={name: data_url(figure) for name, figure in figures.items()},
            operating=operating_context(predictions, familiar.threshold, metrics.get("operating_point")),
            **of_labels,
        )
    )
