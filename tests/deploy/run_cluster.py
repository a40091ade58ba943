"""`make cluster-test`: applies the manifests to the cluster that KUBECONFIG names, and uses them as people would.

Its nodes have the images of the service, the trainer and a store (`SERVICE_IMAGE`, `TRAINER_IMAGE`, `S3_IMAGE`), and it
gives volumes of ReadWriteOnce. A cluster that has a namespace `ocr` is left alone. What cannot be seen there, it says.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cluster_serving as serving
import cluster_stores as stores
import cluster_training as training
from cluster import CLIENTS, define_absent, get, kubectl, there
from engine import say


def main() -> None:
    if there("namespace", "ocr") or there("namespace", CLIENTS):
        sys.exit(f"the cluster has a namespace ocr or {CLIENTS}: what is there is not this test's to change")
    version = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    nodes = get("nodes")["items"]
    say(f"Kubernetes {version}, {len(nodes)} node(s) of {nodes[0]['status']['capacity']['cpu']} cores")
    made: list[str] = []
    try:
        serving.reads()
        begun = training.smoke()
        serving.under_load("restarted", 60, serving.restart)
        serving.under_load("a pod of two evicted", 90, serving.evict)
        serving.wrong_model()
        training.indexed()
        made = define_absent()
        serving.components()
        training.smoke_served(begun)
        serving.keeps_what_was_set()
        training.shut_gate()
        training.by_hand()
        stores.bucket()
        stores.bulk()
        serving.unseen()
        serving.remains()
    finally:
        for name in made:
            kubectl("delete", "crd", name, check=False)
        with contextlib.suppress(subprocess.CalledProcessError):
            kubectl("delete", "namespace", "ocr", CLIENTS, f"{CLIENTS}-strange", "--ignore-not-found", check=False)
    say("cluster-test: good")


if __name__ == "__main__":
    main()
