"""Read what annotation tools export as JSON: Label Studio's choices, COCO's categories, where they label whole photos.

Gives  a `DataSet`; a photo whose annotations name several kinds has several labels, one whose annotations name no kind
       has none
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from training.data.splits import n_photos, split_of

from .candidates import Candidate, DataSet
from .photo_index import PhotoIndex

Labelled = tuple[str, tuple[str, ...] | None]  # the name or address of a photo, and its labels; None: not annotated


def is_annotations(file: Path) -> bool:
    """Return whether a JSON file is an export of COCO or of Label Studio."""
    content = _content(file)
    return _is_coco(content) or _is_label_studio(content)


def read_annotations(file: Path, index: PhotoIndex | None = None) -> DataSet:
    """Return the photos of an export of COCO or Label Studio; CliError for any other file, or where photos are missing.

    index: of the folder that the file came with.
    """
    content, index = _content(file), index or PhotoIndex(file.parent)
    if _is_coco(content):
        kind, labelled = "COCO annotations", list(_coco(content))
    elif _is_label_studio(content):
        kind, labelled = "an export of Label Studio", list(_label_studio(content))
    else:
        raise CliError(f"{file} is neither COCO annotations nor an export of Label Studio.")
    words = [*re.split(r"[^a-z]+", file.stem.casefold()), file.parent.name]
    split = next((split for word in words if (split := split_of(word))), None)
    candidates, missing = [], []
    annotated = [(name, labels) for name, labels in labelled if labels is not None]
    for name, labels in annotated:
        if name.startswith(("http://", "https://")):
            candidates.append(Candidate(labels, url=name, split=split or "train"))
        elif photo := index.find(name, file.parent, split or ""):
            of_photo = split or index.split(photo) or "train"
            candidates.append(Candidate(labels, file=photo, split=of_photo, title=photo.name))
        else:
            missing.append(name)
    told = [f"{len(missing)} photos of {file.name} left out: not there, such as {missing[0]!r}."] if missing else []
    if n := len(labelled) - len(annotated):
        told.append(f"{n_photos(n)} left out: not annotated yet.")
    if not candidates:
        raise CliError(f"{file}: none of its photos is there{', such as ' + repr(missing[0]) if missing else ''}.")
    several = any(len(set(labels)) > 1 for _, labels in annotated)
    return DataSet(f"{kind}, {file.name}", candidates, told, several=several)


def _content(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise CliError(f"{file} cannot be read as JSON: {error}.") from error


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def _is_label_studio(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and isinstance(content[0], dict) and "annotations" in content[0]


def _coco(content: dict[str, Any]) -> Iterator[Labelled]:
    """Yield each image with the names of the categories of its annotations."""
    try:
        names = {category["id"]: str(category["name"]) for category in content["categories"]}
        of_image: dict[Any, dict[str, None]] = defaultdict(dict)
        for annotation in content["annotations"]:
            of_image[annotation["image_id"]][names[annotation["category_id"]]] = None
        for image in content["images"]:
            yield str(image["file_name"]), tuple(of_image.get(image["id"], ()))
    except (KeyError, TypeError) as error:
        raise CliError("These COCO annotations are not built as they should be.") from error


def _label_studio(tasks: list[Any]) -> Iterator[Labelled]:
    """Yield each task's image with the choices of its last annotation that was not cancelled; None without one."""
    for task in tasks:
        try:
            data, annotations = task["data"], [done for done in task["annotations"] if not done.get("was_cancelled")]
            image = data.get("image") or next(value for value in data.values() if isinstance(value, str))
            results = annotations[-1]["result"] if annotations else []
            found = [result["value"].get("choices", ()) for result in results]
            choices = [choice for own in found for choice in ([own] if isinstance(own, str) else own)]
        except (KeyError, TypeError, AttributeError, StopIteration) as error:
            raise CliError("A task of this export of Label Studio lacks its data or its annotations.") from error
        yield str(image), tuple(map(str, choices)) if annotations else None
