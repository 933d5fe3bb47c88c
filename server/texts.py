"""The page's words, made from what the export knows: 2 labels or 200, ours or anybody's."""
import json
import os
import re
from collections.abc import Sequence
from datetime import date

from classifier import Prediction

MOST_LISTED = 12
NO_HEATMAP = "Where this model looked is not available: it is built in another way."
MANY = "Or [many photos at once](many): a folder or a zip."
MOST_PHOTOS = 10**9  # that a record may speak of
MARKUP = re.compile(r"([\\`*_{}\[\]<>#$|~!&])")  # what Markdown and HTML would take for theirs


def named(label: str) -> str:
    """Return a label as people write it, as Markdown that shows every character."""
    return MARKUP.sub(r"\\\1", " ".join(label.replace("_", " ").split()))


def listed(labels: Sequence[str], conjunction: str, most: int = MOST_LISTED) -> str:
    """Return "a, b or c"; of more than `most` labels the first few, and how many there are."""
    names = [named(label) for label in labels]
    if len(names) > most:
        return f"{', '.join(names[:most - 4])} … ({len(names)} in all)"
    return f" {conjunction} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def question(labels: Sequence[str]) -> str:
    """Return the line under the title: what a photo may be of."""
    return f"Show me a photo, and I'll say which it is: **{listed(labels, 'or')}**."


def not_familiar(labels: Sequence[str], prediction: Prediction) -> str:
    """Return what is said of a photo that is none of the labels: the nearest guess is kept, and played down."""
    return (f"### I don't think this is {listed(labels, 'or')}.\n"
            "It looks like none of the photos I learned from. If it had to be one of them, my guess would be "
            f"*{named(prediction.label)}*.")


def times_right(probability: float) -> str:
    """Return a calibrated probability as people say it, never more than its whole percentage: "about 9 times in 10"."""
    percent = int(probability * 100 + 1e-9)
    if percent < 5:
        return "less than 1 time in 20"
    if percent < 10:
        return "about 1 time in 20"
    if percent < 95:
        return f"about {percent // 10} time{'s' * (percent >= 20)} in 10"
    return f"about {percent} times in 100" if probability < 1 else "about 99 times in 100"


def how_sure(prediction: Prediction, calibrated: bool) -> str:
    """Return in words how far to believe the first label's percentage."""
    if not calibrated:
        return ("How often this is right at such a percentage is not known: this model came without "
                "calibrated percentages.")
    return f"At this level it is right **{times_right(prediction.probabilities[prediction.label])}**."


def where_it_looked(label: str, labels: Sequence[str]) -> str:
    """Return what the colours of a heatmap mean."""
    others = " Tap another label above to see where that one would be." if len(labels) > 1 else ""
    return (f"**Orange** spoke for *{named(label)}*, **blue** against it; the outlined fifth counted most. "
            f"The darker a place, the less it counted.{others}")


def what_it_knows(labels: Sequence[str], facts: dict, knows_strangers: bool) -> str:
    """Return the labels, the measured error and the date, as far as the export tells them."""
    otherwise = ("When a photo looks like none of these, it says so." if knows_strangers else
                 "This model cannot tell when a photo is none of these: it always answers with one of them.")
    known = f"**What it knows:** {listed(labels, 'and', most=200)}. {otherwise}"
    try:
        return f"{known} {how_often_wrong(facts)}{how_often_unfamiliar(facts) if knows_strangers else ''}"
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return f"{known} This model came without a record of how often it is wrong."


def how_often_wrong(facts: dict) -> str:
    """Return when an export learned from how many photos, and its error on photos that were held out.

    Raises KeyError, TypeError, ValueError or ArithmeticError for facts that are missing or make no sense.
    """
    n_valid, n_train, error, trained = (int(facts["n_valid"]), int(facts["n_train"]), float(facts["error_rate"]),
                                        date.fromisoformat(facts["date"]))
    if not (0 <= error <= 1 and 0 < n_valid < MOST_PHOTOS and 0 < n_train < MOST_PHOTOS):
        raise ValueError(f"{error} of {n_valid} and {n_train} photos")
    n_wrong, on = round(error * n_valid), f"{trained.day} {trained:%B %Y}"
    if facts.get("measured") == "out of fold":
        return (f"It learned from {n_train} photos on {on}; {error:.1%} of them were wrong when they were held out "
                f"({n_wrong} of {n_valid}).")
    if facts.get("measured") == "validation":
        return (f"It learned from {n_train} photos on {on}; of others, held out for validation, {error:.1%} were wrong "
                f"({n_wrong} of {n_valid}).")
    return (f"Of {n_valid} photos held out of training it got {n_wrong} wrong ({error:.1%}); it learned from {n_train} "
            f"others on {on}.")


def how_often_unfamiliar(facts: dict) -> str:
    """Return how often photos of a label that was left out were told as unfamiliar; "" where that is not known."""
    share = facts.get("unfamiliar")
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        return ""
    return f" Of a label that it was never shown, {share:.0%} were told as unfamiliar."


def privacy(minutes: float, feedback: bool = False) -> str:
    """Return what happens to a photo, and when it is gone; feedback: whether users are asked for it."""
    when = f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
    kept = (" Those that you send under \"Was this right?\" are kept by the owner of this app; and how many answers "
            "there were of each kind is counted." if feedback else "")
    return f"Photos are used for the answer alone, and deleted {when} after they came.{kept}"


