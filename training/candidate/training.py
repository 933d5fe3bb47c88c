"""Train a candidate as the model in use was trained, on the photos as they are now.

Reads  DATA; options and figures of the model in use
Writes OUT/export.pkl, OUT/export.onnx, OUT/metrics.json; OUT/manifest.csv, which tells the next run what is new; and
       the training in RUNS, as each one is kept
"""

from pathlib import Path

from fastcore.script import CliError

from classifier.inference.compiled_copy import onnx_path
from training.csv_rows import write_csv
from training.data.splits import Photos
from training.evaluation.predict import load_classifier
from training.metrics import metrics_path, write_metrics
from training.run_folder import COLUMNS, MANIFEST, Run, keep_run, manifest_rows

from .promoted import Promoted

EXPORT = "export.pkl"


def train_candidate(promoted: Promoted, photos: Photos, data: Path, out: Path, weights: str, runs: Path) -> Run:
    """Train into the folder `out` and return the training; CliError where it cannot be.

    photos: of `data`, as they were read. weights: see `Promoted.options`.
    """
    from training.train.__main__ import main as train  # imports torch, which most weeks do without

    options, known = promoted.options(weights), load_classifier(promoted.export).neighbours
    export = _emptied(out) / EXPORT
    write_metrics(promoted.metrics, export)  # of the run before: the same photos stay held out for validation
    train(
        str(data),
        out=str(export),
        keep=False,
        neighbours=known is not None,  # an export that names no photos is followed by one that names none
        thumbnails=known is not None and known.pictures is not None,
        **options,
    )
    run = keep_run(export, photos, data, runs)
    if run is None:
        raise CliError(f"The candidate is in {out}, and nobody could put it in place: see above.")
    # what tells which photos are new: who reads it learns no file's name and no source
    rows = [{**row, "file": "", "source": ""} for row in manifest_rows(photos, data)]
    write_csv(out / MANIFEST, COLUMNS, rows)
    return run


def _emptied(out: Path) -> Path:
    """Return the folder without the files of an earlier candidate; CliError where nothing can be written there."""
    export = out / EXPORT
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file in (export, onnx_path(export), metrics_path(export), out / MANIFEST):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror or error}.") from error
    return out
