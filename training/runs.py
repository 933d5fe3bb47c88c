"""List the trainings that were kept, say what changed between two of them, and put one in the export's place.

Reads  RUNS/*/: export.pkl, metrics.json and manifest.csv, as `training.train` keeps them
Writes with --promote: export.pkl, export.onnx and metrics.json

    python -m training.runs                                     # all of them
    python -m training.runs 2026-11-26-1410 2026-11-27          # what changed: photos, options, answers
    python -m training.runs --promote 2026-11-26-1410
"""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.command_line import run
from classifier.files import replacing, sha256
from classifier.inference.compiled_copy import onnx_path
from training.data.splits import n_photos

from .evaluation.comparison import MAX_SHOWN, Comparison
from .evaluation.held_out import HeldOutPredictions
from .metrics import metrics_path
from .run_folder import FOLDER, PhotoChanges, Run, find_run, read_runs

FIGURES = ("error_rate", "n_train", "n_valid", "valid_loss")


def line_of(run: Run, current: str) -> str:
    """Return the line of a run; current: SHA-256 of the export in use."""
    metrics = run.metrics
    if not metrics:
        return f"  {run.name}  its figures are damaged"
    mark = "*" if metrics["export"]["sha256"] == current else " "
    low, high = metrics["error_interval"]
    return (
        f"{mark} {run.name}  {metrics['n_train']:>6} photos, {len(metrics['photos'])} labels, "
        f"{metrics['error_rate']:.1%} wrong ({low:.1%} to {high:.1%}) of {metrics['n_valid']}, "
        f"{metrics['options']['arch']}{', fine-tuned' if (metrics['fine_tuning'] or {}).get('kept') else ''}"
    )


def changes(old: Run, new: Run) -> list[str]:
    """Return lines on what differs between two runs: photos, options, versions, figures and answers."""
    return [*photo_changes(old, new), *value_changes(old, new), *answer_changes(old, new)]


def photo_changes(old: Run, new: Run) -> list[str]:
    """Return lines on photos that came, went, or got another label or set."""
    before, after = ({key: (row["set"], row["labels"]) for key, row in of.photos.items()} for of in (old, new))
    found = PhotoChanges(before, after)
    lines = [
        f"photos: {n_photos(len(found.came))} came, {len(found.gone)} went, "
        f"{len(found.moved)} changed their label or set"
    ]
    for word, counts in (("came", found.n_came()), ("went", found.n_gone())):
        if counts:
            lines.append(f"  {word}: " + ", ".join(f"{n} {label or 'no label'}" for label, n in counts.most_common()))
    return lines + [
        f"  {new.photos[digest]['file']}: {' -> '.join(of[digest][1] or 'no label' for of in (before, after))}"
        for digest in found.relabelled[:MAX_SHOWN]
    ]


def value_changes(old: Run, new: Run) -> list[str]:
    """Return a line for each option, version and figure that differs."""
    lines = [f"{name}: {before} -> {after}" for name, before, after in setting_changes(old.metrics, new.metrics)]
    lines += [
        f"{name}: {shown(old.metrics.get(name))} -> {shown(new.metrics.get(name))}"
        for name in FIGURES
        if old.metrics.get(name) != new.metrics.get(name)
    ]
    return lines


def setting_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return each option and version that differs between two metrics.json: its name, before and after."""
    rows = []
    for kind in ("options", "versions"):
        before, after = (metrics.get(kind, {}) for metrics in (old, new))
        rows += [
            (f"{kind[:-1]} {name}", before.get(name), after.get(name))
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return rows


def shown(value: Any) -> str:
    """Return a figure as text."""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def answer_changes(old: Run, new: Run) -> list[str]:
    """Return lines on the photos that both held out, under the labels of the new run, and which one is better."""
    kept = [HeldOutPredictions.from_metrics(run.metrics) for run in (old, new)]
    predictions = [held_out.predictions() if held_out else None for held_out in kept]
    if predictions[0] is None or predictions[1] is None or predictions[0].vocab != predictions[1].vocab:
        return ["answers: not compared, since a run has no record of them, or they have other labels"]
    before, after = predictions[0], predictions[1]
    known = set(before.files)
    both = [file for file in after.files if file in known]
    if not both or type(before) is not type(after):
        return ["answers: not compared, since no photo was held out by both"]
    theirs = after.subset(both)
    comparison = Comparison(replace(before.subset(both), targets=theirs.targets), theirs)
    name_of = {digest: row["file"] for digest, row in new.photos.items()}
    lines = [f"answers for {n_photos(len(both))} that both held out: {comparison.verdict}"]
    for word, indices in (("fixed", comparison.fixed), ("broken", comparison.broken)):
        lines += [
            f"  {word}  {name_of.get(str(both[i]), str(both[i])[:12])}: {comparison.old.answer(i)} -> "
            f"{comparison.new.answer(i)}"
            for i in indices[:MAX_SHOWN]
        ]
    return lines


def put_in_place(chosen: Run, out: Path) -> None:
    """Put a run's files in the place of an export and its own.

    metrics.json and export.onnx name their export by its SHA-256: what a kill leaves is never mixed up.
    """
    parts = [
        (chosen.folder / "metrics.json", metrics_path(out)),
        (chosen.export, out),
        (onnx_path(chosen.export), onnx_path(out)),
    ]
    try:
        for source, target in parts:
            if source.is_file():
                with replacing(target) as aside:
                    shutil.copyfile(source, aside)
            else:
                target.unlink(missing_ok=True)
    except OSError as error:
        raise CliError(f"{out} could not be replaced: {error.strerror or error}. Run the same command again.") from None


def main(
    *names: str,  # two runs to compare, by the beginning of their names or by their versions; one: with the last
    runs: str = FOLDER,  # the folder of all runs
    promote: str = "",  # the run whose export is put in the place of the one in use
    out: str = "export.pkl",  # the export in use
) -> None:
    "List the trainings that were kept, or say what changed between two of them."
    kept = read_runs(Path(runs))
    if len(names) > 2 or (names and promote):
        raise CliError("Name two runs to compare, or one with --promote.")
    if promote:
        put_in_place(chosen := find_run(kept, promote), Path(out))
        print(f"{out} is that of {chosen.name} now. An app that runs serves it after a restart.")
    elif names:
        old, new = find_run(kept, names[0]), find_run(kept, names[1]) if len(names) == 2 else kept[-1]
        print(f"{old.name} -> {new.name}", *changes(old, new), sep="\n")
    else:
        current = sha256(out) if Path(out).is_file() else ""
        print(*(line_of(kept_run, current) for kept_run in kept), sep="\n")
        print(f"{len(kept)} trainings in {runs}; * is {out}")


if __name__ == "__main__":
    run(main)
