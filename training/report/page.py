"""Write the training report as one HTML page that needs no other file.

Reads  `unseen.Measured`, the figures as PNG by name, and what metrics.json records
Gives  HTML; `training.report` writes it
"""
import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from training.held_out import by_label
from training.predictions import Answers
from training.statistics import wilson
from training.train.fine_tune import POOR, Verdict
from training.unseen import Measured

from .figures import Familiar, described, thumbnail

OTHERS = "others, from"  # how the group of photos of anything else is called
TELLS_APART = 0.7  # AUROC of labels that were left out; below, familiarity is little better than chance
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#222}
img{max-width:100%;height:auto} .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));
gap:1rem} figure{margin:0;border:1px solid #ccc;border-top:5px solid #2a7;border-radius:6px;padding:.6rem}
figure.wrong{border-top-color:#c33} figcaption{overflow-wrap:anywhere} figure img{height:160px;width:100%;
object-fit:contain;background:#f4f4f4} table{border-collapse:collapse} td,th{padding:.2rem .8rem;
border-bottom:1px solid #ddd;text-align:left} .figures{font-size:1.3rem}"""


def embedded(data: bytes, alt: str, kind: str = "png") -> str:
    """Return a picture as HTML that holds its bytes."""
    encoded = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/{kind};base64,{encoded}">'


def table(head: str, rows: Sequence[Sequence[object]]) -> str:
    """Return an HTML table; head: its columns, with bars between."""
    lines = [f"<tr>{''.join(f'<th>{name.strip()}</th>' for name in head.split('|'))}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def card(answers: Answers, i: int) -> str:
    """Return one top loss: the photo, then its figures."""
    buffer = io.BytesIO()
    thumbnail(answers.files[i]).save(buffer, "JPEG", quality=85)
    prediction, label, loss, probability = described(answers, i)
    verdict = "wrong" if prediction != label else "right"
    return (f'<figure class="{verdict}">{embedded(buffer.getvalue(), answers.files[i].name, "jpeg")}'
            f"<figcaption><b>{html.escape(prediction)}</b> {probability:.0%}, {verdict}<br>"
            f"label: {html.escape(label)}<br>loss {loss:.2f}<br>"
            f"<small>{html.escape(answers.files[i].name)}</small></figcaption></figure>")


def on_labels(rows: dict[str, dict]) -> str:
    """Return the error of each label with its interval, the highest first; rows: see `held_out.by_label`."""
    shown = sorted(((label, row) for label, row in rows.items() if row["n"]),
                   key=lambda entry: -entry[1]["wrong"] / entry[1]["n"])
    return table("label | photos | wrong | error | 95% interval", [
        (label, row["n"], row["wrong"], f"{row['wrong'] / row['n']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}")
        for label, row in shown])


def on_confusion(answers: Answers) -> str:
    """Return which labels are taken for which."""
    confused = answers.most_confused()
    return table("label | taken for | photos", confused) if confused else "<p>None.</p>"


def on_test_set(test: dict | None) -> str:
    """Return how the export did on the test set that its folder held."""
    if not test:
        return ""
    low, high = wilson(test["n_wrong"], test["n"])
    return (f"<h2>The test set</h2><p><b>{test['n_wrong']} of {test['n']}</b> wrong: error rate "
            f"<b>{test['error_rate']:.1%}</b>, 95% interval {low:.1%} to {high:.1%}. Nothing was trained or chosen on "
            f"these photos, and the export itself answered them.</p>{on_labels(test['by_label'])}")


def on_calibration(calibration: dict | None, figures: dict[str, bytes]) -> str:
    """Return what the page says of the percentages."""
    if "reliability" not in figures:
        return "<p>The probabilities of this export are its plain softmax: not calibrated.</p>"
    return (f"<p>Measured on {calibration['n_photos']} photos, each answered by a model that had not seen it. Expected "
            f"calibration error over 15 bins: <b>{calibration['before']['error']:.3f}</b> before, "
            f"<b>{calibration['after']['error']:.3f}</b> after. Temperature {calibration['temperature']:.2f}.</p>"
            + embedded(figures["reliability"], "reliability before and after calibration"))


def on_left_out(known: dict | None) -> str:
    """Return what familiarity says of a label that it was never shown; known: metrics.json's "familiarity"."""
    if not known or known["accepted"] is None:
        return ""
    told = f"<p>Of the photos that were held out, <b>{known['accepted']:.1%}</b> count as familiar.</p>"
    if known["unfamiliar"] is None:
        return (f"{told}<p>How often it tells photos of other things as unfamiliar cannot be measured on these photos: "
                "too few labels were held out. Try it on such photos with --other.</p>")
    told += (f"<p>Of a label that it was never shown, <b>{known['unfamiliar']:.0%}</b> were told as unfamiliar: each "
             f"label was left out in turn. AUROC <b>{known['auroc']:.3f}</b>; 0.5 is chance, 1 is always right.</p>")
    if known["auroc"] < TELLS_APART:
        told += ("<p><b>That is little better than chance:</b> photos of other, similar things will often count as "
                 "familiar. Photos of quite different things may still be told; try some with --other.</p>")
    return told + table("label left out | photos | told as unfamiliar | AUROC", [
        (label, row["n"], f"{row['unfamiliar']:.0%}", f"{row['auroc']:.3f}")
        for label, row in known["left_out"].items()])


def on_familiarity(familiar: Familiar, known: dict | None, figures: dict[str, bytes]) -> str:
    """Return what the page says of photos that are none of the labels: the operating figures, and the histogram."""
    if "familiarity" not in figures:
        return "<p>This export cannot tell when a photo is none of its labels: it always answers with one.</p>"
    rows = [(name, len(group), f"{np.mean(group >= familiar.threshold):.1%}", f"{np.median(group):.3f}")
            for name, group in familiar.groups.items()]
    told_apart = ""
    if len(rows) > 1 and rows[-1][0].startswith(OTHERS):
        own, other = list(familiar.groups.values())[-2:]
        auroc = roc_auc_score([1] * len(own) + [0] * len(other), np.concatenate([own, other]))
        told_apart = f"<p>The familiarity tells the last two groups apart with an AUROC of <b>{auroc:.3f}</b>.</p>"
    return (f"<p>From a familiarity of <b>{familiar.threshold:.3f}</b> on, a photo counts as one of the labels. The "
            f"threshold was set on the training's own photos.</p>{table('photos | n | familiar | median', rows)}"
            f"{told_apart}{embedded(figures['familiarity'], 'familiarity by group')}{on_left_out(known)}")


def on_training(metrics: dict, figures: dict[str, bytes]) -> str:
    """Return how the export was made: frozen with a probe, or fine-tuned, and why."""
    if not metrics:
        return "<p>No metrics.json of this export lies beside it, so how it was trained is not known.</p>"
    drawn = embedded(figures["training"], "losses and error rate by epoch") if "training" in figures else ""
    if "fine_tuning" not in metrics:  # of before there was a probe
        return drawn
    verdict = metrics["fine_tuning"]
    if verdict and verdict["kept"]:
        return f"<p>What is served is the fine-tuned network; {Verdict(**verdict)}.</p>{drawn}"
    why = f"{Verdict(**verdict)}." if verdict else not_tried(metrics)
    return ("<p>What is served is the network as it came, frozen, with a linear probe that learned from "
            f"{metrics['n_train']} photos: {why}</p>{drawn}")


def not_tried(metrics: dict) -> str:
    """Return why a training did not fine-tune."""
    if metrics["options"].get("quick"):
        return "--quick left fine-tuning out."
    error = (metrics["calibration"] or metrics)["error_rate"]
    why = f"{error:.1%} wrong is less than the {POOR:.0%} from which on it is tried" if error < POOR else (
        "it would have taken too long")
    return f"fine-tuning was not tried, since {why}; --fine-tune tries it all the same."


def on_photos(measured: Measured, n_others: int) -> str:
    """Return which photos the page is about, and what is left out."""
    others = (f" {n_others} other photos of the folder are left out: the model learned from them, they cannot be "
              "opened, or they came, changed or got an unknown label since.") if n_others else ""
    unreadable = f" {len(measured.unreadable)} more could not be opened." if measured.unreadable else ""
    return f"<p>{measured.words}.{unreadable}{others}</p>"


def to_html(measured: Measured, figures: dict[str, bytes], metrics: dict, familiar: Familiar | None = None,
            n_others: int = 0) -> str:
    """Return the whole report; figures: PNG by name; n_others: photos of the folder that nobody was asked about."""
    answers, n = measured.answers, len(measured.answers.files)
    low, high = wilson(answers.n_wrong, n)
    options = " · ".join(f"{name} {value}" for name, value in metrics.get("options", {}).items())
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Training report</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style>
<h1>Training report</h1>
<p class="figures"><b>{answers.n_wrong} of {n}</b> wrong: error rate <b>{answers.n_wrong / n:.1%}</b>,
95% interval {low:.1%} to {high:.1%}</p>
{on_photos(measured, n_others)}<p>{html.escape(options)}</p>
<h2>Error by label</h2>{on_labels(by_label(answers.vocab, answers.targets, answers.predictions))}
<h2>Which labels are confused</h2>{embedded(figures["confusion_matrix"], "confusion matrix")}
{on_confusion(answers)}
<h2>Top losses</h2><p>The photos that the model is most wrong about, or least sure of. Look for wrong labels
among them before you blame the model.</p>
<div class="cards">{"".join(card(answers, i) for i in answers.top_losses())}</div>
{on_test_set(metrics.get("test"))}
<h2>How far to believe a percentage</h2>{on_calibration(metrics.get("calibration"), figures)}
<h2>What it takes for none of its labels</h2>
{on_familiarity(familiar or Familiar(), metrics.get("familiarity"), figures)}
<h2>Training</h2>{on_training(metrics, figures)}
</html>
"""
