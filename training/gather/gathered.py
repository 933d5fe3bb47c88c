"""The photos that were gathered into a folder: where each of them lies, where it comes from, and its labels.

Writes DATA/<label>/<hash>.jpg, or DATA/valid/<label>/ and DATA/test/<label>/; and, where photos have several labels or
       none, DATA/photos/<hash>.jpg with a row in DATA/labels.csv; DATA/_inbox/<hash>.jpg for those without a label
       a row a photo in DATA/.sources.db, at once; and when a run ends DATA/sources.csv, the same for people
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from fastcore.script import CliError

from classifier.results_csv import plain
from training.append_log import AppendLog, Row, utc_now
from training.csv_rows import read_csv_rows, write_csv
from training.data.files import INBOX
from training.data.labels import SEPARATOR, ListedPhoto, add_to_labels, read_labels
from training.data.photos import get_photos
from training.output import replacing

from .sources.candidates import Candidate, some

COLUMNS = (
    *("file", "label", "term", "url", "page", "title", "sha256", "width", "height", "time"),
    *("source", "licence", "split"),  # these an earlier version did not have
)
N_ADDED = 3
PHOTOS = "photos"  # folder of the photos with several labels
SETS = ("valid", "test")  # folders of sets other than the one to train on


def read_sources(file: Path) -> list[Row]:
    """Return the rows of a sources.csv, as `write_csv` or an earlier version wrote it; CliError for another list."""
    return [{name: plain(text) for name, text in row.items()} for row in read_csv_rows(file, COLUMNS, N_ADDED)]


def takes_several(out: Path, several: bool) -> bool:
    """Return whether photos gathered into a folder get their labels in its labels.csv, and not by folders.

    several: whether a source has photos with several labels. Raises CliError where the folder has folders of labels.
    """
    if read_labels(out).multi_label or not several:
        return read_labels(out).multi_label
    gathered = [row for row in read_sources(out / "sources.csv") if not in_inbox(row)]
    if out.is_dir() and (gathered or get_photos(out, labelled=False)):
        raise CliError(
            f"{out} has photos of one label each, in folders, and these may have several. Gather them into a new "
            "folder, --out NEW; --labels-per-photo one takes those that have one label."
        )
    return True


def _split_of(name: str) -> str:
    """Return the set of a photo by its path, as an earlier version has it."""
    return next((split for split in SETS if name.startswith(f"{split}/")), "train")


def in_inbox(row: Row) -> bool:
    """Return whether a photo was gathered without a label."""
    return row["file"].startswith(f"{INBOX}/")


class Gathered:
    """The photos in a folder. A photo is stored once for each label, or once in all where it may have several."""

    def __init__(self, out: Path, several: bool = False, unlabelled: bool = False):
        """unlabelled: photos go to the inbox, unless they are there already, with a label or without."""
        self.out, self.several, self.unlabelled = out, several, unlabelled
        self.csv = out / "sources.csv"
        of_csv = read_sources(self.csv)  # before anything is written: raises CliError for somebody else's list
        self._log = AppendLog(out / ".sources.db", COLUMNS, lambda: of_csv, N_ADDED)
        if several:
            add_to_labels(out, {})  # from now on, also after a kill, the folder is one of several labels
        self.rows = self._log.rows()[0]
        self._labels: dict[str, set[str]] = {}  # by SHA-256
        self._files: dict[str, str] = {}
        for row in self.rows:
            self._know(row)
        self.with_more: set[str] = set()  # files that were there, and now have labels that they did not have

    def n_from(self, label: str, terms: Iterable[str]) -> int:
        """Return how many photos of a label were found by these search terms."""
        return sum(row["label"] == label and row["term"] in terms for row in self.rows)

    def add(self, candidate: Candidate, data: bytes, digest: str, width: int, height: int, extension: str) -> bool:
        """Store a photo with its row, and return whether it is new; CliError where it cannot be written.

        A photo that is there with other labels gets one more row, which has the new ones.
        """
        known = self._labels.get(digest)
        if known is not None and (
            self.unlabelled or known.issuperset(candidate.labels if self.several else {candidate.label})
        ):
            return False
        new = known is None or not self.several
        name = f"{digest[:20]}{extension}"
        file = self._folder(candidate) / name if new else self.out / self._files[digest]
        if new:
            self._write(file, data)
        row = {
            "file": file.relative_to(self.out).as_posix(),
            "label": candidate.label,
            "term": candidate.term,
            "url": candidate.url,
            "page": candidate.page,
            "title": " ".join(candidate.title.split()),
            "sha256": digest,
            "width": str(width),
            "height": str(height),
            "time": utc_now(),
            "source": candidate.source,
            "licence": candidate.licence,
            "split": candidate.split,
        }
        self._log.add([row])
        self.rows.append(row)
        self._know(row)
        if not new:
            self.with_more.add(row["file"])
        return new

    def _know(self, row: Row) -> None:
        labels = set(row["label"].split(SEPARATOR)) - {""}
        self._labels.setdefault(row["sha256"], set()).update(labels)
        self._files.setdefault(row["sha256"], row["file"])

    def _folder(self, candidate: Candidate) -> Path:
        if self.unlabelled:
            return self.out / INBOX
        if self.several:
            return self.out / PHOTOS
        split = "" if candidate.split == "train" else candidate.split  # as `training.data.splits` reads it
        return self.out / split / candidate.label

    def _write(self, file: Path, data: bytes) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as temporary:
                temporary.write_bytes(data)
        except OSError as error:
            raise CliError(
                f"{file} could not be written: {error.strerror or error}. What was gathered before is "
                "kept; the same command goes on."
            ) from error

    def write_lists(self) -> None:
        """Write sources.csv, and the rows that labels.csv lacks: of photos of this and of other processes."""
        rows = self._log.rows()[0]
        write_csv(self.csv, COLUMNS, rows)
        if self.several:
            add_to_labels(self.out, self._listed(rows))

    def _listed(self, rows: Iterable[Row]) -> dict[Path, ListedPhoto]:
        """Return the photos that are there, with the labels of all their rows and the set of the first."""
        found: dict[Path, ListedPhoto] = {}
        for row in rows:
            file = self.out / row["file"]
            labels = set(row["label"].split(SEPARATOR)) - {""}
            if in_inbox(row) and not labels:
                continue  # nobody has said yet which labels it has
            known = found.get(file, ListedPhoto((), row["split"] or _split_of(row["file"])))
            found[file] = ListedPhoto(tuple(sorted(labels.union(known.labels))), known.set)
        return {file: listed for file, listed in found.items() if file.is_file()}

    def differing_note(self) -> str:
        """Return a sentence on photos of which this run found more labels than labels.csv gives them; "" for none."""
        if not self.with_more:
            return ""
        labels, found = read_labels(self.out).listed or {}, self._listed(self._log.rows()[0])
        files = [self.out / name for name in sorted(self.with_more)]
        differing = [
            f"{file.relative_to(self.out)} ({SEPARATOR.join(more)})"
            for file in files
            if file in labels and file in found and (more := sorted(set(found[file].labels) - set(labels[file].labels)))
        ]
        return (
            f"labels.csv stays as it is, and lacks labels that were found now: {some(differing)}. Add those that are "
            "right; sources.csv has all of them."
            if differing
            else ""
        )

    def counts(self) -> str:
        """Return the photos in all, by label: "12 dress, 9 hat", and how many have several or none."""
        if self.several:
            listed = [row.labels for row in (read_labels(self.out).listed or {}).values()]
        else:
            listed = [(row["label"],) for row in self.rows if not in_inbox(row)]
        of_label = Counter(label for labels in listed for label in labels)
        if n_without := sum(map(in_inbox, self.rows)):
            of_label[f"without a label, in {INBOX}"] = n_without
        more = f"; {sum(len(labels) > 1 for labels in listed)} with several, {listed.count(())} with none"
        in_all = ", ".join(f"{n} {name}" for name, n in sorted(of_label.items())) or "none"
        return in_all + (more if self.several else "")
