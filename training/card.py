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

from .export import staged

MARKED = re.compile(r"(<!-- card: (\w+) -->\n).*?(<!-- /card -->)", re.S)
FRONT = re.compile(r"\A---\n(.*?)^---\n", re.M | re.S)
NOT_MEASURED = "Not measured yet: `python -m benchmarks.trust export.pkl --known DATA --other DIR --save`.\n"
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


def on_what(metrics: dict) -> str:
    """Return what the model is."""
    labels, options = list(metrics["photos"]), metrics["options"]
    return (f"A `{options['arch']}`, pretrained on ImageNet, fine-tuned for {options['epochs']} epochs at "
            f"{options['image_size']} pixels to tell {len(labels)} labels apart: {listed(labels)}. "
            f"{metrics['export']['bytes'] / 1e6:.1f} MB. Trained on {metrics['date'][:10]}.\n")


def on_data(metrics: dict) -> str:
    """Return how many photos it learned from."""
    photos, n_train, n_valid = metrics["photos"], metrics["n_train"], metrics["n_valid"]
    counts = ", ".join(f"{n['train'] + n['valid']} {plain(label)}" for label, n in list(photos.items())[:20])
    return (f"{n_train + n_valid} photos: {n_train} trained it, {n_valid} were held out ({counts}"
            f"{' …' if len(photos) > 20 else ''}). {len(metrics['unreadable'])} could not be opened.\n")


def on_error(metrics: dict) -> str:
    """Return how often it is wrong: held out, and on photos from elsewhere."""
    groups = metrics.get("trust", {}).get("groups") or [
        {"name": "validation", "n": metrics["n_valid"], "right": 1 - metrics["error_rate"], "by_label": {}}]
    rows = [[plain(of["name"]), str(of["n"]), f"{of['right']:.1%}", f"{1 - of['right']:.1%}",
             ", ".join(f"{plain(label)} {right}/{n}" for label, (right, n) in list(of["by_label"].items())[:12])]
            for of in groups]
    return table("photos | n | right | error | right by label", rows)


def on_calibration(metrics: dict) -> str:
    """Return how far its percentages can be believed."""
    trust, fit = metrics.get("trust"), metrics.get("calibration")
    rows = [[plain(of["name"]), str(of["n"]), f"{of['softmax']:.3f}",
             "-" if of["calibrated"] is None else f"{of['calibrated']:.3f}", f"{of['low']:.3f} to {of['high']:.3f}"]
            for of in (trust or {}).get("groups", [])]
    if fit:
        rows.append(["out of fold", str(fit["n_photos"]), f"{fit['before']['error']:.3f}",
                     f"{fit['after']['error']:.3f}", ""])
        temperature = (f"\nThe scores are divided by one temperature, {fit['temperature']:.2f}, fitted on what "
                       f"{fit['n_folds']} models said of photos that they had not seen.\n")
    else:
        temperature = "\nThe percentages are not calibrated.\n"
    return (table("calibration error | n | softmax | calibrated | 95% interval", rows) if rows else "") + temperature


def on_familiarity(metrics: dict) -> str:
    """Return what passes as familiar, of its labels' photos and of anything else."""
    trust = metrics.get("trust")
    if not trust:
        return NOT_MEASURED
    rows = [[plain(of["name"]), f"{of['threshold']:.3f}", f"{of['known']:.1%}", f"{of['other']:.1%}",
             f"{of['auroc']:.3f}"] for of in trust["scores"]]
    familiar = "; ".join(f"{plain(of['name'])} {of['familiar']:.1%}" for of in trust["groups"]
                         if of["familiar"] is not None)
    return (table("score | threshold | of its labels | of anything else | AUROC", rows)
            + f"\n{trust['n_known']} photos of its labels, {trust['n_other']} of anything else. "
            + (f"Familiar: {familiar}.\n" if familiar else "\n"))


def on_heatmap(metrics: dict) -> str:
    """Return whether the answer rests on what the heatmap shows."""
    heatmap = metrics.get("trust", {}).get("heatmap")
    if not heatmap:
        return NOT_MEASURED
    return ("Blurring the heatmap's top fifth lowers the winning logit more than blurring a random fifth in "
            "{share:.1%} of {n} photos (by {top:.2f} against {at_random:.2f} in the median).\n").format(**heatmap)


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
    groups = metrics.get("trust", {}).get("groups") or [{"name": "validation", "right": 1 - metrics["error_rate"]}]
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
