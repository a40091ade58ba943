"""Every manifest that we would send to a cluster is one that a cluster would take, and keeps our own rules."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from custom_schemas import SCHEMAS
from manifests import COMPONENTS, K8S, KUBECTL, OVERLAYS, complaints, pods, render

validator = pytest.importorskip("kubernetes_validate")
if KUBECTL is None:
    pytest.skip("kubectl is not installed", allow_module_level=True)

VERSIONS = ("1.31", validator.latest_version())
"""The oldest Kubernetes that we speak of, and the newest that is known."""


LASTING = {"Namespace", "PersistentVolumeClaim"}


def check(manifest: dict) -> None:
    """Raise ValidationError unless Kubernetes would take it, with no field that it does not know."""
    key = (manifest["apiVersion"], manifest["kind"])
    if key not in SCHEMAS:
        for version in VERSIONS:
            validator.validate(manifest, version, strict=True)
        return
    jsonschema.validate(manifest, SCHEMAS[key])
    if manifest["kind"] == "TrainingRuntime":
        for job in manifest["spec"]["template"]["spec"]["replicatedJobs"]:
            body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}, "spec": job["template"]["spec"]}
            check(body)


@pytest.fixture(params=[*OVERLAYS, *(f"overlays/cpu+{name}" for name in COMPONENTS), "overlays/gpu+all"])
def rendered(request, tmp_path):
    """Every overlay; the first one with each component; one with all of them."""
    overlay, _, component = request.param.partition("+")
    if not component:
        return render(K8S / overlay)
    used = COMPONENTS if component == "all" else (component,)
    return render(composed(tmp_path, overlay, used))


def composed(folder: Path, overlay: str, components: tuple[str, ...]) -> Path:
    """Return a copy of an overlay that has taken up components, as the documentation tells people to."""
    shutil.copytree(K8S, folder, dirs_exist_ok=True)
    file = folder / overlay / "kustomization.yaml"
    table = yaml.safe_load(file.read_text())
    table["components"] = [*table.get("components", []), *(f"../../components/{name}" for name in components)]
    file.write_text(yaml.safe_dump(table))
    return file.parent


def test_all_of_it_is_in_the_namespace(rendered):
    for manifest in rendered:
        wanted = None if manifest["kind"] == "Namespace" else "ocr"
        assert manifest["metadata"].get("namespace") == wanted, manifest["metadata"]["name"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_brings_its_namespace_along(name, tmp_path):
    """Also into an overlay of somebody who has not thought of it."""
    table = {"resources": [os.path.relpath(K8S / "base", tmp_path.resolve())]}
    table["components"] = [os.path.relpath(K8S / "components" / name, tmp_path.resolve())]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(table))
    assert {manifest["metadata"].get("namespace") for manifest in render(tmp_path)} == {"ocr"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_deleting_what_runs_leaves_what_it_made(name):
    """`kubectl delete -k` takes no volume along, nor the namespace, which would take them."""
    kinds = {manifest["kind"] for manifest in render(K8S / name)}
    assert bool(kinds & LASTING) == name.endswith(("storage", "storage-local", "namespace", "claims/models"))


def test_each_volume_is_described_alike_wherever_it_is_asked_for():
    def labels(folder: str) -> dict[str, dict[str, str]]:
        manifests = render(K8S / folder)
        return {m["metadata"]["name"]: m["metadata"]["labels"] for m in manifests if m["kind"] in LASTING}

    everything = labels("trainer/storage")
    assert everything == labels("trainer/storage-local")
    assert {**labels("claims/models"), **labels("namespace")}.items() <= everything.items()


@pytest.mark.parametrize("overlay", ["cpu", "gpu", "local"])
def test_another_overlay_keeps_what_was_set_by_hand(overlay):
    """Were there no variable in a manifest, applying it would take those of `kubectl set env` away with the list."""
    spec = next(m for m in render(K8S / "overlays" / overlay) if m["kind"] == "Deployment")["spec"]
    names = {variable["name"] for variable in spec["template"]["spec"]["containers"][0]["env"]}
    assert names
    assert "OCR_MODEL" not in names


def test_the_scaler_takes_over_an_autoscaler_that_is_there(tmp_path):
    before = next(m for m in render(K8S / "overlays/cpu") if m["kind"] == "HorizontalPodAutoscaler")
    manifests = render(composed(tmp_path, "overlays/cpu", ("autoscaling",)))
    assert "HorizontalPodAutoscaler" not in {m["kind"] for m in manifests}
    scaled = next(m for m in manifests if m["kind"] == "ScaledObject")
    assert scaled["metadata"]["annotations"]["scaledobject.keda.sh/transfer-hpa-ownership"] == "true"
    config = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert config["name"] == before["metadata"]["name"]


def test_kubernetes_would_take_it(rendered):
    for manifest in rendered:
        check(manifest)


def test_it_keeps_our_rules(rendered):
    for manifest in rendered:
        assert not complaints(manifest), manifest["metadata"]["name"]


def test_what_it_names_is_there(rendered):
    """Selectors meet pods, volumes their claims, mounts their volumes, and the scaler its Deployment."""
    names = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in rendered}
    labels = [pod["metadata"]["labels"] for manifest in rendered for pod in pods(manifest) if pod.get("metadata")]
    for manifest in rendered:
        spec = manifest.get("spec", {})
        if manifest["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            assert ("Deployment", spec["scaleTargetRef"]["name"]) in names
        if manifest["kind"] in ("Service", "PodDisruptionBudget", "Deployment") and "trainer" not in str(spec):
            wanted = spec["selector"].get("matchLabels", spec["selector"])
            assert any(wanted.items() <= found.items() for found in labels), manifest["metadata"]["name"]
        for pod in pods(manifest):
            volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
            for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
                assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


def test_one_node_is_asked_for_volumes_that_it_has():
    claims = [m for m in render(K8S / "trainer/storage-local") if m["kind"] == "PersistentVolumeClaim"]
    assert claims
    assert all(claim["spec"]["accessModes"] == ["ReadWriteOnce"] for claim in claims)


def deployment() -> dict:
    return next(m for m in render(K8S / "overlays/cpu") if m["kind"] == "Deployment")


BREAKS = {
    "latest": lambda c, p: c.update(image="ocr-service:latest"),
    "no tag": lambda c, p: c.update(image="registry:5000/ocr-service"),
    "no limit": lambda c, p: c["resources"]["limits"].pop("memory"),
    "no probe": lambda c, p: c.pop("livenessProbe"),
    "root": lambda c, p: p["securityContext"].pop("runAsNonRoot"),
    "writable": lambda c, p: c["securityContext"].update(readOnlyRootFilesystem=False),
    "capability": lambda c, p: c["securityContext"].update(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    "token": lambda c, p: p.pop("automountServiceAccountToken"),
    "service links": lambda c, p: p.pop("enableServiceLinks"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_manifest_that_breaks_a_rule_is_refused(name):
    broken = copy.deepcopy(deployment())
    spec = broken["spec"]["template"]["spec"]
    BREAKS[name](spec["containers"][0], spec)
    assert len(complaints(broken)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["spec"]["template"]["spec"]["containers"][0].update(readynessProbe={}),
        lambda m: m["spec"].update(replicas="two"),
        lambda m: m["spec"].pop("selector"),
        lambda m: m["spec"]["template"]["spec"]["containers"][0]["ports"][0].update(containerPort="8000"),
    ],
)
def test_a_manifest_that_kubernetes_would_not_take_is_refused(change):
    broken = copy.deepcopy(deployment())
    check(broken)
    change(broken)
    with pytest.raises(validator.ValidationError):
        check(broken)


def test_a_custom_resource_with_an_unknown_field_is_refused(tmp_path):
    scaled = next(
        m for m in render(composed(tmp_path, "overlays/cpu", ("autoscaling",))) if m["kind"] == "ScaledObject"
    )
    scaled["spec"]["maxReplicas"] = scaled["spec"].pop("maxReplicaCount")
    with pytest.raises(jsonschema.ValidationError):
        check(scaled)
