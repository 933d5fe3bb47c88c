"""Keep the parts of earlier lists apart, so that a folder of parts holds no photo twice.

Reads  and writes OUT/parts/ and OUT/earlier/, when a source is listed again

Nothing is deleted: a photo that comes back, or a source that was there in part only, finds what was answered.
"""

from collections.abc import Collection

from .places import Place

PARTS, EARLIER = "parts", "earlier"


def set_apart(place: Place, listed: Collection[str]) -> None:
    """Move the parts that are not in a list to EARLIER, and those that are in it again back. Raises OSError."""
    names = {f"{part}.parquet" for part in listed}
    there, earlier = place.names(PARTS), place.names(EARLIER)
    for name in there - names:
        if name.endswith(".parquet"):  # not one that somebody writes now
            _move(place, f"{PARTS}/{name}", f"{EARLIER}/{name}")
    for name in (earlier & names) - there:
        _move(place, f"{EARLIER}/{name}", f"{PARTS}/{name}")


def _move(place: Place, old: str, new: str) -> None:
    """Move a file; a kill leaves it at both places, and never at none."""
    place.write(new, place.read(old))
    place.remove(old)
