"""Choose from which probability on the model's answers may be acted on alone; a person is asked about the others.

Reads  export.pkl, and metrics.json beside it: predictions for photos by models that had not seen them
Writes export.pkl and its compiled copy export.onnx with the operating point, and metrics.json; nothing is trained

    python -m training.operate export.pkl --precision 0.95                       # right 95 times in 100, or ask
    python -m training.operate export.pkl --precision 0.95 --label grizzly=0.99  # more for one label
    python -m training.operate export.pkl --wrong 20 --ask 1 --cost "black>grizzly=100"   # what errors cost instead
    python -m training.operate export.pkl --precision 0.95 --candidates 0.9      # sets of labels with the right one
    python -m training.operate export.pkl --clear
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.command_line import run
from training.data.labels import read_labels
from training.data.photos import get_photos
from training.export.facts import with_fact

from .evaluation.answers import Answers
from .evaluation.held_out import HeldOutPredictions
from .evaluation.operating_point import RISK, Choice, choose, choose_by_cost, conformal_threshold, costs_of, facts_of
from .evaluation.predict import load_classifier
from .evaluation.predictions import Predictions
from .metrics import metrics_path, read_metrics, write_metrics
from .output import staged

FACT = "operating_point"


@dataclass(frozen=True)
class Wanted:
    """What an operating point is chosen for: a precision, or costs."""

    precision: float | None = None
    by_label: dict[str, float] | None = None
    wrong: float | None = None
    ask: float = 1.0
    pairs: dict[tuple[str, str], float] | None = None

    def choose(self, predictions: Predictions, familiar_from: float) -> Choice:
        """Return the thresholds for predictions of photos that the models had not seen."""
        answers = Answers.of(predictions, familiar_from)
        if self.precision is not None:
            return choose(answers, self.precision, self.by_label)
        costs = costs_of(predictions, answers, self.wrong or 0.0, self.pairs or {})
        return choose_by_cost(answers, costs, self.ask)


def entries(text: str, option: str) -> dict[str, float]:
    """Return the numbers in "name=number,name=number" by name; CliError for any other text."""
    found = {}
    for entry in filter(None, (entry.strip() for entry in text.split(","))):
        name, equals, number = entry.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise CliError(f"--{option} {entry}: write NAME=NUMBER, and a comma between two of them.")
    return found


def share(value: float, option: str) -> float:
    """Return a share; CliError unless it is between 0 and 1."""
    if not 0 < value < 1:
        raise CliError(f"--{option} {value:g}: give a share between 0 and 1, such as 0.95.")
    return value


def read_wanted(precision: float, label: str, wrong: float, ask: float, cost: str, vocab: list[str]) -> Wanted:
    """Return what the options ask for; CliError where they contradict each other or name unknown labels."""
    by_label = {name: share(value, f"label {name}") for name, value in entries(label, "label").items()}
    pairs = {}
    for name, value in entries(cost, "cost").items():
        truth, between, said = (part.strip() for part in name.partition(">"))
        if not between or value < 0:
            raise CliError(f"--cost {name}={value:g}: write TRUTH>ANSWER=COST, with a cost of 0 or more.")
        pairs[truth, said] = value
    if unknown := sorted({*by_label, *(name for pair in pairs for name in pair)} - set(vocab)):
        raise CliError(f"There is no label {', '.join(unknown)}. The labels are {', '.join(vocab)}.")
    if precision and (wrong or pairs):
        raise CliError("--precision and costs both choose the thresholds: give one of them.")
    if precision or by_label:
        if not precision:
            raise CliError("--label: give --precision too, for the other labels.")
        return Wanted(share(precision, "precision"), by_label)
    if not (wrong > 0 or pairs) or ask <= 0:
        raise CliError("Say what is wanted: --precision 0.95, or costs: --wrong 20 --ask 1.")
    return Wanted(wrong=wrong, ask=ask, pairs=pairs)


def held_out_predictions(metrics: dict[str, Any], export: str, data: str) -> Predictions:
    """Return the predictions that metrics.json keeps, under the labels of `data` where given, else those of then."""
    held_out = HeldOutPredictions.from_metrics(metrics)
    if held_out is None:
        raise CliError(f"No metrics.json with predictions of {export} lies beside it: training.train writes both.")
    if data:
        predictions = held_out.predictions_for(get_photos(data), read_labels(data))
        if predictions is None:
            raise CliError(f"--data {data}: none of these photos was held out when {export} was trained.")
        return predictions
    predictions = held_out.predictions()
    if predictions is None:
        raise CliError("This metrics.json, of an earlier version, has no labels: name the photos with --data.")
    return predictions


def lines_of(choice: Choice, wanted: Wanted, predictions: Predictions) -> list[str]:
    """Return what to print of a choice."""
    by_threshold: dict[float, list[str]] = {}
    for name, threshold in zip(predictions.vocab, choice.thresholds):
        by_threshold.setdefault(float(threshold), []).append(name)
    lines = [
        f"{', '.join(names) if len(by_threshold) > 1 else 'each label'}: "
        + ("never alone" if math.isinf(threshold) else f"alone from {threshold:.1%} on")
        for threshold, names in by_threshold.items()
    ]
    for name in choice.missed:
        promised = (wanted.by_label or {}).get(name, wanted.precision or 0)
        lines.append(
            f"{name}: no threshold keeps {promised:.4g} on these photos, so a person is asked. To promise it takes at "
            f"least {math.ceil(math.log(RISK) / math.log(promised))} held-out answers, all of them right."
        )
    n = len(predictions.files)
    return [*lines, f"on {n} photos, each answered by a model that had not seen it: {choice.outcome}"]


def save(export: Path, fact: dict[str, Any] | None, metrics: dict[str, Any]) -> None:
    """Write an export with another operating point, its figures and its compiled copy."""
    try:
        data = with_fact(export.read_bytes(), FACT, fact)
    except OSError as error:
        raise CliError(f"{export} cannot be read: {error.strerror or error}.") from error
    figures = {name: value for name, value in metrics.items() if name != FACT} | ({} if fact is None else {FACT: fact})
    figures["export"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    aside = export.with_name(f"{export.stem}-with-operating-point.pkl")
    write_metrics(figures, aside)  # found by its SHA-256 where this ends before metrics.json is written
    try:
        with staged(export) as temporary:
            temporary.write_bytes(data)
        write_metrics(figures, export)
    finally:
        metrics_path(aside).unlink(missing_ok=True)
    from training.export.writer import compile_export  # imports torch, which help does not need

    compile_export(export)


def main(
    export: str,  # export.pkl of training.train, with its metrics.json beside it
    precision: float = 0.0,  # share of the answers given alone that is to be right, such as 0.95
    label: str = "",  # labels with a precision of their own: grizzly=0.99,black=0.97
    wrong: float = 0.0,  # cost of a wrong answer, instead of a precision
    ask: float = 1.0,  # cost of asking a person about a photo
    cost: str = "",  # costs of some errors, the truth first: "black>grizzly=100"
    candidates: float = 0.0,  # share of the photos whose candidates have the right label among them, such as 0.9
    data: str = "",  # the photos, where their labels have changed since the training
    clear: bool = False,  # remove the operating point
) -> None:
    "Choose from which probability on answers of EXPORT may be acted on alone, without training again."
    classifier, metrics = load_classifier(export), read_metrics(export)
    if clear:
        save(Path(export), None, metrics)
        print(f"{export}: without an operating point")
        return
    wanted = read_wanted(precision, label, wrong, ask, cost, classifier.labels)
    if candidates and classifier.multi_label:
        raise CliError("--candidates: where a photo may have several labels, there is no set with the one right label.")
    predictions = held_out_predictions(metrics, export, data)
    choice = wanted.choose(predictions, classifier.familiarity.threshold if classifier.familiarity else 0.0)
    sets = None
    if candidates:
        coverage = share(candidates, "candidates")
        least = conformal_threshold(predictions.probabilities, predictions.targets, coverage)
        sets = {"coverage": coverage, "least": round(least, 6)}
    save(Path(export), facts_of(choice, sets), metrics)
    for line in lines_of(choice, wanted, predictions):
        print(line)
    print(f"{export}: answers now carry a decision: answer, or ask a person")


if __name__ == "__main__":
    run(main)
