"""Give the photos of a source their labels: one each, whose folder they go to, or several, or none.

Gives  a `DataSet` that can be collected, with sentences on what is left out
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from fastcore.script import CliError

from training.data.duplicates import same_files
from training.data.files import alike_names
from training.data.label_checks import named_none_note
from training.data.splits import n_photos, split_of

from .candidates import MOST_NAMED, SPLIT_ORDER, Candidate, DataSet, as_folder, some, united
from .options import ReadingOptions

SET_NAMES = {"train": "training", "valid": "validation", "test": "test"}


def labelled(found: DataSet, options: ReadingOptions, in_folders: bool = False) -> DataSet:
    """Return the data set with one label a photo, or with several where the source or the options say so.

    found: as a reader gives it, with labels as the source writes them. in_folders: the same photo may be there again
    under another label, byte for byte; with several labels a photo it gets those of all its files.
    Labels become names that folders can have. Photos of the test set come first, then those to validate: a photo that
    is also to train on is not taken a second time. Raises CliError where no photo is left.
    """
    if options.unlabelled:
        return without_labels(found)
    candidates, names = united(found.candidates), Names()
    several = options.several(found.several)
    if several and in_folders:
        candidates = _united_by_content(candidates)
    kept = [replace(candidate, labels=names.of(candidate.labels)) for candidate in candidates]
    told = list(found.notes)
    taken, more = choose(Counter((candidate.split, candidate.labels) for candidate in kept), several)
    kept = [candidate for candidate in kept if (candidate.split, candidate.labels) in taken]
    told += [*more, *names.notes({label for candidate in kept for label in candidate.labels}, several)]
    if not kept:
        raise CliError(f"Taken for {found.kind}, no photo is left. {' '.join(told)}".strip())
    return DataSet(found.kind, sorted(kept, key=lambda one: SPLIT_ORDER.index(one.split)), told, several=several)


def without_labels(found: DataSet) -> DataSet:
    """Return the data set without labels and sets, for the inbox."""
    candidates = [replace(candidate, labels=(), split="train") for candidate in united(found.candidates)]
    if not candidates:
        raise CliError(f"Taken for {found.kind}, no photo is left. {' '.join(found.notes)}".strip())
    return DataSet(f"{n_photos(len(candidates))} without a label", candidates, list(found.notes))


@dataclass
class Names:
    """The names of labels: as folders can have them."""

    renamed: dict[str, str] = field(default_factory=dict)  # labels that were written otherwise

    def of(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the names of a photo's labels, sorted, each once."""
        own = {label.strip() for label in labels} - {""}
        names = {label: as_folder(label) for label in own}
        self.renamed |= {label: name for label, name in names.items() if name != "_".join(label.split())}
        return tuple(sorted(set(names.values())))

    def notes(self, labels: Collection[str], several: bool) -> list[str]:
        """Return sentences on names that are alike, that read as no label, or were changed; labels: of all photos."""
        told = []
        if alike := alike_names(labels):
            told.append(f"Labels that differ in capitals alone, each taken for its own: {some(alike)}.")
        if note := named_none_note(labels, several):
            told.append(note)
        if self.renamed:
            pairs = ", ".join(f"{label} as {name}" for label, name in sorted(self.renamed.items())[:MOST_NAMED])
            told.append(f"Labels that cannot be names of folders are written otherwise: {pairs}.")
        return told


def choose(
    counts: Counter[tuple[str, tuple[str, ...]]], several: bool
) -> tuple[Counter[tuple[str, tuple[str, ...]]], list[str]]:
    """Return the (split, labels) of the photos that are taken, with their numbers, and sentences on the others.

    several: with all their labels, or with none; a set in which no photo has a label is left out all the same, since
    its labels are kept back, as in a competition. Otherwise photos with one label. CliError for a label named as a set.
    """
    if several:
        with_labels = {split for split, labels in counts if labels}
        taken = Counter({key: n for key, n in counts.items() if key[0] in with_labels})
        without = Counter({split: 0 for split in SET_NAMES})
        for (split, _), n in (counts - taken).items():
            without[split] += n
        return taken, [
            f"{n_photos(n)} of the {SET_NAMES[split]} set left out: none has a label."
            for split, n in without.items()
            if n
        ]
    taken = Counter({key: n for key, n in counts.items() if len(key[1]) == 1})
    n_without = sum(n for (_, labels), n in counts.items() if not labels)
    n_several = counts.total() - taken.total() - n_without
    notes = [f"{n_photos(n_without)} left out: without a label."] if n_without else []
    if n_several:
        them = "takes it too" if n_several == 1 else "takes them too"
        notes.append(f"{n_photos(n_several)} left out: with several labels. --labels-per-photo several {them}.")
    refuse_labels_named_as_splits({(split, labels[0]) for split, labels in taken})
    return taken, notes


def _united_by_content(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return each photo once, by the content of its file, with the labels of all its files."""
    by_file = {candidate.file: candidate for candidate in candidates if candidate.file}
    groups = same_files(list(by_file), lambda file: by_file[file].labels)
    for first, *others in groups:
        same = [by_file[file] for file in (first, *others)]
        labels = tuple(dict.fromkeys(label for candidate in same for label in candidate.labels))
        split = min((candidate.split for candidate in same), key=SPLIT_ORDER.index)
        by_file[first] = replace(by_file[first], labels=labels, split=split)
        for file in others:
            del by_file[file]
    return [*by_file.values(), *(candidate for candidate in candidates if not candidate.file)]


def refuse_labels_named_as_splits(found: Collection[tuple[str, str]]) -> None:
    """Raise CliError for a label such as test where photos are in several sets. found: (split, label) of photos."""
    labels = sorted({label for _, label in found if split_of(label)})
    if labels and any(split != "train" for split, _ in found):
        raise CliError(f"A label cannot be called {some(labels)} where there are sets of such names.")
