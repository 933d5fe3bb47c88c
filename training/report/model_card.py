"""Write the figures of metrics.json into the model card, and the results into the README's metadata.

Reads  metrics.json (`training.train` writes it; `benchmarks.trust --save` adds a second source, calibration,
       familiarity, heatmap and speed)
Writes docs/MODEL_CARD.md: the parts between `<!-- card: NAME -->` and `<!-- /card -->`; README.md: `model-index`

    python -m training.report export.pkl data/bears --card README.md

Either of the two files may be named: both are updated. Any other file gets what it has a place for.
`training.deploy` builds the card of a model repository, and the Space's metadata, with the same functions.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from fastcore.script import CliError
from huggingface_hub import EvalResult, ModelCardData

from training.output import staged

from .card_parts import PARTS, how_measured
from .multi_label_card import parts_of

CARD = "docs/MODEL_CARD.md"
PART = re.compile(r"(<!-- card: (\w+) -->\n).*?(<!-- /card -->)", re.S)
FRONT = re.compile(r"\A---\n(.*?)^---\n", re.M | re.S)
MODEL_INDEX = re.compile(r"^model-index:\n(?:[ -].*\n)*", re.M)
NOT_RECORDED = "Not recorded: this export came without metrics.json.\n"


@contextmanager
def naming_what_is_missing() -> Iterator[None]:
    """Raise CliError instead of the errors of a metrics.json that lacks a figure."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CliError(
            f"metrics.json lacks what the card needs ({type(error).__name__}: {error}): train again."
        ) from error


def with_parts(card: str, metrics: dict[str, Any] | None) -> str:
    """Return a card with its parts filled in. metrics: None for an export without metrics.json."""
    unknown = sorted({name for _, name, _ in PART.findall(card)} - set(PARTS))
    if unknown:
        raise CliError(f"The card has a part {unknown[0]!r}; the parts are {', '.join(PARTS)}.")

    def filled(part: re.Match[str]) -> str:
        return part[1] + (NOT_RECORDED if metrics is None else parts_of(metrics)[part[2]](metrics)) + part[3]

    with naming_what_is_missing():
        return PART.sub(filled, card)


def eval_results(metrics: dict[str, Any]) -> list[EvalResult]:
    """Return the accuracy on each set of photos, as the Hub's metadata holds it.

    With several labels a photo it is the share of photos whose labels are all right, beside the mean average precision.
    """
    with naming_what_is_missing():
        groups = metrics.get("trust", {}).get("groups") or [
            {"name": how_measured(metrics), "right": 1 - metrics["error_rate"]}
        ]
        results = [eval_result(group["name"], "accuracy", group["right"]) for group in groups]
        if several := metrics.get("several_labels"):
            precision = several["mean_average_precision"]
            results.append(eval_result(how_measured(metrics), "mean_average_precision", precision))
        return results


def eval_result(name: str, metric: str, value: float) -> EvalResult:
    """Return the value of a metric on the set of photos `name`."""
    # sets of one type and one configuration would become one result in the model index
    return EvalResult(
        task_type="image-classification",
        dataset_type="imagefolder",
        dataset_name=name,
        dataset_config=name,
        metric_type=metric,
        metric_value=round(value, 4),
    )


def title_of(metadata: str) -> str:
    """Return the title in a README's metadata."""
    try:
        return (yaml.safe_load(metadata) or {}).get("title", "Fieldguide")
    except (yaml.YAMLError, AttributeError) as error:
        raise CliError(
            "The metadata between the README's first two lines of --- is not YAML. Correct it, then run this again."
        ) from error


def with_results(readme: str, metrics: dict[str, Any] | None) -> str:
    """Return a README with `model-index` set in its metadata; as it is where it has no metadata.

    metrics: None for an export without metrics.json, for which no results are given.
    """
    front = FRONT.match(readme)
    if not front:
        return readme
    index = ""
    if metrics is not None:
        index = ModelCardData(model_name=title_of(front[1]), eval_results=eval_results(metrics)).to_yaml() + "\n"
    return f"---\n{MODEL_INDEX.sub('', front[1])}{index}---\n{readme[front.end() :]}"


def metrics_among(files: dict[str, bytes]) -> dict[str, Any] | None:
    """Return metrics.json out of the files of a deployment; None where there is none with an error rate."""
    try:
        metrics = json.loads(files.get("metrics.json", b"{}"))
    except ValueError:  # `training.deploy.checks.pins` reports it
        return None
    return metrics if isinstance(metrics, dict) and "error_rate" in metrics else None


def with_card(text: str, metrics: dict[str, Any]) -> str:
    """Return a README or a card with everything in it that comes from metrics.json; CliError where it has no place."""
    if not PART.search(text) and not FRONT.match(text):
        raise CliError(
            "There is no place for the model card's figures: put <!-- card: NAME --> and <!-- /card --> "
            f"where {', '.join(PARTS)} should be."
        )
    with naming_what_is_missing():
        return with_results(with_parts(text, metrics), metrics)


def files_of(path: Path) -> list[Path]:
    """Return README.md and docs/MODEL_CARD.md of a project if `path` is one of the two, else `path` alone."""
    root = path.parent if path.name == "README.md" else path.parent.parent
    pair = [root / "README.md", root / CARD]
    return pair if path in pair and all(file.is_file() for file in pair) else [path]


def write_card(path: str | Path, metrics: dict[str, Any]) -> None:
    """Write the model card and the README's metadata; nothing is written if either of them cannot be."""
    try:
        texts = {file: with_card(file.read_text(encoding="utf-8"), metrics) for file in files_of(Path(path))}
    except OSError as error:
        raise CliError(f"--card {path}: {error.strerror or error}.") from error
    for file, text in texts.items():
        with staged(file) as aside:
            aside.write_text(text, encoding="utf-8")
        print(f"{file}: the model card's figures are those of metrics.json")
