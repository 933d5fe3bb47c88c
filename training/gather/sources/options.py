"""The options of how a source of photos is read."""

from dataclasses import dataclass

from fastcore.script import CliError

ONE, SEVERAL = "one", "several"  # labels a photo


@dataclass(frozen=True)
class ReadingOptions:
    """How a source is read; the comments are the help of `python -m training.gather`. CliError for values of none."""

    file_column: str = ""  # column of a table that names files or addresses; found by its name where empty
    label_column: str = ""  # column that has the label; found by its name where empty
    label_delim: str = ""  # what stands between several labels in one cell, such as ";"
    pattern: str = ""  # regular expression whose first group in a file's name is its label, such as '(.+)_\d+.jpg'
    labels_per_photo: str = ""  # one or several; what the source has where empty
    unlabelled: bool = False  # take photos without their labels, into OUT/_inbox: training.clean asks for the labels

    def __post_init__(self) -> None:
        if self.labels_per_photo not in ("", ONE, SEVERAL):
            raise CliError(f"--labels-per-photo {self.labels_per_photo}: {ONE} or {SEVERAL}.")

    @property
    def names_columns(self) -> bool:
        """Whether columns are given: then a table that lacks them is an error."""
        return bool(self.file_column or self.label_column)

    def several(self, source_has: bool) -> bool:
        """Return whether photos are read with several labels, or none; source_has: whether the source has such."""
        return self.labels_per_photo == SEVERAL or (source_has and not self.labels_per_photo)
