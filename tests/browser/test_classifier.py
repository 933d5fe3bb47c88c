"""The module for pages of one's own: what it takes, what it refuses, and how it ends."""

import time

import pytest
from PIL import Image

from helpers.browser_modules import as_base64
from helpers.browser_photos import encoded, with_profile_bomb
from helpers.paths import EXAMPLE

MAKE = {  # a photo out of a Blob, and the name of the error with words of its message
    "null": ("() => null", "TypeError", "A photo is a Blob"),
    "a text": ("() => 'x'", "TypeError", "A photo is a Blob"),
    "bytes": ("() => new Uint8Array(3)", "TypeError", "A photo is a Blob"),
    "an image that has not loaded": ("() => new Image()", "PhotoError", "has no pixels"),
    "an empty canvas": ("() => new OffscreenCanvas(0, 9)", "PhotoError", "has no pixels"),
    "a closed bitmap": (
        "async blob => { const image = await createImageBitmap(blob); image.close(); return image }",
        "PhotoError",
        "cannot be read",
    ),
}
TAKEN = {
    "image element": """async blob => {
      const image = Object.assign(new Image(), { src: URL.createObjectURL(blob) })
      await image.decode()
      return image
    }""",
    "bitmap": "blob => createImageBitmap(blob)",
    "canvas": "() => Object.assign(document.createElement('canvas'), { width: 30, height: 20 })",
}
PREDICT = "async data => [...(await guide.predict(new Blob([bytesOf(data)]))).probabilities]"
ASK = """async ([data, make]) => {
  const { PhotoError } = await import("/fieldguide.js"), blob = new Blob([bytesOf(data)])
  try {
    return { label: (await guide.predict(await MAKE(blob))).label }
  } catch (error) {
    return { name: error.name, message: error.message, known: error instanceof PhotoError }
  }
}"""
CLOSED = """async data => {
  const { Classifier } = await import("/fieldguide.js"), blob = new Blob([bytesOf(data)])
  const closed = await Classifier.load("/"), said = []
  const asked = [closed.predict(blob), closed.explain(blob)]
  closed.close()
  for (const answer of [...asked, closed.predict(blob)]) said.push(await answer.then(() => "answered", e => e.message))
  return said
}"""
FOLDERS = """async folders => {
  const { Classifier } = await import("/fieldguide.js"), said = []
  for (const folder of folders)
    said.push(await Classifier.load(folder).then(guide => (guide.close(), "loaded"), error => error.name))
  return said
}"""
STOPPED = """async data => {
  const stop = new AbortController(), { signal } = stop, blob = new Blob([bytesOf(data)])
  let listeners = 0
  const { addEventListener: add, removeEventListener: remove } = signal
  signal.addEventListener = (...given) => { listeners += 1; add.apply(signal, given) }
  signal.removeEventListener = (...given) => { listeners -= 1; remove.apply(signal, given) }
  const { label } = await guide.predict(blob, { signal }), left = listeners
  const asked = [1, 2, 3].map(() => guide.explain(blob, { signal }).then(() => "answered", error => error.name))
  stop.abort()
  return { label, left, stopped: await Promise.all(asked), after: (await guide.predict(blob)).label }
}"""


def ask(tab, make: str) -> dict:
    return tab.evaluate(ASK.replace("MAKE", f"({make})"), [as_base64(EXAMPLE.read_bytes()), None])


@pytest.mark.parametrize("kind", MAKE)
def test_what_is_no_photo_is_refused_in_a_sentence(tab, kind):
    make, name, words = MAKE[kind]
    said = ask(tab, make)
    assert (said["name"], said["known"]) == (name, name == "PhotoError")
    assert words in said["message"] and said["message"].endswith(".")


@pytest.mark.parametrize("kind", TAKEN)
def test_images_are_taken(tab, kind):
    assert "label" in ask(tab, TAKEN[kind])


def test_a_closed_classifier_says_so(tab):
    said = tab.evaluate(CLOSED, as_base64(EXAMPLE.read_bytes()))
    assert said == ["The classifier was closed."] * 3


def test_a_stopped_photo_is_left_and_the_next_is_answered(tab):
    said = tab.evaluate(STOPPED, as_base64(EXAMPLE.read_bytes()))
    assert said == {"label": "teddy", "left": 0, "stopped": ["AbortError"] * 3, "after": "teddy"}


def test_a_folder_may_be_named_without_its_last_slash(tab, site):
    assert tab.evaluate(FOLDERS, [site.url, "/index.html", "/examples"]) == ["loaded", "loaded", "LoadError"]


def test_a_profile_that_is_a_bomb_is_left_packed(tab):
    plain = encoded(Image.open(EXAMPLE).resize((40, 30)), "PNG")
    bomb = with_profile_bomb(plain, 1000)
    begin = time.monotonic()
    answer = tab.evaluate(PREDICT, as_base64(bomb))
    assert time.monotonic() - begin < 5  # all of it takes twice as long
    assert answer == tab.evaluate(PREDICT, as_base64(plain))
