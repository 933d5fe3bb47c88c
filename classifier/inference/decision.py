"""Whether to act on an answer alone, or to ask a person: an operating point, chosen by `training.operate`.

    point = OperatingPoint.from_facts(facts.get("operating_point"), ["grizzly", "black"])
    point.decision({"grizzly": 0.97, "black": 0.03}, ["grizzly"])      # "answer", or "ask a person"

Reads  the thresholds that an export holds, from which on its answers were right as often as was promised
Gives  a decision for each prediction; none for an export without an operating point
"""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .confidence import DATA_ERRORS, as_mapping, as_number

log = logging.getLogger(__name__)

ANSWER, ASK = "answer", "ask a person"
NEVER = math.inf  # threshold of a label that never answers alone


@dataclass(frozen=True)
class OperatingPoint:
    """From which probability on each label answers alone."""

    thresholds: dict[str, float]
    """by label, probabilities from 0 to 1; NEVER for a label that was not right often enough at any"""
    precision: float | None = None
    """share of the answers given alone that is right, 0 to 1, as it was promised; None where costs were weighed"""
    least: float | None = None
    """probability from which on a label is one of the candidates; None where no coverage was promised"""
    coverage: float | None = None
    """share of the photos whose candidates have the right label among them, 0 to 1, as it was promised"""

    def decision(self, by_label: Mapping[str, float], given: Collection[str], familiar: bool | None = None) -> str:
        """Return ANSWER where each of the labels given has reached its threshold; else, and where none is given, ASK.

        by_label: probabilities; familiar: False for a photo that is unlike the training photos, which a person answers.
        """
        sure = bool(given) and all(by_label[label] >= self.thresholds[label] for label in given)
        return ANSWER if sure and familiar is not False else ASK

    def candidates(self, by_label: Mapping[str, float], familiar: bool | None = None) -> tuple[str, ...] | None:
        """Return the labels in question, most probable first; None where no coverage was promised.

        by_label: probabilities, most probable first, together 1. There is at least one, but none for a photo that is
        not familiar. Source: Sadinle et al. 2019, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels.
        """
        if self.least is None:
            return None
        if familiar is False:
            return ()
        return tuple(name for name, probability in by_label.items() if probability >= self.least) or (
            next(iter(by_label)),
        )

    @classmethod
    def from_facts(cls, facts: object, labels: Sequence[str]) -> "OperatingPoint | None":
        """Return the operating point in an export's facts; None, with a line in the log, where it is invalid."""
        if facts is None:
            return None
        try:
            data = as_mapping(facts)
            promised, sets = data.get("precision"), data.get("candidates")
            return cls(
                dict(zip(labels, _thresholds(data["thresholds"], len(labels)))),
                None if promised is None else _share(promised),
                None if sets is None else _share(as_mapping(sets)["least"]),
                None if sets is None else _share(as_mapping(sets)["coverage"]),
            )
        except DATA_ERRORS as error:
            log.warning("The export's operating point cannot be used (%s): answers carry no decision.", error)
            return None


def _thresholds(values: Any, n_labels: int) -> list[float]:
    """Return C thresholds of a list in which None stands for NEVER; one of DATA_ERRORS for any other facts."""
    if not isinstance(values, (list, tuple)) or len(values) != n_labels:
        raise ValueError(f"no list of {n_labels} thresholds")
    return [NEVER if value is None else _share(value) for value in values]


def _share(value: object) -> float:
    """Return a fact that is a number from 0 to 1; one of DATA_ERRORS for any other."""
    share = as_number(value)
    if not 0 <= share <= 1:  # not-a-number is outside too
        raise ValueError(f"{share} is not from 0 to 1")
    return share
