"""What can be said of a photo without a look at what it shows: brightness, colour, sharpness, size, proportions, frame.

Gives  `traits_of`, and words for them
"""

import numpy as np
from PIL import Image

RIM = 0.03  # of a side: where a frame would be
FRAME_LEVELS = 10  # of 255, by which the pixels of a frame differ at most
WORDS = {  # of each trait: when it is higher, and when lower
    "brightness": ("brighter", "darker"),
    "contrast": ("richer in contrast", "poorer in contrast"),
    "saturation": ("more colourful", "less colourful"),
    "warmth": ("redder", "bluer"),
    "sharpness": ("sharper", "more blurred"),
    "size": ("larger", "smaller"),
    "proportions": ("wider", "taller"),
    "frame": ("more often in a plain frame", "less often in a plain frame"),
}
EXTREMES = {  # of each trait: the photos that have most of it, and least
    "brightness": ("the brightest photos", "the darkest photos"),
    "contrast": ("the photos richest in contrast", "the photos poorest in contrast"),
    "saturation": ("the most colourful photos", "the least colourful photos"),
    "warmth": ("the reddest photos", "the bluest photos"),
    "sharpness": ("the sharpest photos", "the most blurred photos"),
    "size": ("the largest photos", "the smallest photos"),
    "proportions": ("the widest photos", "the tallest photos"),
    "frame": ("the photos with most of a plain frame", "the photos with least of a plain frame"),
}


def traits_of(photo: Image.Image, size: tuple[int, int]) -> tuple[float, ...]:
    """Return the traits of a photo, in the order of WORDS. photo: scaled down; size: of the photo itself, in pixels."""
    pixels = np.asarray(photo, dtype=np.float32)
    grey = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    rim = max(1, round(RIM * min(grey.shape)))
    inner = np.zeros(grey.shape, dtype=bool)
    inner[rim:-rim, rim:-rim] = True
    around = grey[~inner]
    steps = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean() if min(grey.shape) > 1 else 0
    return (
        float(grey.mean()),
        float(grey.std()),
        float(np.ptp(pixels, axis=2).mean()),
        float((pixels[..., 0] - pixels[..., 2]).mean()),
        float(steps / (1 + grey.std())),
        float(np.log(size[0] * size[1])),
        float(np.log(size[0] / size[1])),
        float((np.abs(around - np.median(around)) <= FRAME_LEVELS).mean()),
    )
