"""See how a trained export does: one HTML page to look at, and its figures as PNG.

Reads  export.pkl, metrics.json beside it, and the photos it was trained on
Writes report/report.html (self-contained) and its figures as PNG: confusion_matrix, top_losses, training,
       reliability, familiarity

    python -m training.report export.pkl data/bears
    python -m training.report export.pkl data/bears --other photos/of-anything-else
    python -m training.report export.pkl data/bears --card README.md     # the model card's figures as well
"""
import base64
import html
import io
from pathlib import Path

import numpy as np
from fastcore.script import CliError, call_parse
from sklearn.metrics import roc_auc_score

from classifier import Classifier
from classifier.trust import Familiarity, familiarity

from .answers import Answers, answer_all, familiarity_of_all, load_classifier
from .card import write_card
from .data import get_photos, held_out, print_unreadable
from .export import staged
from .figures import (
    described,
    plot_confusion_matrix,
    plot_familiarity,
    plot_reliability,
    plot_top_losses,
    plot_training,
    thumbnail,
    to_png,
)
from .metrics import read_metrics


def _embedded(data: bytes, alt: str, kind: str = "png") -> str:
    encoded = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/{kind};base64,{encoded}">'


def _card(answers: Answers, i: int) -> str:
    """Return one top loss as HTML: the photo, then its figures."""
    buffer = io.BytesIO()
    thumbnail(answers.files[i]).save(buffer, "JPEG", quality=85)
    prediction, label, loss, probability = described(answers, i)
    verdict = "wrong" if prediction != label else "right"
    return (f'<figure class="{verdict}">{_embedded(buffer.getvalue(), answers.files[i].name, "jpeg")}'
            f"<figcaption><b>{html.escape(prediction)}</b> {probability:.0%}, {verdict}<br>"
            f"label: {html.escape(label)}<br>loss {loss:.2f}<br>"
            f"<small>{html.escape(answers.files[i].name)}</small></figcaption></figure>")


STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#222}
img{max-width:100%;height:auto} .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));
gap:1rem} figure{margin:0;border:1px solid #ccc;border-top:5px solid #2a7;border-radius:6px;padding:.6rem}
figure.wrong{border-top-color:#c33} figcaption{overflow-wrap:anywhere} figure img{height:160px;width:100%;
object-fit:contain;background:#f4f4f4} table{border-collapse:collapse} td,th{padding:.2rem .8rem;
border-bottom:1px solid #ddd;text-align:left} .figures{font-size:1.3rem}"""


OTHERS = "others, from"


def of_training(known: Familiarity) -> np.ndarray | None:
    """Return the familiarity of the training photos, each left out of the others; None where they are too few."""
    n = len(known.reference)
    return familiarity(known.reference, known.reference, known.k + 1) if n > known.k else None


def groups_of(classifier: Classifier, answers: Answers, part: str, other: str) -> dict[str, np.ndarray]:
    """Return familiarity by group of photos: training, `part`, and those in the folder `other`, if given."""
    if not classifier.knows_strangers:
        if other:
            raise CliError("--other: this export cannot tell what is familiar. Train it again with training.train.")
        return {}
    groups = {"training photos, each left out": of_training(classifier.familiarity), part: answers.familiarity}
    if other:
        photos = get_photos(other, labelled=False)
        if not photos:
            raise CliError(f"--other {other}: there are no photos in this folder.")
        groups[f"{OTHERS} {Path(other).name}"] = familiarity_of_all(classifier, photos)
    return {name: group for name, group in groups.items() if group is not None and len(group)}


def on_calibration(calibration: dict | None, figures: dict[str, bytes]) -> str:
    """Return what the page says of the percentages."""
    if "reliability" not in figures:
        return "<p>The probabilities of this export are its plain softmax: not calibrated.</p>"
    return (f"<p>Measured on {calibration['n_photos']} photos, each answered by a model that had not seen it "
            f"({calibration['n_folds']} folds), as it is, as a thumbnail, cropped and both. Expected calibration "
            f"error over 15 bins: <b>{calibration['before']['error']:.3f}</b> before, "
            f"<b>{calibration['after']['error']:.3f}</b> after; the temperature is {calibration['temperature']:.2f}. "
            f"Out of fold, {calibration['error_rate']:.1%} of the photos are taken for another label, and "
            f"{calibration['error_rate_thumbnails']:.1%} of their thumbnails.</p>"
            + _embedded(figures["reliability"], "reliability before and after calibration"))


def on_familiarity(groups: dict[str, np.ndarray], threshold: float | None, figures: dict[str, bytes]) -> str:
    """Return what the page says of photos that are none of the labels: the operating figures, and the histogram."""
    if "familiarity" not in figures:
        return "<p>This export cannot tell when a photo is none of its labels: it always answers with one.</p>"
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{len(group)}</td><td>{np.mean(group >= threshold):.1%}</td>"
                   f"<td>{np.median(group):.3f}</td></tr>" for name, group in groups.items())
    told_apart = ""
    if list(groups)[-1].startswith(OTHERS):
        known, other = list(groups.values())[-2:]
        auroc = roc_auc_score([1] * len(known) + [0] * len(other), np.concatenate([known, other]))
        told_apart = f"<p>The familiarity tells the last two groups apart with an AUROC of <b>{auroc:.3f}</b>.</p>"
    return (f"<p>From a familiarity of <b>{threshold:.3f}</b> on, a photo counts as one of the labels. The threshold "
            "was set on the training's own photos.</p><table><tr><th>photos</th><th>n</th><th>familiar</th>"
            f"<th>median</th></tr>{rows}</table>{told_apart}"
            + _embedded(figures["familiarity"], "familiarity by group"))


def to_html(answers: Answers, figures: dict[str, bytes], metrics: dict, part: str, unreadable: int,
            groups: dict[str, np.ndarray] | None = None, threshold: float | None = None) -> str:
    """Return the whole report as one page that needs no other file.

    figures: PNG by name. part: which photos these are, in words. groups, threshold: see `groups_of`.
    """
    n = len(answers.files)
    confused = "".join(f"<tr><td>{html.escape(label)}</td><td>{html.escape(prediction)}</td><td>{count}</td></tr>"
                       for label, prediction, count in answers.most_confused())
    table = f"<table><tr><th>label</th><th>taken for</th><th>photos</th></tr>{confused}</table>"
    training = _embedded(figures["training"], "losses and error rate by epoch") if "training" in figures else (
        "<p>No metrics.json of this export lies beside it, so how it was trained is not known.</p>")
    options = " · ".join(f"{name} {value}" for name, value in metrics.get("options", {}).items())
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Training report</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style>
<h1>Training report</h1>
<p class="figures"><b>{answers.n_wrong} of {n}</b> {part} wrong: error rate <b>{answers.n_wrong / n:.1%}</b></p>
<p>{unreadable} more could not be opened. {html.escape(options)}</p>
<h2>Which labels are confused</h2>{_embedded(figures["confusion_matrix"], "confusion matrix")}
{table if confused else "<p>None.</p>"}
<h2>Top losses</h2><p>The photos that the model is most wrong about, or least sure of. Look for wrong labels
among them before you blame the model.</p>
<div class="cards">{"".join(_card(answers, i) for i in answers.top_losses())}</div>
<h2>How far to believe a percentage</h2>{on_calibration(metrics.get("calibration"), figures)}
<h2>What it takes for none of its labels</h2>{on_familiarity(groups or {}, threshold, figures)}
<h2>Training</h2>{training}
</html>
"""


def figures_of(answers: Answers, metrics: dict, groups: dict[str, np.ndarray] | None = None,
               threshold: float | None = None) -> dict[str, bytes]:
    """Return the report's figures as PNG, by name; those left out whose figures are not known."""
    figures = {"confusion_matrix": plot_confusion_matrix(answers), "top_losses": plot_top_losses(answers)}
    if metrics.get("epochs"):
        figures["training"] = plot_training(metrics["epochs"])
    if metrics.get("calibration"):
        figures["reliability"] = plot_reliability(metrics["calibration"])
    if groups:
        figures["familiarity"] = plot_familiarity(groups, threshold)
    return {name: to_png(figure) for name, figure in figures.items()}


@call_parse
def main(
    export:str, # export.pkl to report on
    data:str, # the folder of photos that it was trained on, or another with the same labels
    out:str="report", # folder for report.html and the figures
    other:str="", # folder of photos of anything else, to see how many count as familiar
    card:str="", # README to write the model card's figures into, from metrics.json
):
    "Write a page with the confusion matrix, the top losses, the trust figures and the training of EXPORT."
    classifier = load_classifier(export)
    photos, metrics = get_photos(data), read_metrics(export)
    if card and not metrics:
        raise CliError(f"--card {card}: no metrics.json of {export} lies beside it, so there is nothing to write.")
    if not photos:
        raise CliError(f"No photos under {data}. Put them in one folder a label: {data}/<label>/photo.jpg.")
    validated = held_out(photos, metrics.get("valid_sha256", []))
    part = "validation photos" if validated else "photos (not the ones that it was validated on)"
    answers, unreadable = answer_all(classifier, validated or photos)
    print_unreadable(unreadable)
    groups = groups_of(classifier, answers, part, other)
    threshold = classifier.familiarity.threshold if groups else None
    figures, folder = figures_of(answers, metrics, groups, threshold), Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror}.") from error
    pages = {f"{name}.png": data for name, data in figures.items()}
    pages["report.html"] = to_html(answers, figures, metrics, part, len(unreadable), groups, threshold).encode()
    for name, content in pages.items():
        with staged(folder / name) as aside:
            aside.write_bytes(content)
    print(f"{folder / 'report.html'}: {len(answers.files)} {part}, {answers.n_wrong} wrong, "
          f"{len(unreadable)} unreadable, {len(figures)} figures")
    if card:
        write_card(card, metrics)
