"""The API, asked what its own description allows and what it does not: no 5xx, no trace, nothing undocumented."""
import pytest
from hypothesis import HealthCheck, settings

from conftest import ROOT

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
TELLING = ("Traceback", str(ROOT), "site-packages", 'File "')
FUZZ = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def our_description(app_url):
    return schemathesis.openapi.from_url(f"{app_url}/openapi.json")


@pytest.fixture(scope="session")
def gradios_description(app_url):
    return schemathesis.openapi.from_url(f"{app_url}/gradio_api/openapi.json")


ours = schemathesis.pytest.from_fixture("our_description")
gradios = schemathesis.pytest.from_fixture("gradios_description")


@ours.parametrize()
@FUZZ
def test_our_api_keeps_to_its_description(case):
    answer = case.call(timeout=30)
    assert answer.status_code < 500, answer.text
    assert not [word for word in TELLING if word in answer.text]
    if case.method.upper() == case.operation.method.upper():
        case.validate_response(answer)


@gradios.parametrize()
@FUZZ
def test_gradios_api_tells_nothing_of_the_server(case):
    answer = case.call(timeout=30)
    assert not [word for word in TELLING if word in answer.text]
