"""Format the figures of metrics.json as the parts of a model card, in Markdown.

Gives `PARTS`: a function for each part, by its name; `training.report.model_card` writes them into the card. Where a
photo may have several labels, it takes those of `multi_label_card` instead
"""

from collections.abc import Callable
from typing import Any

from .card_details import familiarity, heatmap, speed
from .markdown import listed, plain, table

MOST_LABELS = 20  # in a list, and in the table of errors by label
MOST_BY_GROUP = 12  # labels in the column "right by label"


def is_fine_tuned(metrics: dict[str, Any]) -> bool:
    """Return whether the network was fine-tuned. Before there was a linear probe, every network was."""
    return "fine_tuning" not in metrics or bool(metrics["fine_tuning"] and metrics["fine_tuning"]["kept"])


def how_measured(metrics: dict[str, Any]) -> str:
    """Return how the error was measured: "out of fold" or "validation"."""
    return metrics.get("measured", "validation")


def what(metrics: dict[str, Any]) -> str:
    """Return the network, its labels, its size and its date."""
    labels = [plain(label) for label in metrics["photos"]]
    told = f" to tell {len(labels)} labels apart: {listed(labels[:MOST_LABELS], len(labels))}"
    return what_trained(metrics, told)


def what_trained(metrics: dict[str, Any], what_for: str = "") -> str:
    """Return the network, how it was trained, what for, its size and its date."""
    options = metrics["options"]
    start = "pretrained on ImageNet" if options.get("pretrained", True) else "from random weights"
    how = f"fine-tuned for {options['epochs']} epochs" if is_fine_tuned(metrics) else "frozen, with a linear probe,"
    return (
        f"A `{options['arch']}`, {start}, {how} at {options['image_size']} pixels{what_for}. "
        f"{metrics['export']['bytes'] / 1e6:.1f} MB. Trained on {metrics['date'][:10]}.\n"
    )


def data(metrics: dict[str, Any]) -> str:
    """Return how many photos it was trained on, and how many were held out."""
    photos, n_train, n_valid = metrics["photos"], metrics["n_train"], metrics["n_valid"]
    in_turn = how_measured(metrics) == "out of fold"  # every photo was trained on, and held out once
    counts = listed(
        [
            f"{n['train'] if in_turn else n['train'] + n['valid']} {plain(label)}"
            for label, n in list(photos.items())[:MOST_LABELS]
        ],
        len(photos),
    )
    if in_turn:
        photos_used = (
            f"{n_train} photos trained it ({counts}). For measuring, each photo was held out once, "
            "from models that were trained on the others."
        )
    else:
        photos_used = f"{n_train + n_valid} photos ({counts}): {n_train} trained it, {n_valid} were held out."
    known = metrics.get("data_sha256")
    traced = f" `python -m training.data` shows the SHA-256 of their list, `{known}`." if known else ""
    return f"{photos_used} {len(metrics['unreadable'])} files could not be opened.{traced}\n"


def error(metrics: dict[str, Any]) -> str:
    """Return how often it is wrong: on held-out photos, on photos from elsewhere, and by label."""
    groups = metrics.get("trust", {}).get("groups") or [
        {"name": how_measured(metrics), "n": metrics["n_valid"], "right": 1 - metrics["error_rate"], "by_label": {}}
    ]
    rows = [
        [
            plain(group["name"]),
            str(group["n"]),
            f"{group['right']:.1%}",
            f"{1 - group['right']:.1%}",
            ", ".join(
                f"{plain(label)} {right}/{n}" for label, (right, n) in list(group["by_label"].items())[:MOST_BY_GROUP]
            ),
        ]
        for group in groups
    ]
    if test := metrics.get("test"):
        rows.append(["test set", str(test["n"]), f"{1 - test['error_rate']:.1%}", f"{test['error_rate']:.1%}", ""])
    return table("photos | n | right | error | right by label", rows) + error_by_label(metrics)


def error_by_label(metrics: dict[str, Any]) -> str:
    """Return the error of each label with its 95% interval, the highest first; "" where it was not recorded."""
    by_label = {label: row for label, row in metrics.get("by_label", {}).items() if row["n"]}
    worst = sorted(by_label.items(), key=lambda entry: -entry[1]["wrong"] / entry[1]["n"])
    rows = [
        [
            plain(label),
            str(row["n"]),
            str(row["wrong"]),
            f"{row['wrong'] / row['n']:.1%}",
            f"{row['low']:.1%} to {row['high']:.1%}",
        ]
        for label, row in worst[:MOST_LABELS]
    ]
    if not rows:
        return ""
    more = f"\nThese are the labels with the highest error, of {len(worst)}.\n" if len(worst) > len(rows) else ""
    return "\n" + table(f"{how_measured(metrics)} | n | wrong | error | 95% interval", rows) + more


def calibration(metrics: dict[str, Any]) -> str:
    """Return how well its percentages agree with how often it is right."""
    groups, fit = metrics.get("trust", {}).get("groups", []), metrics.get("calibration")
    rows = [
        [
            plain(group["name"]),
            str(group["n"]),
            f"{group['softmax']:.3f}",
            "-" if group["calibrated"] is None else f"{group['calibrated']:.3f}",
            f"{group['low']:.3f} to {group['high']:.3f}",
        ]
        for group in groups
    ]
    if not fit:
        temperature = "\nThe percentages are not calibrated.\n"
    else:
        on_validation = is_fine_tuned(metrics) and "fine_tuning" in metrics
        rows.append(
            [
                "validation, cross-fitted" if on_validation else "out of fold",
                str(fit["n_photos"]),
                f"{fit['before']['error']:.3f}",
                f"{fit['after']['error']:.3f}",
                "",
            ]
        )
        source = (
            "its own scores of its validation photos"
            if on_validation
            else f"the scores of {fit['n_folds']} models, each on photos that it was not trained on"
        )
        temperature = f"\nThe scores are divided by one temperature, {fit['temperature']:.2f}, fitted on {source}.\n"
    return (table("calibration error | n | softmax | calibrated | 95% interval", rows) if rows else "") + temperature


PARTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "what": what,
    "data": data,
    "error": error,
    "calibration": calibration,
    "familiarity": familiarity,
    "heatmap": heatmap,
    "speed": speed,
}
