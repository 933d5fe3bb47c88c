"""Histories of an app's answers for tests of the monitor: counters, records and days, of several labels a photo."""

import json
from collections import Counter
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np

from server.feedback.records import BINS, confidence_bin
from training.monitor.__main__ import main
from training.monitor.bursts import burst_factor
from training.monitor.drift import Finding, find_drifts
from training.monitor.mix import describe_mixes
from training.monitor.reference import Reference, read_reference
from training.monitor.tally import Tally

START = date(2025, 3, 3)
LABELS = ["dress", "hat", "shoes"]
MEANS = {"dress": 0.9, "hat": 0.5, "shoes": 0.75}  # of the confidence in a label that is given
EXPORT = b"an export"
VERSION = sha256(EXPORT).hexdigest()[:12]


def a_day(i: int) -> date:
    return START + timedelta(i)


def answer(rng, hat: float = 0.3, none: float = 0.1, less_sure: float = 0.0, dress: float = 0.6) -> dict[str, float]:
    """Return the labels of an answer with their probabilities: a dress, perhaps with a hat, or shoes, or none."""
    if rng.random() < none:
        return {}
    given = ["dress", "hat"][: 1 + (rng.random() < hat)] if rng.random() < dress else ["shoes"]
    return {label: float(np.clip(rng.normal(MEANS[label] - less_sure, 0.07), 0.05, 0.999)) for label in given}


def tally(*answers: dict[str, float], right: int = 0, corrected: int = 0) -> Tally:
    """Return the counts of answers, each its labels with their probabilities."""
    said = [(label, confidence) for of in answers for label, confidence in of.items()]
    bins = [0] * BINS
    for _, confidence in said:
        bins[confidence_bin(confidence)] += 1
    labelled = sum(map(bool, answers))
    return Tally(
        Counter(label for label, _ in said),
        len(answers) - labelled,
        bins,
        sum(confidence for _, confidence in said),
        right,
        corrected,
        len(said) - labelled,
        True,
    )


def metrics(answers: list[dict[str, float]], **changed) -> dict:
    """Return what metrics.json says of held-out photos with these answers, none of them unfamiliar."""
    hashes = [sha256(str(i).encode()).hexdigest() for i in range(len(answers))]
    return {
        "error_rate": 0.2,
        "n_valid": len(answers),
        "photos": {label: {"train": 50, "valid": 0} for label in LABELS},
        "by_label": {label: {"n": 50, "said": sum(label in of for of in answers)} for label in LABELS},
        "several_labels": {"thresholds": dict.fromkeys(LABELS, 0.1), "n_without": 0, "none_right": None},
        "calibration": {"n_photos": len(answers), "after": {"bins": [{"n": 900, "confidence": 0.1, "accuracy": 0.1}]}},
        "familiarity": {"accepted": 1.0},
        "held_out": {
            "labels": LABELS,
            "answers": {
                digest: {str(LABELS.index(of)): p for of, p in a.items()} for digest, a in zip(hashes, answers)
            },
            "predicted": {digest: [LABELS.index(of) for of in a] for digest, a in zip(hashes, answers)},
            "familiarity": {digest: 0.9 for digest in hashes},
        },
        "export": {"sha256": sha256(EXPORT).hexdigest()},
        **changed,
    }


def history(rng, n_days: int, mean: float, burst: int = 1, since: int = 1000, **what) -> dict[date, Tally]:
    """Return days of answers, in bursts of similar photos; `what` holds from `since` on."""
    days = {}
    for i in range(n_days):
        answers = [answer(rng, **(what if i >= since else {})) for _ in range(rng.poisson(mean / burst))]
        if answers:
            days[a_day(i)] = tally(*[one for one in answers for _ in range(burst)])
    return days


def reference(seed: int = 0, n: int = 400) -> Reference:
    rng = np.random.default_rng(1000 + seed)
    return read_reference(metrics([answer(rng) for _ in range(n)]))


def drifted(days: dict[date, Tally], of: Reference) -> dict[str, Finding]:
    return {found.measure: found for found in find_drifts(days, burst_factor(list(days.values())), of)}


def mixes(days: dict[date, Tally], of: Reference) -> list[str]:
    return describe_mixes(days, burst_factor(list(days.values())), of)


def counters(folder: Path, days: dict[date, Tally], version: str = VERSION, name: str = "20250303-090000-abc") -> None:
    """Write counters as the app does."""
    file = folder / "counters" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"model_version": version, "days": {str(day): counts(of) for day, of in days.items()}}))


def counts(of: Tally) -> dict:
    return {
        "labels": of.labels,
        "unfamiliar": of.unfamiliar,
        "confidence": of.confidence,
        "confidence_sum": of.confidence_sum,
        **({"photos": of.n} if of.several else {}),
    }


def record(folder: Path, i: int, day: date, said: list[str], correction: str | None, **changed) -> None:
    """Write a record as the app does, of the i-th photo; said: the labels of the answer."""
    photo = sha256(str(i).encode()).hexdigest()
    file = folder / photo[:2] / f"{photo}-12345678.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "photo": photo,
        "label": said[0] if said else "dress",
        "labels": said,
        "probabilities": dict.fromkeys(said or ["dress"], 0.5),
        "familiar": True,
        "familiarity": 0.8,
        "correction": correction,
        "right": correction == ("|".join(said) or None),
        "model_version": VERSION,
        "time": f"{day}T12:00:00+00:00",
    } | changed
    file.write_text(json.dumps({key: value for key, value in told.items() if value != "missing"}))


def run_main(folder: Path, capsys, with_metrics: dict | None = None, **options) -> str:
    """Run the command with an export whose metrics.json are these; return what it prints."""
    (folder / "export.pkl").write_bytes(EXPORT)
    if with_metrics:
        (folder / "metrics.json").write_text(json.dumps(with_metrics))
    (folder / "feedback").mkdir(exist_ok=True)
    main(str(folder / "feedback"), str(folder / "export.pkl"), out=str(folder / "monitor.png"), **options)
    return capsys.readouterr().out


DRESS, BOTH = {"dress": 0.9}, {"dress": 0.9, "hat": 0.5}
