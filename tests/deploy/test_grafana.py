"""deploy/grafana/fieldguide.json: each query asks for what the app counts."""

import json
import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from helpers.paths import ROOT
from server.monitoring.metrics import Metrics

BOARD = json.loads((ROOT / "deploy" / "grafana" / "fieldguide.json").read_text())
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
OF_PROMETHEUS = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def samples() -> dict[str, set[str]]:
    """The labels of each sample that the app's metrics have, by its name."""
    metrics = Metrics(["a"], "v")
    metrics.request("/classify", "200", 0.1, "photo")
    metrics.photo(0.1, None)
    metrics.watch("request", lambda: 1)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_metrics_and_labels_that_exist(samples, query):
    names = re.findall(r"\b(?:fieldguide|process)_\w+", query)
    assert names
    for name in names:
        if name.startswith("process_") and name not in samples:
            pytest.skip("this system tells nothing of a process")
        assert name in samples
    labels = {label for inside in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)[!=]", inside)}
    labels |= {label for by in re.findall(r"by \(([^)]*)\)", query) for label in by.replace(",", " ").split()}
    assert labels <= set().union(*(samples[name] for name in names)) | OF_PROMETHEUS


def test_every_metric_of_the_app_is_on_the_board(samples):
    asked = " ".join(QUERIES)
    ours = {
        re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in samples if name.startswith("fieldguide_")
    }
    assert all(name in asked for name in ours)


def test_no_two_panels_lie_over_each_other():
    places = [tuple(panel["gridPos"].values()) for panel in BOARD["panels"]]
    assert len(set(places)) == len(places) and len({panel["id"] for panel in BOARD["panels"]}) == len(places)
