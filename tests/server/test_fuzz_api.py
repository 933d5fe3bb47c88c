"""The API, asked what its own description allows and what it does not: no 5xx, no trace, nothing undocumented."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from helpers.paths import ROOT

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")
TELLING = ("Traceback", str(ROOT), "site-packages", 'File "')
KEPT = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]
MODES = list(schemathesis.GenerationMode)


def ask_everything(url: str, check, examples: int) -> int:
    """Ask each operation of a description what is right and what is wrong, and check the answers; return how many."""
    asked = []
    for operation in schemathesis.openapi.from_url(url).get_all_operations():
        for mode in MODES:

            @settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.ok().as_strategy(generation_mode=mode))
            def ask(case):
                answer = case.call(timeout=30)
                asked.append(answer.status_code)
                assert not [word for word in TELLING if word in answer.text], answer.text
                check(case, answer)

            with contextlib.suppress(Unsatisfiable):  # nothing is wrong to ask of some operations
                ask()
    print(f"asked {len(asked)} requests")  # benchmarks/robustness/__main__.py counts them
    return len(asked)


def test_our_api_keeps_to_its_description(app_url):
    def check(case, answer):
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=KEPT)

    assert ask_everything(f"{app_url}/openapi.json", check, 150) > 300


def test_gradios_api_tells_nothing_of_the_server(app_url):
    assert ask_everything(f"{app_url}/gradio_api/openapi.json", lambda *_: None, 60) > 100
