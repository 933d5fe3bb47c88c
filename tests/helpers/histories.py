"""Histories of an app's answers for tests of the monitor: counters, records and days, of one label a photo."""

import json
from collections import Counter
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from helpers.paths import ROOT
from server.feedback.records import BINS
from training.monitor.__main__ import main
from training.monitor.bursts import burst_factor
from training.monitor.drift import find_drifts
from training.monitor.reference import Reference
from training.monitor.tally import Tally

VERSION = sha256((ROOT / "export.pkl").read_bytes()).hexdigest()[:12]  # of the export that comes along
START = date(2025, 3, 3)  # a Monday
LABELS = ["black", "grizzly", "teddy"]
REFERENCE = Reference(dict.fromkeys(LABELS, 140), (0.02, 83), (0.98, 0.085, 416), (0.005, 416))


def tally(confidence: float = 0.97, unfamiliar: int = 0, right: int = 0, corrected: int = 0, **labels: int) -> Tally:
    """Return a tally whose answers all have one confidence."""
    n, bins = sum(labels.values()), [0] * BINS
    bins[min(int(confidence * BINS), BINS - 1)] = n
    return Tally(Counter(labels), unfamiliar, bins, confidence * n, right, corrected)


def counters(folder: Path, days: dict, version: str = VERSION, name: str = "20250303-090000-abcdef") -> None:
    """Write a file of counters as the app does; days: Tally by date."""
    (folder / "counters").mkdir(parents=True, exist_ok=True)
    (folder / "counters" / f"{name}.json").write_text(
        json.dumps(
            {
                "model_version": version,
                "days": {
                    str(day): {
                        "labels": of.labels,
                        "unfamiliar": of.unfamiliar,
                        "confidence": of.confidence,
                        "confidence_sum": of.confidence_sum,
                    }
                    for day, of in days.items()
                },
            }
        )
    )


def record(folder: Path, i: int, day: date, correction: str | None = "teddy", **changed) -> None:
    """Write a record as the app does, of the i-th photo."""
    photo = sha256(str(i).encode()).hexdigest()
    told = {
        "photo": photo,
        "label": "teddy",
        "probabilities": {"teddy": 0.9},
        "familiar": True,
        "familiarity": 0.8,
        "correction": correction,
        "right": correction == "teddy",
        "model_version": VERSION,
        "time": f"{day}T12:00:00+00:00",
        **changed,
    }
    (folder / photo[:2]).mkdir(parents=True, exist_ok=True)
    (folder / photo[:2] / f"{photo}-{sha256(str(correction).encode()).hexdigest()[:8]}.json").write_text(
        json.dumps(told)
    )


def a_day(i: int) -> date:
    return START + timedelta(i)


def history(
    rng,
    n_days: int,
    mean: float,
    burst: int = 1,
    since: int = 1000,
    unfamiliar: float = 0.02,
    less_sure: float = 0.0,
    wrong: float = 0.005,
) -> dict[date, Tally]:
    """Return days of answers, in bursts of similar photos; what differs from the reference does so from `since` on."""
    days = {}
    for i in range(n_days):
        strange, drop, error = (unfamiliar, less_sure, wrong) if i >= since else (0.02, 0, 0.005)
        day = Tally()
        for _ in range(rng.poisson(mean / burst)):
            if rng.random() < strange:
                day += Tally(unfamiliar=burst)
            else:
                confidence = max(0.34, 1 - rng.gamma(0.06, 0.34) - 2 * drop * rng.random())
                day += tally(confidence, **{LABELS[rng.integers(3)]: burst})
            clicked, mistaken = rng.binomial(burst, 0.3), rng.random() < error
            day += Tally(right=0 if mistaken else clicked, corrected=clicked if mistaken else 0)
        if day.n:
            days[a_day(i)] = day
    return days


def drifted(days: dict[date, Tally], reference: Reference = REFERENCE) -> dict[str, date]:
    """Return since when each measure has drifted."""
    return {
        finding.measure: finding.since for finding in find_drifts(days, burst_factor(list(days.values())), reference)
    }


def run_main(folder: Path, **options) -> None:
    main(path=str(folder), export=str(ROOT / "export.pkl"), out=str(folder / "out" / "monitor.png"), **options)
