"""The end of the story: the Space decides within a promise, a visitor sees why, and a year later a candidate is better.

Its fruit of another kind is what the first model gets wrong: yellow cherry tomatoes, and green grapes two by two.
"""

import hashlib
import time
from pathlib import Path

import requests

from helpers.story_teller import Story, check, label_first
from helpers.story_world import FRUIT, NEW, picture
from training.data.files import INBOX

PRECISION = "0.95"
IN_INBOX = 60
NEW_OF_A_KIND = 7  # photos of each new kind in the inbox
LABELLED = 20  # photos that a person labels
FRESH = 20  # photos of each new kind that nobody has seen, to measure on


def promise(story: Story) -> None:
    """Put the precision that is wanted into the export."""
    said = story.run("operate", "export.pkl", "--precision", PRECISION)
    check("95" in said, said)


def see_why(story: Story, host: str) -> None:
    """Ask the Space as a visitor does; the answer has its decision, and photos that it resembles."""
    begun = time.monotonic()
    answer = requests.post(f"{host}/classify", data=picture("tomato", 500), timeout=30).json()
    resembled = [photo["label"] for photo in answer["neighbours"]]
    n_tomatoes = resembled.count("tomato")
    story.tell(
        "curl -F file=@tomato.jpg SPACE/classify",
        begun,
        f"{answer['label']}, decision: {answer['decision']}; of {len(resembled)} photos that it resembles {n_tomatoes} "
        f"are tomatoes, {answer['neighbours'][0]['file']} first",
    )
    check(answer["decision"] == "answer" and n_tomatoes >= 3, str(answer))


def fill_inbox(story: Story) -> dict[str, str]:
    """Gather photos without a label, most of them as the model knows them; return what each shows, by SHA-256."""
    photos = [(label, seed, "new") for label in NEW for seed in range(NEW_OF_A_KIND)]
    n_usual = IN_INBOX - len(photos)
    photos += [(FRUIT[i % len(FRUIT)], 600 + i, "") for i in range(n_usual)]
    folder, shows = story.folder / "phone", {}
    folder.mkdir()
    for i, photo in enumerate(photos):
        file = picture(*photo)
        (folder / f"{i}.jpg").write_bytes(file)
        shows[hashlib.sha256(file).hexdigest()] = photo[0]
    said = story.run("gather", "--source", "phone", "--unlabelled", "--out", "data")
    check(f"{IN_INBOX} photos" in said, said)
    return shows


def label_what_teaches(story: Story) -> None:
    """Label the photos that lead the queue, as a person does on the page of `clean`."""
    shows, begun = fill_inbox(story), time.monotonic()
    first, moved, _ = label_first(story.folder, shows, LABELLED, INBOX)
    new = {hashlib.sha256(picture(label, seed, "new")).hexdigest() for label in NEW for seed in range(NEW_OF_A_KIND)}
    n_new = sum(photo.sha256 in new for photo in first)
    story.tell(
        "python -m training.clean export.pkl data",
        begun,
        f"{moved} of {IN_INBOX} labelled, those that lead: {n_new} of the {len(new)} of a new kind are among them",
    )


def wrong(export: Path) -> int:
    """Return how many fresh photos of the new kinds an export gets wrong."""
    from classifier import Classifier

    classifier = Classifier.load(export)
    return sum(classifier.predict(picture(f, 2000 + i, "new")).label != f for f in NEW for i in range(FRESH))


def better_candidate(story: Story, feedback: Path) -> None:
    """Train a candidate where there is a reason, and read what it says of itself; then ask it about fresh photos."""
    said = story.run(
        "candidate",
        "data",
        *("--feedback", str(feedback), "--weights", "backbone.pth"),
        shown="data --feedback FEEDBACK",
        last=-2,
    )
    check("The candidate is better" in said, said)
    begun = time.monotonic()
    before, after = wrong(story.folder / "export.pkl"), wrong(story.folder / "candidate" / "export.pkl")
    n = FRESH * len(NEW)
    story.tell("photos of the new kinds that nobody has seen", begun, f"{before} of {n} wrong before, {after} now")
    check(after < before / 2, "20 labels are not enough")
