"""Stores of the S3 protocol on the cluster: the service takes its model from one, a Job reads the files of another."""

from __future__ import annotations

import json

from cluster import (
    CLIENTS,
    CONFINED,
    S3_IMAGE,
    SMALL,
    Manifest,
    asking_pod,
    ended,
    get,
    kubectl,
    overlay,
    replace,
    rolled_out,
    smaller,
)
from cluster_serving import served
from engine import say, until

FILES = 24
IN_BUCKET = """
import json, sys, fsspec
files = fsspec.filesystem("s3")
bucket, count = sys.argv[1], int(sys.argv[2])
if count:
    files.makedirs(bucket, exist_ok=True)
    for number in range(count):
        files.put_file("/client/page.jpg", f"{bucket}/in/{number:02}.jpg")
print(json.dumps([name for name in files.find(f"{bucket}/out") if name.endswith(".jpg.jsonl")]))
"""


def bucket() -> None:
    """Serve from a store of the S3 protocol."""
    keys = {"AWS_ACCESS_KEY_ID": "ocr-models", "AWS_SECRET_ACCESS_KEY": "ocr-models-secret"}
    container = {"name": "s3", "image": S3_IMAGE, "imagePullPolicy": "IfNotPresent", "securityContext": CONFINED}
    container |= {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    pod = asking_pod("s3")
    pod["metadata"]["labels"] = {"app": "s3"}
    pod["spec"] |= {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    kubectl("-n", CLIENTS, "apply", "-f", "-", body=pod)
    kubectl("-n", CLIENTS, "expose", "pod", "s3", "--port=443", "--target-port=9000")
    kubectl("-n", CLIENTS, "wait", "--for=condition=Ready", "pod/s3", "--timeout=120s")
    secret = [f"--from-literal={name}={value}" for name, value in keys.items()]
    kubectl("-n", "ocr", "create", "secret", "generic", "ocr-s3", *secret)
    endpoint = _add("/data/AWS_ENDPOINT_URL", f"http://s3.{CLIENTS}:443")
    patches = [smaller(init=1), {"target": {"kind": "ConfigMap", "name": "ocr-s3"}, "operations": [endpoint]}]
    # Another overlay than the one with the volume, so from nothing.
    kubectl("-n", "ocr", "delete", "deployment", "ocr")
    kubectl("apply", "-k", overlay("overlays/cpu", components=("store-s3",), patches=patches))
    rolled_out()
    seeded = kubectl("-n", "ocr", "logs", "deployment/ocr", "-c", "seed").splitlines()[-1]
    model = served()
    say(f"store-s3: {seeded!r}; pages are read by {model['name']}@{model['version']} out of the bucket")


def bulk() -> None:
    """Read the pages of a bucket by shards, lose a pod, and apply the Job again when it is done."""
    endpoint = f"http://s3.{CLIENTS}:443"
    keys = ("AWS_ACCESS_KEY_ID=ocr-models", "AWS_SECRET_ACCESS_KEY=ocr-models-secret")
    settings = [*keys, f"AWS_ENDPOINT_URL={endpoint}", "AWS_REGION=us-east-1", "HOME=/tmp"]

    def outputs(put: int = 0) -> list[str]:
        program = ["env", *settings, "python", "-c", IN_BUCKET, "ocr-scans", str(put)]
        read: list[str] = json.loads(kubectl("-n", CLIENTS, "exec", "client", "--", *program))
        return read

    assert outputs(FILES) == []
    kubectl("-n", "ocr", "create", "secret", "generic", "ocr-bulk", *(f"--from-literal={key}" for key in keys))
    shards = [replace(f"/spec/{key}", 2) for key in ("completions", "parallelism")]
    shards += [replace("/spec/template/spec/containers/0/env/0/value", "2")]
    shards += [replace("/spec/template/spec/containers/0/resources", SMALL)]
    patches = [{"target": {"kind": "Job"}, "operations": shards}]
    patches += [{"target": {"kind": "ConfigMap"}, "operations": [_add("/data/AWS_ENDPOINT_URL", endpoint)]}]
    folder = overlay("bulk", patches=patches)
    kubectl("apply", "-k", folder)
    job = "ocr-bulk"
    lost = until("an output", lambda: _one_of(job) if outputs() else None, 300)
    kubectl("-n", "ocr", "delete", "pod", lost, "--force", "--grace-period=0")
    assert ended(job, 600) == "Complete"
    assert len(outputs()) == FILES
    kubectl("-n", "ocr", "delete", "job", job)
    kubectl("apply", "-k", folder)
    assert ended(job, 300) == "Complete"
    log = kubectl("-n", "ocr", "logs", "-l", f"batch.kubernetes.io/job-name={job}", "--tail=1").splitlines()
    say(f"k8s/bulk: {FILES} pages of a bucket by two shards, {lost} deleted: Complete; applied again: {log}")


def _add(path: str, value: str) -> Manifest:
    return {"op": "add", "path": path, "value": value}


def _one_of(job: str) -> str | None:
    pods = get("pods", "-l", f"batch.kubernetes.io/job-name={job}")["items"]
    return next((pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"), None)
