"""The model card's figures: written into the README from metrics.json, so that the two cannot disagree.

Reads  metrics.json (`training.train`; `benchmarks.trust --save` adds a second source, calibration, familiarity, speed)
Writes the parts of README.md between `<!-- card: NAME -->` and `<!-- /card -->`, and `model-index` in its metadata

    python -m training.report export.pkl data/bears --card README.md
"""
import re
from collections.abc import Callable
from pathlib import Path

import yaml
from fastcore.script import CliError

from training.output import staged

MARKED = re.compile(r"(<!-- card: (\w+) -->\n).*?(<!-- /card -->)", re.S)
FRONT = re.compile(r"\A---\n(.*?)^---\n", re.M | re.S)
NOT_MEASURED = "Not measured yet: `python -m benchmarks.trust export.pkl --known DATA --other DIR --save`.\n"
MOST_LABELS = 20  # in the table of errors by label
PIPE = str.maketrans({"|": r"\|", "`": "'", "<": r"\<", "\n": " "})


def plain(text: object) -> str:
    """Return text that a Markdown table shows as it is."""
    return str(text).translate(PIPE)


def table(head: str, rows: list[list[str]]) -> str:
    """Return a Markdown table; head: its columns, with bars between."""
    columns = head.count("|")
    return f"| {head} |\n|---|{'---:|' * columns}\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def listed(labels: list[str], most: int = 20) -> str:
    """Return the labels in a line, the first of them where there are many."""
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(map(plain, labels[:most])) + more


def fine_tuned(metrics: dict) -> bool:
    """Return whether the network was fine-tuned, as all were before there was a probe."""
    return "fine_tuning" not in metrics or bool(metrics["fine_tuning"] and metrics["fine_tuning"]["kept"])


def measured(metrics: dict) -> str:
    """Return how the error was measured: "out of fold" or "validation"."""
    return metrics.get("measured", "validation")


def on_what(metrics: dict) -> str:
    """Return what the model is."""
    labels, options = list(metrics["photos"]), metrics["options"]
    start = "pretrained on ImageNet" if options.get("pretrained", True) else "from random weights"
    how = f"fine-tuned for {options['epochs']} epochs" if fine_tuned(metrics) else "frozen, with a linear probe,"
    return (f"A `{options['arch']}`, {start}, {how} at {options['image_size']} pixels to tell {len(labels)} labels "
            f"apart: {listed(labels)}. {metrics['export']['bytes'] / 1e6:.1f} MB. Trained on {metrics['date'][:10]}.\n")


def on_data(metrics: dict) -> str:
    """Return how many photos it learned from, and which were held out."""
    photos, n_train, n_valid = metrics["photos"], metrics["n_train"], metrics["n_valid"]
    in_turn = measured(metrics) == "out of fold"  # the same photos, learned from and held out
    counts = ", ".join(f"{n['train'] if in_turn else n['train'] + n['valid']} {plain(label)}"
                       for label, n in list(photos.items())[:20]) + (" …" if len(photos) > 20 else "")
    said = f"{n_train} photos trained it ({counts}). Each was also held out in turn, from models that measure it." if (
        in_turn) else f"{n_train + n_valid} photos: {n_train} trained it, {n_valid} were held out ({counts})."
    return f"{said} {len(metrics['unreadable'])} could not be opened.\n"


def on_error(metrics: dict) -> str:
    """Return how often it is wrong: held out, on photos from elsewhere, and by label."""
    groups = metrics.get("trust", {}).get("groups") or [
        {"name": measured(metrics), "n": metrics["n_valid"], "right": 1 - metrics["error_rate"], "by_label": {}}]
    rows = [[plain(of["name"]), str(of["n"]), f"{of['right']:.1%}", f"{1 - of['right']:.1%}",
             ", ".join(f"{plain(label)} {right}/{n}" for label, (right, n) in list(of["by_label"].items())[:12])]
            for of in groups]
    if test := metrics.get("test"):
        rows.append(["test set", str(test["n"]), f"{1 - test['error_rate']:.1%}", f"{test['error_rate']:.1%}", ""])
    return table("photos | n | right | error | right by label", rows) + on_labels(metrics)


def on_labels(metrics: dict) -> str:
    """Return the error of each label with its 95% interval, the highest first; "" where it was not recorded."""
    by_label = {label: row for label, row in metrics.get("by_label", {}).items() if row["n"]}
    worst = sorted(by_label.items(), key=lambda entry: -entry[1]["wrong"] / entry[1]["n"])
    rows = [[plain(label), str(row["n"]), str(row["wrong"]), f"{row['wrong'] / row['n']:.1%}",
             f"{row['low']:.1%} to {row['high']:.1%}"] for label, row in worst[:MOST_LABELS]]
    if not rows:
        return ""
    more = f"\nThese are the labels with the highest error, of {len(worst)}.\n" if len(worst) > len(rows) else ""
    return "\n" + table(f"{measured(metrics)} | n | wrong | error | 95% interval", rows) + more


def on_calibration(metrics: dict) -> str:
    """Return how far its percentages can be believed."""
    trust, fit = metrics.get("trust"), metrics.get("calibration")
    rows = [[plain(of["name"]), str(of["n"]), f"{of['softmax']:.3f}",
             "-" if of["calibrated"] is None else f"{of['calibrated']:.3f}", f"{of['low']:.3f} to {of['high']:.3f}"]
            for of in (trust or {}).get("groups", [])]
    if fit:
        on_validation = fine_tuned(metrics) and "fine_tuning" in metrics
        rows.append(["validation, cross-fitted" if on_validation else "out of fold", str(fit["n_photos"]),
                     f"{fit['before']['error']:.3f}", f"{fit['after']['error']:.3f}", ""])
        source = "it said of its validation photos" if on_validation else (
            f"{fit['n_folds']} models said of photos that they had not seen")
        temperature = (f"\nThe scores are divided by one temperature, {fit['temperature']:.2f}, fitted on what "
                       f"{source}.\n")
    else:
        temperature = "\nThe percentages are not calibrated.\n"
    return (table("calibration error | n | softmax | calibrated | 95% interval", rows) if rows else "") + temperature


