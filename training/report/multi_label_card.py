"""Format the figures of metrics.json as the parts of a model card, for a model that gives several labels, or none.

Gives `parts_of`: a function for each part, by its name, for either kind of model
"""

from collections.abc import Callable
from typing import Any

from training.statistics import wilson

from .card_details import left_out
from .card_parts import MOST_LABELS, PARTS, how_measured, what_trained
from .card_parts import data as photos_used
from .label_tables import interval_text, label_rows, mean_average_precision, thresholds_text
from .markdown import listed, plain, table

Part = Callable[[dict[str, Any]], str]
MEASURED = "photos | n | all labels right | a label too many or too few | 95% interval | mean average precision"
BY_LABEL = "n | get it | precision | 95% interval | recall | 95% interval | F1 | average precision | threshold"


def what(metrics: dict[str, Any]) -> str:
    """Return the network, its labels, its size and its date, and how it answers."""
    labels = [plain(label) for label in metrics["photos"]]
    names, chosen = listed(labels[:MOST_LABELS], len(labels)), thresholds_text(metrics["options"])
    return (
        f"{what_trained(metrics)}A photo may show several of its {len(labels)} labels, or none: {names}. "
        "Each label has a probability of its own. `labels` in an answer are those whose probability is above the "
        f"label's threshold, {chosen}.\n"
    )


def data(metrics: dict[str, Any]) -> str:
    """Return how many photos it was trained on and held out, and how many of those had several labels or none."""
    several = metrics["several_labels"]
    counts = f"{several['n_with_several']} show several labels and {several['n_without']} none"
    return f"{photos_used(metrics)}\nOf the {metrics['n_valid']} photos that were held out, {counts}.\n"


def error(metrics: dict[str, Any]) -> str:
    """Return how often a label is missing or too many: on held-out photos, on a test set, and by label."""
    several, test = metrics["several_labels"], metrics.get("test")
    rows = [measured_row(how_measured(metrics), metrics, metrics["n_valid"], several["mean_average_precision"])]
    if test:
        rows.append(measured_row("test set", test, test["n"], mean_average_precision(test["by_label"])))
    right = several["none_right"]
    none = "" if right is None else f"\nOf {several['n_without']} photos without a label, {right:.1%} get none.\n"
    return table(MEASURED, rows) + none + by_label(metrics)


def measured_row(name: str, of: dict[str, Any], n: int, precision: float | None) -> list[str]:
    """Return a row of the first table; of: `n_wrong` and `error_rate` of n photos; precision: the mean average one."""
    ranking, wrong = "" if precision is None else f"{precision:.3f}", of["error_rate"]
    return [name, str(n), f"{1 - wrong:.1%}", f"{wrong:.1%}", interval_text(wilson(of["n_wrong"], n)), ranking]


def by_label(metrics: dict[str, Any]) -> str:
    """Return the figures of each label, the lowest F1 first."""
    found = label_rows(metrics["by_label"], metrics["several_labels"]["thresholds"])
    rows = [
        [
            plain(row["label"]),
            f"{row['n']}, {row['remark']}" if row["remark"] else row["n"],
            row["said"],
            row["precision"],
            row["precision_interval"],
            row["recall"],
            row["recall_interval"],
            row["f1"],
            row["average_precision"],
            row["threshold"],
        ]
        for row in found[:MOST_LABELS]
    ]
    more = f"\nThese are the labels with the lowest F1, of {len(found)}.\n" if len(found) > len(rows) else ""
    return "\n" + table(f"{how_measured(metrics)} | {BY_LABEL}", rows) + more


def calibration(metrics: dict[str, Any]) -> str:
    """Return how well its percentages agree with how often photos show the label."""
    fit = metrics["calibration"]
    if not fit:
        return "\nThe percentages are not calibrated.\n"
    row = [
        how_measured(metrics),
        str(fit["n_photos"]),
        f"{fit['before']['error']:.3f}",
        f"{fit['after']['error']:.3f}",
    ]
    sigmoids = "Each label has a sigmoid of its own, fitted on scores of photos that the model had not been trained on."
    return table("calibration error, mean over labels | n | plain sigmoids | calibrated", [row]) + f"\n{sigmoids}\n"


def familiarity(metrics: dict[str, Any]) -> str:
    """Return how many photos of a label that was left out count as familiar, and what follows from it."""
    known = metrics.get("familiarity")
    rule = "\nA photo that is not familiar gets no label.\n" if known and known["accepted"] is not None else ""
    return left_out(metrics) + rule


def not_measured(metrics: dict[str, Any]) -> str:
    """Return that a part has no figures."""
    return "Not measured: `benchmarks.trust` measures models that give a photo one label.\n"


SEVERAL_LABELS_PARTS: dict[str, Part] = {
    **PARTS,
    "what": what,
    "data": data,
    "error": error,
    "calibration": calibration,
    "familiarity": familiarity,
    "heatmap": not_measured,
    "speed": not_measured,
}


def parts_of(metrics: dict[str, Any] | None) -> dict[str, Part]:
    """Return the parts of a card, by name, for the kind of model that metrics.json is of."""
    return SEVERAL_LABELS_PARTS if metrics and "several_labels" in metrics else PARTS
