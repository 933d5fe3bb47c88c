"""Name the copies among photos that were analysed, and how their labels differ."""

from collections.abc import Callable
from pathlib import Path

from training.data.duplicates import find_near_pairs
from training.data.labels import BY_FOLDER

from .analysis import PhotoAnalysis


def find_copies(
    analyses: dict[Path, PhotoAnalysis],
    labels: Callable[[Path], tuple[str, ...]] = BY_FOLDER,
    name_labels: bool = False,
) -> dict[Path, str]:
    """Return of which photo each is a copy, for all but the first of each group; under other labels, of both.

    labels: of each photo; name_labels: also say which other labels a copy has: its folder does not tell.
    """

    def copy_of(file: Path, differs: bool) -> str:
        own = labels(file)
        other = f", which has {', '.join(own) or 'none of the labels'}" if differs and name_labels else ""
        return f"of {file.parent.name}/{file.name}{other}"

    files, found = list(analyses), dict[Path, str]()
    for i, j in find_near_pairs([analysis.hashes for analysis in analyses.values()]):
        first, second = files[i], files[j]
        differs = labels(first) != labels(second)
        found.setdefault(second, copy_of(first, differs))
        if differs:
            found.setdefault(first, copy_of(second, differs))
    return found
