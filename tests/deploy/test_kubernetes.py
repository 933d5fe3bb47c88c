"""deploy/kubernetes: the manifests are what their schemas want, and fit the app."""

from pathlib import Path

import pytest
import requests
import yaml

from helpers.paths import ROOT
from server.environment import ENVIRONMENT
from server.launch import DELIVERY_SECONDS, MAX_STOP_SECONDS
from server.settings import Settings

FOLDER = ROOT / "deploy" / "kubernetes"
NOT_OF_KUBERNETES = ("kustomization.yaml", "service-monitor.yaml")
NOT_OF_THE_APP = ("bulk-job.yaml",)  # applied by itself: tests/deploy/test_bulk.py
VERSIONS = ("1.31", "1.37")  # of Kubernetes


def documents(file: Path) -> list[dict]:
    return list(yaml.safe_load_all(file.read_text()))


MANIFESTS = [
    pytest.param(document, id=f"{file.stem}-{document['kind']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    if file.name not in NOT_OF_KUBERNETES
    for document in documents(file)
]
[DEPLOYMENT] = documents(FOLDER / "deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
[APP] = POD["containers"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", MANIFESTS)
def test_a_manifest_is_what_its_schema_wants(document, version):
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    validate.validate(document, version, strict=True)


def test_a_manifest_with_a_misspelt_key_is_not():
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    with pytest.raises(validate.ValidationError):
        validate.validate({**DEPLOYMENT, "specs": {}}, VERSIONS[0], strict=True)


def test_every_file_is_applied_and_names_what_is_there():
    [kustomization] = documents(FOLDER / "kustomization.yaml")
    assert {*kustomization["resources"], *NOT_OF_KUBERNETES, *NOT_OF_THE_APP} == {
        file.name for file in FOLDER.glob("*.yaml")
    }
    assert APP["image"] in [image["name"] for image in kustomization["images"]]
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    services = {service["metadata"]["name"]: service["spec"] for service in documents(FOLDER / "services.yaml")}
    assert all(service["selector"] == labels for service in services.values())
    assert services["fieldguide-page"]["sessionAffinity"] == "ClientIP"
    assert "sessionAffinity" not in services["fieldguide"]
    [ingress] = documents(FOLDER / "ingress.yaml")
    routes = {path["path"]: path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert routes["/"] == "fieldguide-page" and routes["/classify"] == "fieldguide"
    assert routes["/metrics"] not in services
    [budget], [autoscaler] = (documents(FOLDER / name) for name in ("disruption-budget.yaml", "autoscaler.yaml"))
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]
    assert autoscaler["spec"]["minReplicas"] > budget["spec"]["maxUnavailable"]


def test_a_pod_is_given_the_time_that_the_app_needs_to_stop():
    environment = {variable["name"]: variable.get("value") for variable in APP["env"]}
    known = {name.upper() for name in vars(Settings())} | set(ENVIRONMENT)
    assert set(environment) <= known
    needed = float(environment["STOP_DELAY"]) + MAX_STOP_SECONDS + DELIVERY_SECONDS + 3
    assert POD["terminationGracePeriodSeconds"] > needed
    readiness = APP["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < float(environment["STOP_DELAY"])


def test_a_pod_is_not_root_and_writes_to_tmp_alone():
    assert POD["securityContext"]["runAsUser"] == 10001 and POD["securityContext"]["runAsNonRoot"]
    assert APP["securityContext"]["readOnlyRootFilesystem"]
    assert APP["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["mountPath"] for mount in APP["volumeMounts"]] == ["/tmp"]


def test_the_probes_ask_what_answers(app_url):
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert requests.get(f"{app_url}{APP[name]['httpGet']['path']}", timeout=10).status_code == 200, name
