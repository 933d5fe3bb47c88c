"""The options of how a source of photos is read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingOptions:
    """How a source is read; the comments are the help of `python -m training.gather`."""

    file_column: str = ""  # column of a table that names files or addresses; found by its name where empty
    label_column: str = ""  # column that has the label; found by its name where empty
    label_delim: str = ""  # what stands between several labels in one cell, such as ";"
    pattern: str = ""  # regular expression whose first group in a file's name is its label, such as '(.+)_\d+.jpg'

    @property
    def names_columns(self) -> bool:
        """Whether columns are given: then a table that lacks them is an error."""
        return bool(self.file_column or self.label_column)
