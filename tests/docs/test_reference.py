"""The reference pages are what the code says, and the code says something of each setting, option and key."""

import ast
import json
import re

import pytest

from classifier import Prediction, telemetry
from helpers.documents import keys_of
from helpers.paths import ROOT
from server.environment import ENVIRONMENT
from server.feedback import counters, records, store
from server.settings import Settings
from tools import reference
from training import metrics_keys

SOURCES = [
    ROOT / "app.py",
    *(file for folder in ("classifier", "server", "training") for file in (ROOT / folder).rglob("*.py")),
]
PREDICTION = Prediction("teddy", {"teddy": 0.9, "black": 0.1}, 0.5, True)
SEVERAL = Prediction("teddy", {"teddy": 0.9, "black": 0.8}, 0.8, True, ("teddy", "black"))


@pytest.mark.parametrize("name", reference.PAGES)
def test_page_is_what_the_code_says(name):
    written = (reference.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "run `python -m tools.reference`"


def test_every_generated_page_is_known():
    assert {file.stem for file in reference.FOLDER.glob("*.md")} == set(reference.PAGES)


def test_every_table_says_what_each_line_means():
    for name in reference.PAGES:
        for line in (reference.FOLDER / f"{name}.md").read_text(encoding="utf-8").splitlines():
            if line.startswith("| `"):
                assert any(len(cell.strip()) > 3 for cell in re.split(r"(?<!\\)\|", line)[2:]), f"{name}: {line}"


def variables_read(tree: ast.AST) -> set[str]:
    """Return the names of environment variables that a module reads or sets, as they stand in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            of, name = ast.unparse(node.func.value), node.args[0]
            if node.func.attr in ("get", "setdefault") and of in ("os.environ", "environment"):
                found.add(name)
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environment"):
            found.add(node.slice)
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) in ("os.environ", "environment"):
            found.add(node.left)
    return {name.value for name in found if isinstance(name, ast.Constant)}


def test_every_variable_that_is_read_is_in_the_settings():
    known = {name.upper() for name in vars(Settings())} | set(ENVIRONMENT) | set(telemetry.OFF)
    for file in SOURCES:
        assert variables_read(ast.parse(file.read_text(encoding="utf-8"))) <= known, file.relative_to(ROOT)


def test_every_key_of_the_committed_figures_is_explained():
    found = {
        re.sub(r"^error_interval\[\]$", "error_interval", path)
        for path in keys_of(json.loads((ROOT / "metrics.json").read_text()))
    }
    assert found <= set(metrics_keys.KEYS), found - set(metrics_keys.KEYS)
    missing = {
        key
        for key in set(metrics_keys.KEYS) - found
        if key not in metrics_keys.SEVERAL_LABELS_KEYS
        and not key.startswith(("test.", "fine_tuning.", "operating_point."))
        and f"{key}." not in " ".join(metrics_keys.KEYS)
    }
    assert not missing, "these are not in metrics.json"


@pytest.mark.parametrize(
    "module, functions",
    [
        ("training/train/record.py", ["metrics_of", "several_labels_of", "save"]),
        ("training/train/pipeline.py", ["test_error"]),
        ("training/train/probes/calibration.py", ["calibrate", "measure_reliability", "reliability"]),
        ("training/train/probes/familiarity.py", ["measure_familiarity"]),
        ("training/train/probes/multi_label_calibration.py", ["calibrate_labels", "measure_labels"]),
        ("training/evaluation/held_out.py", ["to_data"]),
        ("training/evaluation/predictions.py", ["by_label"]),
        ("training/evaluation/multi_label_predictions.py", ["by_label"]),
        ("benchmarks/trust/__main__.py", ["measured", "save_figures"]),
        ("benchmarks/measuring/statistics.py", ["rates"]),
    ],
)
def test_every_key_that_is_written_is_explained(module, functions):
    known = {part for key in metrics_keys.KEYS for part in re.split(r"[.\[\]]+", key)}
    # what `save` writes into the export itself
    of_the_export = {"temperature", "familiarity", "calibration", "neighbours"}
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            functions.remove(node.name)
            written = {
                key.value
                for inner in ast.walk(node)
                if isinstance(inner, ast.Dict)
                for key in inner.keys
                if isinstance(key, ast.Constant)
            }
            assert written - of_the_export - {"python"} <= known, f"{module}: {node.name}"
    assert not functions


def test_every_key_of_a_record_is_explained(tmp_path):
    feedback = store.Feedback(tmp_path, ["teddy", "black"], "d51c0901e26d")
    assert list(feedback._record("ab" * 32, SEVERAL, "black")) == list(records.RECORD)
    without = [key for key in records.RECORD if key != "labels"]
    assert list(feedback._record("ab" * 32, PREDICTION, "black")) == without


def test_every_key_of_a_counter_file_is_explained(tmp_path):
    counted = counters.Counters(tmp_path, "d51c0901e26d")
    counted.count(PREDICTION)
    counted.flush()
    assert keys_of(json.loads(counted.file.read_text())) == set(records.COUNTERS) - {"days.DATE.photos"}
    counted.count(SEVERAL)
    counted.flush()
    assert keys_of(json.loads(counted.file.read_text())) == set(records.COUNTERS)
