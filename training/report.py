"""See how a trained export does: one HTML page to look at, and its figures as PNG.

Reads  export.pkl, metrics.json beside it, and the photos it was trained on
Writes report/report.html (self-contained), report/confusion_matrix.png, top_losses.png, training.png

    python -m training.report export.pkl data/bears
"""
import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError, call_parse
from matplotlib.figure import Figure

from classifier.photo import open_photo

from .answers import N_TOP_LOSSES, Answers, answer_all, load_classifier
from .data import get_photos, held_out, print_unreadable, sha256
from .export import staged
from .train import metrics_path

MAX_LABELS_WITH_NUMBERS = 30  # a larger matrix is read by colour alone


def read_metrics(export: str | Path) -> dict:
    """Return metrics.json beside an export; {} where there is none, or one of another export."""
    try:
        metrics = json.loads(metrics_path(export).read_text())
        return metrics if metrics["export"]["sha256"] == sha256(Path(export)) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def plot_confusion_matrix(answers: Answers) -> Figure:
    """Return the confusion matrix as a figure; numbers in the cells for up to 30 labels."""
    matrix, n = answers.confusion(), len(answers.vocab)
    side = min(3 + 0.45 * n, 24)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues", vmin=0)
    axes.set_xticks(range(n), answers.vocab, rotation=90 if n > 6 else 0)
    axes.set_yticks(range(n), answers.vocab)
    axes.set(xlabel="Predicted", ylabel="Actual", title="Confusion matrix")
    if n <= MAX_LABELS_WITH_NUMBERS:
        for (i, j), count in np.ndenumerate(matrix):
            axes.text(j, i, count, ha="center", va="center",
                      color="white" if count > matrix.max() / 2 else "black")
    return figure


def plot_top_losses(answers: Answers, k: int = N_TOP_LOSSES) -> Figure:
    """Return the photos with the highest loss as a figure, titled as fastai titles them."""
    indices = answers.top_losses(k)
    n_columns = min(4, len(indices))
    n_rows = -(-len(indices) // n_columns)
    figure = Figure(figsize=(3 * n_columns, 3.3 * n_rows), layout="constrained")
    figure.suptitle("Prediction / actual / loss / probability")
    for axes, i in zip(figure.subplots(n_rows, n_columns, squeeze=False).flat, indices):
        photo = _thumbnail(answers.files[i])
        axes.imshow(photo)
        axes.set_title("{} / {} / {:.2f} / {:.2f}".format(*_words(answers, i)), fontsize=9)
    for axes in figure.axes:
        axes.axis("off")
    return figure


def plot_training(epochs: Sequence[dict]) -> Figure:
    """Return the training table as a figure: losses and error rate over the epochs."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    x = range(1, len(epochs) + 1)
    for name in ("train_loss", "valid_loss"):
        losses.plot(x, [row[name] for row in epochs], marker="o", label=name)
    losses.legend()
    losses.set(title="Loss", xlabel="epoch (the first with the backbone frozen)", xticks=x, ylim=(0, None))
    errors.plot(x, [100 * row["error_rate"] for row in epochs], marker="o", color="tab:red")
    errors.set(title="error_rate, %", xlabel="epoch", xticks=x, ylim=(0, None))
    return figure


def _words(answers: Answers, i: int) -> tuple[str, str, float, float]:
    """Return prediction, label, loss and the prediction's probability of one photo."""
    prediction = answers.predictions[i]
    return (answers.vocab[prediction], answers.vocab[answers.targets[i]], answers.losses[i],
            answers.probabilities[i, prediction])


def _thumbnail(file: Path, side: int = 260):
    photo = open_photo(file)
    photo.thumbnail((side, side))
    return photo


def to_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _embedded(data: bytes, alt: str, kind: str = "png") -> str:
    encoded = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/{kind};base64,{encoded}">'


def _card(answers: Answers, i: int) -> str:
    """Return one top loss as HTML: the photo, then its figures."""
    buffer = io.BytesIO()
    _thumbnail(answers.files[i]).save(buffer, "JPEG", quality=85)
    prediction, label, loss, probability = _words(answers, i)
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


def to_html(answers: Answers, figures: dict[str, bytes], metrics: dict, part: str, unreadable: int) -> str:
    """Return the whole report as one page that needs no other file.

    figures: PNG by name. part: which photos these are, in words.
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
<h2>Training</h2>{training}
</html>
"""


def figures_of(answers: Answers, metrics: dict) -> dict[str, bytes]:
    """Return the report's figures as PNG, by name; `training` only where the table is known."""
    figures = {"confusion_matrix": plot_confusion_matrix(answers), "top_losses": plot_top_losses(answers)}
    if metrics.get("epochs"):
        figures["training"] = plot_training(metrics["epochs"])
    return {name: to_png(figure) for name, figure in figures.items()}


@call_parse
def main(
    export:str, # export.pkl to report on
    data:str, # the folder of photos that it was trained on, or another with the same labels
    out:str="report", # folder for report.html and the figures
):
    "Write a page with the confusion matrix, the top losses and the training of EXPORT."
    classifier = load_classifier(export)
    photos, metrics = get_photos(data), read_metrics(export)
    if not photos:
        raise CliError(f"No photos under {data}. Put them in one folder a label: {data}/<label>/photo.jpg.")
    validated = held_out(photos, metrics.get("valid_sha256", []))
    part = "validation photos" if validated else "photos (not the ones that it was validated on)"
    answers, unreadable = answer_all(classifier, validated or photos)
    print_unreadable(unreadable)
    figures, folder = figures_of(answers, metrics), Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror}.") from error
    pages = {f"{name}.png": data for name, data in figures.items()}
    pages["report.html"] = to_html(answers, figures, metrics, part, len(unreadable)).encode()
    for name, content in pages.items():
        with staged(folder / name) as aside:
            aside.write_bytes(content)
    print(f"{folder / 'report.html'}: {len(answers.files)} {part}, {answers.n_wrong} wrong, "
          f"{len(unreadable)} unreadable, {len(figures)} figures")
