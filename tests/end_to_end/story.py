"""The whole way once, on small data: three words, photos, a model, a Space, and what one of its users says of it.

    make story

Each step is the command that a newcomer types, in a copy of this folder; `story_world` stands for the internet.
Prints each step with its time and its last line, and ends at the first that does not do what it should.
"""

import hashlib
import os
import tempfile
import time
from pathlib import Path

import requests
import story_end
import torch
from gradio_client import Client, handle_file
from huggingface_hub.utils import disable_progress_bars

from classifier.export import read_export
from helpers.paths import ROOT
from helpers.story_teller import Story, check, label_first
from helpers.story_world import FRUIT, SEARCH, SPACE, hub_that_runs, picture, running_web, smaller

PER_LABEL = 24
LIES = 4  # pictures of bananas that the search finds for "tomato"
LOOKED_AT = 8  # photos that a person looks at in clean
ASKED = 5  # photos of each label that the live Space is asked about
SMALL = ("--arch", "mobilenet_v2", "--weights", "backbone.pth", "--image-size", "96")


def photos_found() -> tuple[dict[str, dict[str, bytes]], dict[str, str]]:
    """Return what each word finds, by name of file, and what each photo shows, by its SHA-256."""
    found, shows = {}, {}
    for word in FRUIT:
        photos = [(word, seed) for seed in range(PER_LABEL)]
        if word == "tomato":
            photos += [("banana", seed) for seed in range(100, 100 + LIES)]
        files = [picture(*photo) for photo in photos]
        shows |= {hashlib.sha256(file).hexdigest(): label for file, (label, _) in zip(files, photos)}
        found[word] = {f"{i}.jpg": file for i, file in enumerate(files)}
        found[word] |= {"again.jpg": files[0], "smaller.jpg": smaller(files[0]), "page.jpg": b"<html>no photo</html>"}
    return found, shows


def make_backbone(folder: Path) -> None:
    """Write the pretrained network that is to be had without internet: ours, which learned of bears."""
    body = read_export(ROOT / "export.pkl").model[0].state_dict()
    torch.save({f"features.{name}": weights for name, weights in body.items()}, folder / "backbone.pth")


def gather_and_verify(story: Story, found: dict[str, dict[str, bytes]]) -> None:
    """From three words to a folder of photos."""
    with running_web(found) as url:
        said = story.run(
            "gather",
            *FRUIT,
            "--out",
            "data",
            "--per-label",
            "40",
            "--allow-private",
            code=SEARCH.format(url=url),
            shown=f"{' '.join(FRUIT)} --out data",
        )
    n_copies = len(FRUIT)
    check(f"data: {len(FRUIT) * PER_LABEL + LIES + n_copies} photos new" in said, said)
    said = story.run("verify", "data")
    check(f"{n_copies} moved" in said, said)


def train_clean_and_train(story: Story, shows: dict[str, str]) -> None:
    """Train, mend the labels that the model doubts, as a person does on the page of `clean`, and train again."""
    story.run("train", "data", *SMALL, shown="data")
    story.run("report", "export.pkl", "data")
    begun = time.monotonic()
    _, moved, n = label_first(story.folder, shows, LOOKED_AT)
    story.tell(
        "python -m training.clean export.pkl data",
        begun,
        f"{moved} of {LIES} wrong labels are among the {LOOKED_AT} most suspicious of {n} photos: mended",
    )
    check(moved == LIES, "clean does not lead with the wrong labels")
    story.run("train", "data", *SMALL, "--out", "cleaned.pkl", shown="data --out cleaned.pkl")
    story.run("compare", "export.pkl", "cleaned.pkl", "data")
    for kind in ("pkl", "onnx", "metrics.json"):
        old = story.folder / ("metrics.json" if kind == "metrics.json" else f"export.{kind}")
        os.replace(story.folder / f"cleaned.{kind}", old)


def deploy_and_ask(story: Story, hub) -> None:
    """Put it online, and ask it there about photos that it has never seen."""
    (story.folder / "examples").mkdir()
    for label in FRUIT:
        (story.folder / "examples" / f"{label}.jpg").write_bytes(picture(label, 200))
    story.run(
        "deploy",
        SPACE,
        HF_ENDPOINT=hub.url,
        HF_TOKEN=hub.token,
        HF_HUB_DISABLE_XET="1",
        HF_HOME=str(story.folder / "hf"),
    )
    begun = time.monotonic()
    right = sum(
        requests.post(f"{hub.host}/classify", data=picture(label, 300 + i), timeout=30).json()["label"] == label
        for label in FRUIT
        for i in range(ASKED)
    )
    story.tell("curl -F file=@photo.jpg SPACE/classify", begun, f"{right} of {ASKED * len(FRUIT)} new photos right")
    check(right >= 0.8 * ASKED * len(FRUIT), "too many are wrong")


def correct_and_gather(story: Story, hub, feedback: Path) -> None:
    """Tell the Space that it was wrong; see the correction come to the one who cleans, and only there."""
    begun = time.monotonic()
    yellow = story.folder / "yellow-tomato.jpg"
    yellow.write_bytes(picture("banana", 400))
    client = Client(hub.host, verbose=False)
    answer = client.predict(handle_file(yellow), api_name="/predict")["label"]
    kept = client.predict(handle_file(yellow), "tomato", api_name="/feedback")
    story.tell(
        'client.predict(handle_file("yellow-tomato.jpg"), "tomato", api_name="/feedback")',
        begun,
        f"the Space said {answer}; kept: {kept['new']}",
    )
    said = story.run("gather", "--feedback", str(feedback), "--out", "data", shown="--feedback FEEDBACK --out data")
    check("suggestions: 1 new" in said, said)
    said = story.run("clean", "export.pkl", "data", "--list", "1", last=-2)
    check(f"suggested by a user; the app said {answer}" in said, said)
    said = story.run("monitor", str(feedback), "--out", "monitor.png", shown="FEEDBACK")
    check((story.folder / "monitor.png").exists(), said)


def main() -> None:
    """Tell the story in a folder that is gone afterwards."""
    disable_progress_bars()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="story-") as name:
        folder = Path(name)
        (folder / "here").mkdir()
        story, (found, shows) = Story(folder / "here"), photos_found()
        make_backbone(story.folder)
        gather_and_verify(story, found)
        train_clean_and_train(story, shows)
        story_end.promise(story)
        with hub_that_runs(folder / "space", FEEDBACK=str(folder / "feedback")) as hub:
            deploy_and_ask(story, hub)
            story_end.see_why(story, hub.host)
            correct_and_gather(story, hub, folder / "feedback")
            story_end.label_what_teaches(story)
            story_end.better_candidate(story, folder / "feedback")
    print(f"The story is told: {story.n} steps in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