def batch_columns(knows_strangers: bool) -> dict[str, str]:
    """Return the heads of the table of many photos, by what they sort by."""
    return {"file": "File", "label": "Label", "probability": "Probability",
            **({"familiar": "Familiar"} if knows_strangers else {})}


def batch_intro(most: int, max_mb: float, knows_strangers: bool, feedback: bool = False) -> str:
    """Return what the page for many photos does with them; feedback: whether users are asked for it."""
    strangers = ("Where Familiar says no, a photo looks like none that the model learned from: don't rely on its label."
                 if knows_strangers else
                 "This model cannot tell when a photo is none of its labels: it always answers with one of them.")
    counted = "; how many answers there were of each kind is counted" if feedback else ""
    return (f"Up to {most} photos of {max_mb:g} MB each become a table that you can sort and download. They are used "
            f"for the answers alone, and not kept{counted}. {strangers}")


def batch_words(most: int, max_mb: float, knows_strangers: bool) -> dict[str, str]:
    """Return what the script of the page for many photos says; it fills in the numbers in braces."""
    strange = ", {strange} not familiar" if knows_strangers else ""
    return {"looking": "Looking for photos …", "none": "There is no photo in this.",
            "progress": "{n} of {of} photos", "turn": "Waiting for a turn: many photos were sent in a short time …",
            "done": f"{{n}} of {{of}} photos: {{wrong}} without an answer{strange}.",
            "too_many": f"These are {{n}} photos: the first {most} are answered. python -m classifier FOLDER, on a "
                        "machine of your own, takes any number.",
            "others": "Left out, because their names are not those of photos: {n}.",
            "too_large": f"This photo has more than {max_mb:g} MB. Send a smaller one.",
            "unreadable": "This could not be read. Choose it again.",
            "lost": "The app could not be reached. Try this photo again later.", "yes": "yes", "no": "no"}


def tool_description(labels: Sequence[str], knows_strangers: bool) -> str:
    """Return what an assistant needs to know to choose and to believe `classify_photo`, as plain text."""
    names = [" ".join(label.replace("_", " ").split()) for label in labels]
    shown = ", ".join(names[:50]) + (f" … ({len(names)} in all)" if len(names) > 50 else "")
    strangers = ("`familiar` is false when the photo is probably none of these: then say so rather than naming the "
                 "label. `familiarity`, 0 to 1, is how near it lies to the training photos." if knows_strangers else
                 "It always answers with one of these, even for a photo of something else: `familiar` is null.")
    return (f"Look at a photo and say which of these it shows: {shown}. Returns the most probable `label` and the "
            f"`probabilities` of all, 0 to 1. {strangers} `calibrated` is true where 0.9 is right 9 times in 10. It "
            "knows nothing else about a photo: not what it does, where it is, or what else is in it.")


def address() -> str:
    """Return where clients find this app: the Space's own host, or this machine."""
    host = os.environ.get("SPACE_HOST")
    return f"https://{host}" if host else f"http://127.0.0.1:{os.environ.get('GRADIO_SERVER_PORT', 7860)}"


def with_visitors_address(url: str) -> str:
    """Return JavaScript that puts the address a visitor came by in place of `url`.

    The app cannot know it: behind a proxy it is another one, and where the port is taken the app moves to the next.
    """
    return f"(text) => text.replaceAll({json.dumps(url)}, location.origin + location.pathname.replace(/\\/+$/, ''))"


def api_snippets(url: str) -> str:
    """Return how to call the API, ready to paste, as Markdown; tests run each of them as it stands here."""
    return f"""Any shell, with `curl`: one call. Several photos go as several `-F file=@…`, and come back as a list.
```bash
curl -F file=@photo.jpg {url}/classify
```
Python, with `pip install requests`:
```python
import requests

with open("photo.jpg", "rb") as photo:
    answer = requests.post("{url}/classify", files={{"file": photo}}).json()
print(answer.get("error") or answer["label"])
```
Python, with `pip install gradio_client`:
```python
from gradio_client import Client, handle_file

print(Client("{url}").predict(photo=handle_file("photo.jpg"), api_name="/classify_photo"))
```
JavaScript, with `npm install @gradio/client`, in a file that ends in `.mjs`:
```js
import {{ readFile }} from "node:fs/promises";
import {{ Client }} from "@gradio/client";

const app = await Client.connect("{url}");
const photo = new Blob([await readFile("photo.jpg")]);
console.log((await app.predict("/predict", {{ photo }})).data[0].label);
```
A web page of your own, wherever it lies:
```html
<input type="file" accept="image/*" onchange="ask(this.files[0])">
<p id="answer"></p>
<script>
async function ask(photo) {{
  const answer = await (await fetch("{url}/classify", {{ method: "POST", body: photo }})).json();
  document.querySelector("#answer").textContent = answer.error ?? answer.label;
}}
</script>
```
An assistant that speaks MCP finds the tool `classify_photo` here (on a Space with the Space's name in front):
```json
{{"mcpServers": {{"fieldguide": {{"url": "{url}/gradio_api/mcp/"}}}}}}
```
`/predict` gives label and probabilities; `/classify_photo` also says whether the photo is `familiar`;
`/explain` gives a picture of where the model looked, for the answer or for the `label` you name.
Every field is described at [{url}/docs]({url}/docs) and, for Gradio's own API,
[{url}/gradio_api/openapi.json]({url}/gradio_api/openapi.json)."""
