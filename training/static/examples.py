"""Find the example photos that the page offers.

Gives  `find_examples`
"""

import re
from pathlib import Path

from fastcore.script import CliError

from classifier.photo import PhotoError, open_photo
from classifier.photo_files import examples_in

MOST = 30  # each visitor loads them


def find_examples(folder: Path) -> dict[str, Path]:
    """Return the example photos of a folder by their paths in the site; CliError for one that is no photo.

    A name that an address could not hold as it is becomes example-NUMBER.
    """
    if not folder.is_dir():
        raise CliError(f"There is no folder {folder}. --examples names a folder of photos.")
    photos = examples_in(folder)
    if len(photos) > MOST:
        raise CliError(
            f"{folder} has {len(photos)} photos, and each visitor loads them: name a folder of at most {MOST}."
        )
    found = {}
    for i, photo in enumerate(photos, 1):
        plain = re.fullmatch(r"[\w-][\w.-]*", photo.name, re.ASCII)
        try:
            open_photo(photo)
        except PhotoError as error:
            raise CliError(f"The example {photo} cannot be shown: {error}") from error
        found[f"examples/{photo.name if plain else f'example-{i}{photo.suffix.lower()}'}"] = photo
    return found
