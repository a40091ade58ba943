"""kubectl as functions, and what the cluster test brings along: small overlays, a client, a store, and definitions."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from custom_schemas import SCHEMAS
from engine import ROOT, run, say, until

K8S = ROOT / "k8s"
CLIENTS = "ocr-cluster-test"
"""Namespace of the client and the store, labelled as the service's policy wants it."""
SERVICE = os.environ.get("SERVICE_IMAGE", "ocr-service:0.1.0-cpu")
TRAINER = os.environ.get("TRAINER_IMAGE", "ocr-trainer:0.1.0-cpu")
S3_IMAGE = os.environ.get("S3_IMAGE", "ocr-test-s3:0")
CONFINED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
USER = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
SMALL = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}
"""What a machine has to spare that runs everything at once."""

Manifest = dict[str, Any]


def kubectl(*arguments: str, body: Any = None, **options: Any) -> str:
    """Run kubectl and return what it printed; `body` goes to its standard input as JSON."""
    given = {} if body is None else {"input": json.dumps(body).encode()}
    return run("kubectl", *arguments, quiet=True, **given, **options)


def get(kind: str, *arguments: str, namespace: str = "ocr") -> Manifest:
    """Return objects of the namespace."""
    found = subprocess.run(
        ["kubectl", "-n", namespace, "get", kind, *arguments, "-o", "json"], check=True, capture_output=True
    )
    table: Manifest = json.loads(found.stdout)
    return table


def there(kind: str, name: str) -> bool:
    """Say whether an object is there, wherever it is."""
    return not subprocess.run(["kubectl", "get", kind, name], capture_output=True).returncode


def overlay(folder: str, *, suffix: str = "", components: tuple[str, ...] = (), patches: list[Manifest]) -> str:
    """Return a folder that changes one of ours for the test."""
    where = Path(tempfile.mkdtemp(prefix="ocr-cluster-")).resolve()

    def relative(path: Path) -> str:
        return os.path.relpath(path, where)

    table = {
        "resources": [relative(K8S / folder)],
        "components": [relative(K8S / "components" / name) for name in components],
        "nameSuffix": suffix,
        "images": [_image("ocr-service", SERVICE), _image("ocr-trainer", TRAINER)],
        "patches": [{"target": patch["target"], "patch": json.dumps(patch["operations"])} for patch in patches],
    }
    (where / "kustomization.yaml").write_text(json.dumps(table))
    return str(where)


def _image(name: str, image: str) -> dict[str, str]:
    new, _, tag = image.rpartition(":")
    return {"name": name, "newName": new, "newTag": tag}


def replace(path: str, value: Any) -> Manifest:
    """Return an operation of a patch."""
    return {"op": "replace", "path": path, "value": value}


def smaller(
    kind: str = "Deployment", where: str = "/spec/template/spec", containers: int = 1, init: int = 0
) -> Manifest:
    """Return a patch by which the containers of a pod ask for little."""
    paths = [f"{where}/containers/{i}/resources" for i in range(containers)]
    paths += [f"{where}/initContainers/{i}/resources" for i in range(init)]
    return {"target": {"kind": kind}, "operations": [replace(path, SMALL) for path in paths]}


def ended(job: str, seconds: float) -> str:
    """Wait for a Job as docs/deployment.md does, and return which of its conditions are true."""
    wait = "--for=jsonpath={.status.conditions[0].status}=True"
    kubectl("-n", "ocr", "wait", wait, f"job/{job}", f"--timeout={seconds:.0f}s")
    until("its end", lambda: _ending(job), 60)
    return _ending(job) or ""


def _ending(job: str) -> str | None:
    conditions = get("job", job)["status"].get("conditions", [])
    return next((c["type"] for c in conditions if c["type"] in ("Complete", "Failed") and c["status"] == "True"), None)


def rolled_out(seconds: float = 300) -> None:
    """Wait for the Deployment."""
    kubectl("-n", "ocr", "rollout", "status", "deployment/ocr", f"--timeout={seconds:.0f}s")


def client() -> None:
    """Start the pod that asks, in a namespace that may."""
    labels = {"ocr-client": "true", "pod-security.kubernetes.io/enforce": "restricted"}
    kubectl(
        "apply",
        "-f",
        "-",
        body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CLIENTS, "labels": labels}},
    )
    files = [
        "--from-file=cluster_client.py=tests/deploy/cluster_client.py",
        "--from-file=page.jpg=examples/receipt.jpg",
    ]
    kubectl("-n", CLIENTS, "create", "configmap", "client", *files)
    kubectl("-n", CLIENTS, "apply", "-f", "-", body=asking_pod("client"))
    kubectl("-n", CLIENTS, "wait", "--for=condition=Ready", "pod/client", "--timeout=120s")


def asking_pod(name: str) -> Manifest:
    """Return a pod that has the client's program and waits."""
    container = {
        "name": "client",
        "image": SERVICE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "100000"],
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "client", "mountPath": "/client"}],
    }
    volumes = [{"name": "client", "configMap": {"name": "client"}}]
    spec = {"securityContext": USER, "terminationGracePeriodSeconds": 1, "containers": [container], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def ask(namespace: str = CLIENTS) -> Manifest:
    """Post a page through the Service and return code and answer."""
    program = ["python", "/client/cluster_client.py", "http://ocr.ocr"]
    answer: Manifest = json.loads(kubectl("-n", namespace, "exec", "client", "--", *program))
    return answer


class Load:
    """Clients that ask while something is done to the service."""

    def __init__(self, seconds: int, clients: int = 2) -> None:
        program = ["python", "/client/cluster_client.py", "http://ocr.ocr", str(seconds), str(clients)]
        self._process = subprocess.Popen(
            ["kubectl", "-n", CLIENTS, "exec", "client", "--", *program], stdout=subprocess.PIPE
        )
        time.sleep(3)

    def outcome(self) -> Manifest:
        """Wait for the end and return what the client printed."""
        outcome: Manifest = json.loads(self._process.communicate(timeout=900)[0])
        return outcome


def define_absent() -> list[str]:
    """Define the kinds of operators that the cluster lacks, by small schemas, and return their names."""
    made = []
    for (version, kind), schema in SCHEMAS.items():
        group, _, number = version.partition("/")
        plural = kind.lower() + "s"
        name = f"{plural}.{group}"
        if there("crd", name):
            continue
        served = {
            "name": number,
            "served": True,
            "storage": True,
            "schema": {
                "openAPIV3Schema": {"type": "object", "properties": {"spec": _structural(schema["properties"]["spec"])}}
            },
        }
        names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
        spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
        body = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": spec,
        }
        kubectl("create", "-f", "-", body=body)
        made.append(name)
    for name in made:
        kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=60s")
    say(f"kinds without an operator here, defined by the tests' own schemas: {', '.join(made) or 'none'}")
    return made


def _structural(schema: Any) -> Any:
    """Return a schema as a definition may hold it: what is not named is refused anyway."""
    if isinstance(schema, list):
        return [_structural(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _structural(value) for key, value in schema.items() if (key, value) != ("additionalProperties", False)}
    if "enum" in kept and "type" not in kept:
        kept["type"] = "string"
    if kept == {"type": "object"} or (kept.get("type") == "object" and kept.get("properties") == {}):
        kept["x-kubernetes-preserve-unknown-fields"] = True
    return kept
