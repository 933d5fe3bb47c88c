"""The model in use: its figures, its options, and the photos that it was made from.

Reads  EXPORT with its metrics.json; the list of its photos: RUNS/*/manifest.csv of its own run, manifest.csv beside the
       export, or the predictions for held-out photos in metrics.json, whichever is there
Gives  `Promoted`
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.files import sha256
from classifier.results_csv import plain
from training.csv_rows import read_csv_rows
from training.data.labels_csv import SEPARATOR
from training.data.manifest import sha256_of_lines
from training.evaluation.held_out import HeldOutPredictions
from training.metrics import read_metrics
from training.options import TrainingOptions
from training.run_folder import COLUMNS, MANIFEST, read_runs

LIBRARY = "library"  # the value of --weights for the weights that torchvision or timm download


@dataclass(frozen=True)
class Promoted:
    """The export in use."""

    export: Path
    metrics: dict[str, Any]
    photos: dict[str, str]  # labels, joined, by SHA-256 of each photo that is not of a test set

    @property
    def version(self) -> str:
        """The first 12 digits of its SHA-256."""
        return str(self.metrics["export"]["sha256"])[:12]

    def options(self, weights: str) -> dict[str, Any]:
        """Return the options that it was trained with; CliError where its file of weights is not here.

        weights: where that file lies, or LIBRARY; metrics.json tells its name alone.
        """
        recorded = self.metrics["options"]
        options = {field.name: recorded.get(field.name, field.default) for field in fields(TrainingOptions)}
        name = recorded.get("weights") or ""
        own = "" if weights == LIBRARY else weights or name
        if own and not Path(own).is_file():
            raise CliError(
                f"{self.export} was trained from the weights in {name or 'no file'}, and there is no file {own}. Say "
                f"where they are: --weights FILE, or --weights {LIBRARY} for those that torchvision or timm download."
            )
        return {**options, "weights": own}


def read_promoted(export: str, runs: str) -> Promoted:
    """Return the export in use; CliError where its figures or the list of its photos are not there."""
    path, metrics = Path(export), read_metrics(export)
    if not isinstance(metrics.get("options"), dict):
        raise CliError(f"There is no metrics.json of {export} beside it that says how it was trained.")
    photos = _of_its_run(metrics, Path(runs)) or _beside_it(path, metrics) or _held_out(metrics)
    if photos is None:
        raise CliError(
            f"Which photos {export} was trained on is not known: neither {runs} nor metrics.json has a list of them. "
            f"Put {MANIFEST} of its training beside it (python -m training.runs lists the trainings)."
        )
    return Promoted(path, metrics, photos)


def _of_its_run(metrics: dict[str, Any], runs: Path) -> dict[str, str] | None:
    """Return the photos of the training that was kept; None where this one was not."""
    digest = metrics["export"]["sha256"]
    kept = [run for run in (read_runs(runs) if runs.is_dir() else ()) if sha256(run.export) == digest]
    return _labels(kept[-1].photos.values()) if kept else None


def _beside_it(export: Path, metrics: dict[str, Any]) -> dict[str, str] | None:
    """Return the photos in a manifest beside an export; None where there is none, or it is another model's."""
    rows = read_csv_rows(export.with_name(MANIFEST), COLUMNS)
    lines = sorted(f"{row['sha256']}  {row['set']}/{plain(row['labels'])}" for row in rows)
    return _labels(rows) if rows and sha256_of_lines(lines) == metrics.get("data_sha256") else None


def _held_out(metrics: dict[str, Any]) -> dict[str, str] | None:
    """Return the photos that metrics.json has predictions for; None where these are not all."""
    held_out = HeldOutPredictions.from_metrics(metrics)
    if held_out is None or held_out.targets is None or metrics.get("measured") != "out of fold":
        return None
    if held_out.targets.ndim == 1:
        return {digest: held_out.labels[i] for digest, i in zip(held_out.hashes, held_out.targets)}
    return {
        digest: SEPARATOR.join(label for label, mark in zip(held_out.labels, marks) if mark)
        for digest, marks in zip(held_out.hashes, held_out.targets)
    }


def _labels(rows: Iterable[dict[str, str]]) -> dict[str, str]:
    return {row["sha256"]: plain(row["labels"]) for row in rows if row["set"] != "test"}
