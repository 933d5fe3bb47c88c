"""Fit what lets a model say "this is none of the things I know", from its own photos alone.

Reads  the trained model, the photos it learned from and those held out
Gives  `classifier.trust.Familiarity`: the training photos' features, and the threshold that lets
       99 of 100 held-out photos pass, also as thumbnails and crops
"""
import io
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from fastprogress import progress_bar
from PIL import Image

from classifier.engine import Engine
from classifier.photo import open_photo
from classifier.trust import Familiarity, K, familiarity, normalised, usable

ACCEPTED = 0.99  # share of the held-out views that must count as familiar
MAX_BYTES = 2_000_000  # of reference features in the export; a larger training set is sampled
MAX_HELD_OUT = 500  # photos: more make the threshold no better
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 225, 75  # what a web search shows
CROPPED_AREA = 0.5
DRAWS = 4  # crops of a photo: with one, their luck moves the threshold by 0.016 (standard deviation)


def as_thumbnail(photo: Image.Image) -> Image.Image:
    """Return the photo as a web search's thumbnail: small, and compressed."""
    photo, buffer = photo.copy(), io.BytesIO()
    photo.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    photo.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return open_photo(buffer.getvalue())


def cropped(photo: Image.Image, rng: random.Random) -> Image.Image:
    """Return half of the photo's area, from anywhere in it: somebody else's framing."""
    width, height = (max(1, round(side * CROPPED_AREA ** 0.5)) for side in photo.size)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    return photo.crop((left, top, left + width, top + height))


def views(photo: Image.Image, rng: random.Random, draws: int = DRAWS) -> Iterator[Image.Image]:
    """Yield the photo as strangers would send it: as it is, small, and `draws` times cropped and both."""
    yield from (photo, as_thumbnail(photo))
    for _ in range(draws):
        crop = cropped(photo, rng)
        yield from (crop, as_thumbnail(crop))


# each of the four kinds of view counts alike, however often it is drawn
VIEW_WEIGHTS = [DRAWS, DRAWS] + [1, 1] * DRAWS


def threshold(scores: np.ndarray) -> float:
    """Return the familiarity that ACCEPTED of the views reach, from (photos, views) scores."""
    weights = np.broadcast_to(VIEW_WEIGHTS, scores.shape)
    return float(np.quantile(scores, 1 - ACCEPTED, weights=weights, method="inverted_cdf"))


def sampled(files: Sequence[Path], n: int, rng: random.Random) -> list[Path]:
    """Return at most n of the files, drawn evenly from all of them."""
    return list(files) if len(files) <= n else rng.sample(list(files), n)


def features_of(engine: Engine, files: Sequence[Path],
                look: Callable[[Image.Image], Iterator[Image.Image]] = lambda photo: iter([photo])) -> np.ndarray:
    """Return (N, D) features of each view of each photo, with a progress bar."""
    return np.stack([engine.answer(view)[1] for file in progress_bar(files, leave=False)
                     for view in look(open_photo(file))])


def fit_familiarity(engine: Engine, train: Sequence[Path], held_out: Sequence[Path],
                    seed: int = 0) -> Familiarity | None:
    """Return the familiarity fitted on a model's photos; None for a model whose features tell nothing."""
    if engine.n_features is None:
        return None
    rng = random.Random(seed)
    train = sampled(train, max(K, MAX_BYTES // engine.n_features), rng)
    held_out = sampled(held_out, MAX_HELD_OUT, rng)
    reference = normalised(features_of(engine, train))
    k = min(K, len(reference))
    scores = familiarity(features_of(engine, held_out, lambda photo: views(photo, rng)), reference, k)
    lowest = threshold(scores.reshape(len(held_out), -1))
    if not usable(reference, lowest, k):
        print("what is familiar cannot be learned: the network's features tell nothing apart. Page and API say so.")
        return None
    return Familiarity(reference, lowest, k)
