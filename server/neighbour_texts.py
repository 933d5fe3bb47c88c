"""What the page says of the training photos that a photo resembles: small pictures, or how many have each label.

Reads  a `Prediction`, and the `Neighbours` of its export
Gives  a block of HTML for Gradio's Markdown. Names and labels are an export's, which may be anybody's: they are text,
       whatever characters they have
"""

import base64
import re

from classifier import Prediction
from classifier.inference.neighbours import Neighbour, Neighbours

from .texts import label_text

RESEMBLES = "It resembles these photos I learned from"
FAR = "These are the nearest of the photos I learned from, and none is near"
NONE, OTHER, WHICH = "none of the labels", "another label", "Their names"
MAX_TEXT = 60  # characters of a name that are shown; a longer one is cut in the middle
NO_TEXT = re.compile(r"[^\w ,.-]|_")  # what may mean something in HTML, Markdown or LaTeX
ROW = "display:grid;grid-template-columns:repeat(auto-fill,minmax(88px,1fr));gap:8px;margin:4px 0"
FIGURE = "margin:0;font-size:0.85em;line-height:1.3;overflow-wrap:anywhere"
PICTURE = "display:block;width:100%;height:80px;object-fit:contain;object-position:left;margin:0"


def neighbours_text(prediction: Prediction, known: Neighbours | None) -> str:
    """Return the training photos that a photo resembles, as HTML; "" for an export that names none."""
    if not prediction.neighbours or known is None:
        return ""
    pictures = [known.picture(one) for one in prediction.neighbours]
    heading = FAR if prediction.familiar is False else RESEMBLES
    if any(pictures):
        figures = (_figure(one, picture, prediction) for one, picture in zip(prediction.neighbours, pictures))
        return f'<div class="neighbours"><div>{heading}:</div><div style="{ROW}">{"".join(figures)}</div></div>'
    return f'<div class="neighbours">{_names(heading, prediction)}</div>'


def differs(neighbour: Neighbour, prediction: Prediction) -> bool:
    """Return whether a training photo has other labels than an answer gives; never where the answer is none of them."""
    given = (prediction.label,) if prediction.labels is None else prediction.labels
    return not prediction.is_none and set(neighbour.labels) != set(given)


def _figure(one: Neighbour, picture: bytes | None, prediction: Prediction) -> str:
    """Return a training photo with its label; its name in place of a picture that the export has not."""
    name = as_text(short_name(one))
    shown = f"<em>{name}</em>"
    if picture:
        data = base64.b64encode(picture).decode()
        shown = f'<img src="data:image/jpeg;base64,{data}" alt="{name}" title="{name}" style="{PICTURE}">'
    return f'<figure style="{FIGURE}">{shown}<figcaption>{_label(one, prediction)}</figcaption></figure>'


def _names(heading: str, prediction: Prediction) -> str:
    """Return how many of the training photos have each label, that of the nearest one first; their names, folded."""
    by_label: dict[str, list[str]] = {}
    for one in prediction.neighbours or ():
        by_label.setdefault(_label(one, prediction), []).append(as_text(short_name(one)))
    counts = ", ".join(f"{len(names)}\u00a0×\u00a0{label}" for label, names in by_label.items())
    names = "".join(f"<div>{label}: {', '.join(names)}</div>" for label, names in by_label.items())
    return f"<div>{heading}: {counts}</div><details><summary>{WHICH}</summary>{names}</details>"


def short_name(one: Neighbour) -> str:
    """Return the name of a training photo without its folders: its label is told beside it."""
    return one.file.rpartition("/")[2]


def _label(one: Neighbour, prediction: Prediction) -> str:
    """Return the label of a training photo, or its labels; in words, too, where they are not those of the answer."""
    labels = as_text(", ".join(map(label_text, one.labels)) or NONE)
    return f"<strong>{labels}</strong> ({OTHER})" if differs(one, prediction) else labels


def as_text(text: str) -> str:
    """Return text as HTML that shows each of its characters, and means nothing in Markdown."""
    text = " ".join(text.split())
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT // 2]}…{text[-MAX_TEXT // 2 :]}"
    return NO_TEXT.sub(lambda found: f"&#{ord(found[0])};", text)