def on_familiarity(metrics: dict) -> str:
    """Return what passes as familiar, of its labels' photos and of anything else."""
    trust = metrics.get("trust")
    if not trust:
        return NOT_MEASURED + on_left_out(metrics)
    rows = [[plain(of["name"]), f"{of['threshold']:.3f}", f"{of['known']:.1%}", f"{of['other']:.1%}",
             f"{of['auroc']:.3f}"] for of in trust["scores"]]
    familiar = "; ".join(f"{plain(of['name'])} {of['familiar']:.1%}" for of in trust["groups"]
                         if of["familiar"] is not None)
    return (table("score | threshold | of its labels | of anything else | AUROC", rows)
            + f"\n{trust['n_known']} photos of its labels, {trust['n_other']} of anything else. "
            + (f"Familiar: {familiar}.\n" if familiar else "\n") + on_left_out(metrics))


def on_left_out(metrics: dict) -> str:
    """Return how often photos of a label that was left out are told as unfamiliar; "" where it was not recorded."""
    known = metrics.get("familiarity")
    if not known:
        return ""
    if known["accepted"] is None:
        return "\nIt cannot tell what is familiar: the network's features tell nothing apart.\n"
    if known["unfamiliar"] is None:
        return "\nWhat it says of a label that it was never shown could not be measured on these photos.\n"
    worst = min(known["left_out"].items(), key=lambda entry: entry[1]["unfamiliar"])
    return (f"\nOf a label that it was never shown, {known['unfamiliar']:.0%} were told as unfamiliar: each label was "
            f"left out in turn (AUROC {known['auroc']:.3f}). The fewest were of {plain(worst[0])}, "
            f"{worst[1]['unfamiliar']:.0%}.\n")


def on_heatmap(metrics: dict) -> str:
    """Return whether the answer rests on what the heatmap shows."""
    heatmaps = metrics.get("trust", {}).get("heatmaps")
    if not heatmaps:
        return NOT_MEASURED
    shares = "; ".join("{photos}: in {share:.1%} of {n} photos (by {top:.2f} against {at_random:.2f} in the median)"
                       .format(**heatmap) for heatmap in heatmaps)
    return f"Blurring the heatmap's top fifth lowers the winning logit more than blurring a random fifth. {shares}.\n"


def on_speed(metrics: dict) -> str:
    """Return how long an answer takes."""
    trust = metrics.get("trust")
    if not trust:
        return NOT_MEASURED
    return (f"From file to answer {trust['ms']:.0f} ms in the median, on {trust['cores']} "
            f"core{'s' * (trust['cores'] > 1)}, measured on {trust['date']}.\n")


PARTS: dict[str, Callable[[dict], str]] = {
    "what": on_what, "data": on_data, "error": on_error, "calibration": on_calibration,
    "familiarity": on_familiarity, "heatmap": on_heatmap, "speed": on_speed}


def model_index(metrics: dict, name: str) -> dict:
    """Return the Hub's metadata of the results: accuracy by set of photos."""
    groups = metrics.get("trust", {}).get("groups") or [
        {"name": measured(metrics), "right": 1 - metrics["error_rate"]}]
    return {"model-index": [{"name": name, "results": [
        {"task": {"type": "image-classification"}, "dataset": {"name": of["name"], "type": "imagefolder"},
         "metrics": [{"type": "accuracy", "value": round(of["right"], 4)}]} for of in groups]}]}


def with_card(readme: str, metrics: dict) -> str:
    """Return a README with the card's figures in place; CliError where it has no place for them."""
    found = MARKED.findall(readme)
    unknown = sorted({name for _, name, _ in found} - set(PARTS))
    if not found or unknown:
        raise CliError(f"The README has {f'a card part {unknown[0]!r}' if unknown else 'no card part'}: "
                       f"put <!-- card: NAME --> and <!-- /card --> where {', '.join(PARTS)} are to stand.")
    try:
        readme = MARKED.sub(lambda part: part[1] + PARTS[part[2]](metrics) + part[3], readme)
        front = FRONT.match(readme)
        if not front:
            return readme
        title = (yaml.safe_load(front[1]) or {}).get("title", "Fieldguide")
        kept = re.sub(r"^model-index:\n(?:[ -].*\n)*", "", front[1], flags=re.M)
        index = yaml.safe_dump(model_index(metrics, title), sort_keys=False, allow_unicode=True)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CliError(f"metrics.json lacks what the card needs ({type(error).__name__}: {error}): "
                       "train again.") from error
    return f"---\n{kept}{index}---\n{readme[front.end():]}"


def write_card(path: str | Path, metrics: dict) -> None:
    """Write the card's figures into a README; what was there stays if that fails."""
    path = Path(path)
    try:
        text = with_card(path.read_text(encoding="utf-8"), metrics)
    except OSError as error:
        raise CliError(f"--card {path}: {error.strerror or error}.") from error
    with staged(path) as aside:
        aside.write_text(text, encoding="utf-8")
    print(f"{path}: the model card's figures are those of metrics.json")
