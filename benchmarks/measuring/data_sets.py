"""Find the data sets in a folder that can be learned from and measured."""

from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError

TESTS = ("test", "valid")


@dataclass(frozen=True)
class DataSet:
    """Photos to learn from, photos to measure on, and photos of anything else."""

    name: str
    train: Path
    test: Path
    strangers: Path | None


def data_sets(folder: Path) -> list[DataSet]:
    """Return the sets in a folder that can be learned from and measured; CliError where there are none."""
    found = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        strangers = folder / f"not-{path.name}"
        test = [path / name for name in TESTS if (path / name).is_dir()] or [folder / f"{path.name}-field"]
        train = path / "train" if (path / "train").is_dir() else path
        if test[0].is_dir():
            found.append(DataSet(path.name, train, test[0], strangers if strangers.is_dir() else None))
    if not found:
        raise CliError(f"No sets under {folder}: a set has train and test folders, or NAME-field beside NAME.")
    return found
