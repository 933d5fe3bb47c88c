"""Does the training hold on any labels? Ours beside the lesson's and a plain linear probe, on every set in a folder.

    python -m benchmarks.datasets ../shared/data --weights ../shared/weights
    python -m benchmarks.datasets ../shared/data --weights ../shared/weights --only ours --seeds 1

A set is a folder of label folders, or has `train` and `test` (or `valid`) above them. `NAME-field` is a second source
that NAME is measured on, `not-NAME` holds anything else. What is measured on is never trained or tuned on. Weights
are state dicts named ARCH-anything.pth. Every way runs in a process of its own; --results keeps what is done, so
that a run that was stopped goes on.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from fastcore.script import CliError, call_parse

from .measuring.data_sets import DataSet, data_sets
from .measuring.trainings import fit_plain_probe, train_as_lesson, train_with_command

N_HEATMAPS = 60  # photos that the heatmap is measured on
MOST_STRANGERS = 400  # of another set, drawn evenly
FIRST_SEED = 42


def measured(export: Path, data: DataSet, others: Sequence[DataSet]) -> dict:
    """Return an export's figures on a set's test photos and on photos of every other set, as the app answers."""
    from sklearn.metrics import roc_auc_score

    from training.data.photos import get_photos
    from training.evaluation.predict import familiarity_of_photos, load_classifier, predict_labelled
    from training.train.probes.calibration import calibration_error, reliability

    from .heatmap import lost_by_all

    classifier = load_classifier(export)
    predictions, _ = predict_labelled(classifier, get_photos(data.test))
    by_label = predictions.probabilities
    right = predictions.predicted == predictions.targets
    figures = {
        "right": float(right.mean()),
        "calibration": calibration_error(reliability(by_label.max(1), right)),
        "bytes": export.stat().st_size,
    }
    if classifier.reports_familiarity:
        threshold, own = classifier.familiarity.threshold, predictions.familiarity
        figures["accepted"], figures["others"] = float(np.mean(own >= threshold)), {}
        folders = {other.name: other.test for other in others if other.name != data.name}
        folders |= {data.strangers.name: data.strangers} if data.strangers else {}
        for name, folder in folders.items():
            photos = get_photos(folder, labelled=folder != data.strangers)
            scores = familiarity_of_photos(classifier, photos[:: max(1, len(photos) // MOST_STRANGERS)])
            figures["others"][name] = {
                "accepted": float(np.mean(scores >= threshold)),
                "auroc": float(roc_auc_score([1] * len(own) + [0] * len(scores), np.concatenate([own, scores]))),
            }
    if classifier.explains:
        lost = lost_by_all(classifier, predictions.files[:: max(1, len(predictions.files) // N_HEATMAPS)])
        figures["heatmap"] = float(np.mean(lost[:, 0] > lost[:, 1]))
    return figures


def one(way: str, data: DataSet, arch: str, weights: Path, seed: int, others: Sequence[DataSet]) -> dict:
    """Return the figures of one training."""
    began = time.monotonic()
    if way == "probe":
        return {**fit_plain_probe(data.train, data.test, arch, weights), "seconds": time.monotonic() - began}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "export.pkl"
        {"ours": train_with_command, "lesson": train_as_lesson}[way](data.train, arch, weights, seed, out)
        seconds = time.monotonic() - began
        metrics = json.loads((out.with_name("metrics.json")).read_text()) if way == "ours" else {}
        tuning = metrics.get("fine_tuning")
        return {
            **measured(out, data, others if way == "ours" else []),
            "seconds": seconds,
            "fine_tuned": None if tuning is None else tuning["kept"],
            "out_of_fold": metrics.get("error_rate"),
        }


HEAD = (
    f"{'set':<14}{'network':<24}{'way':<8}{'seeds':>6}{'right':>8}{'calib.':>8}{'own':>7}{'others':>8}"
    f"{'worst':>7}{'AUROC':>7}{'least':>7}{'heatmap':>9}{'MB':>6}{'s':>6}  fine-tuned"
)


def row(name: str, arch: str, way: str, runs: Sequence[dict]) -> str:
    """Return a line of the table: means over the seeds, the worst of the other sets, the least AUROC."""

    def of(key: str, form: str, width: int) -> str:
        values = [run[key] for run in runs if run.get(key) is not None]
        return (format(mean(values), form) if values else "-").rjust(width)

    pairs = [pair for run in runs for pair in run.get("others", {}).values()]
    other = [pair["accepted"] for pair in pairs]
    aurocs = [pair["auroc"] for pair in pairs]
    told = (
        f"{mean(other):>8.1%}{max(other):>7.1%}{mean(aurocs):>7.3f}{min(aurocs):>7.3f}"
        if pairs
        else ("-".rjust(8) + "-".rjust(7) * 3)
    )
    tuned = [run["fine_tuned"] for run in runs if run.get("fine_tuned") is not None]
    size = of("bytes", ".0f", 0)
    return (
        f"{name:<14}{arch:<24}{way:<8}{len(runs):>6}{of('right', '.1%', 8)}{of('calibration', '.3f', 8)}"
        f"{of('accepted', '.1%', 7)}{told}{of('heatmap', '.0%', 9)}"
        f"{'-' if size == '-' else f'{int(size) / 1e6:.1f}':>6}{of('seconds', '.0f', 6)}"
        f"  {f'kept {sum(tuned)} of {len(tuned)}' if tuned else '-'}"
    )


@call_parse
def main(
    data: str,  # folder of sets
    weights: str = "",  # folder of state dicts named ARCH-anything.pth, one a network
    seeds: int = 3,  # trainings of each; the plain probe needs one
    only: str = "",  # ways: ours, lesson, probe, with commas; all of them where empty
    sets: str = "",  # names of sets, with commas; all of them where empty
    results: str = "",  # file that keeps what was measured, a line of JSON a training
):
    "Print how ours, the lesson's and a plain probe do on every set under DATA."
    every = data_sets(Path(data).resolve())
    networks = {path.stem.rpartition("-")[0]: path.resolve() for path in sorted(Path(weights).glob("*.pth"))}
    if not weights or not networks:
        raise CliError("--weights DIR: a folder with state dicts named ARCH-anything.pth is needed.")
    kept = Path(results) if results else None
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept and kept.exists() else []
    table = []
    for dataset in every:
        for arch, file in networks.items():
            for way in only.split(",") if only else ("ours", "lesson", "probe"):
                if sets and dataset.name not in sets.split(","):
                    continue
                runs = []
                for seed in range(FIRST_SEED, FIRST_SEED + (1 if way == "probe" else seeds)):
                    key = {"set": dataset.name, "arch": arch, "way": way, "seed": seed}
                    found = [line for line in done if key.items() <= line.items()]
                    runs.append(found[-1] if found else {**key, **one(way, dataset, arch, file, seed, every)})
                    if kept and not found:
                        with kept.open("a") as lines:
                            lines.write(json.dumps(runs[-1]) + "\n")
                table.append(row(dataset.name, arch, way, runs))
                print(HEAD + "\n" + table[-1], flush=True)
    print("\n" + "\n".join([HEAD, *table]))
