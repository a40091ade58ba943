"""The smoke training under several seeds: is it sure, or was it lucky?

    python tests/deploy/run_seeds.py here|image|job [--seeds 0 1 …]

`here` is `trainer smoke` of this checkout, to the served page. `image` and `job` do what compose's profile `train` and
`kubectl create -k k8s/trainer/smoke` do, to the gate and the golden page: in the trainer's image without a network, and
in the cluster of KUBECONFIG, where the volumes and the overlay stand. Seeds are added to that of the configurations.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cluster import TRAINER, ended, kubectl, overlay, replace
from engine import ROOT, say

RUNS = "runs"
STEPS = (
    ("train", "configs/smoke/det-teacher.toml", "det"),
    ("train", "configs/smoke/rec-plain.toml", "rec"),
)
SEED = 1
"""Of the configurations."""


def here(seed: int) -> str:
    """Train, publish and serve by this checkout; return what the service reads."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "smoke", "--seed", str(seed)], cwd=ROOT, capture_output=True, text=True
    )
    return _last(done)


def image(seed: int) -> str:
    """Train and publish in the image, as user 10001, with nothing to write to but the folders that are its own."""
    with tempfile.TemporaryDirectory() as name:
        folders = {"/work/runs": Path(name, "runs"), "/models": Path(name, "models")}
        mounts = [part for target, path in folders.items() for part in ("--volume", f"{path}:{target}")]
        for path in folders.values():
            path.mkdir()
            path.chmod(0o777)
        confined = ("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", *mounts)
        for arguments in (*_trainings(seed, RUNS), _publishing(RUNS)):
            done = subprocess.run(["docker", "run", *confined, TRAINER, *arguments], capture_output=True, text=True)
            if done.returncode:
                break
        # What user 10001 made is not this user's to delete.
        clean = ("--entrypoint", "find", TRAINER, *folders, "-mindepth", "1", "-delete")
        subprocess.run(["docker", "run", "--rm", *mounts, *clean], check=True, capture_output=True)
    return _last(done)


def job(seed: int) -> str:
    """Run the Job of k8s/trainer/smoke with another seed."""
    name = f"ocr-train-smoke-{seed}"
    runs = f"{RUNS}/$(RUN)"
    # A name of its own: the gate lets none pass that is worse than the one before it, and these are strangers.
    arguments = (*_trainings(seed, runs), [*_publishing(runs), "--set", f"name=smoke-{seed}"])
    containers = zip(("initContainers/0", "initContainers/1", "containers/0"), arguments, strict=True)
    operations = [replace(f"/spec/template/spec/{path}/args", args) for path, args in containers]
    patches = [{"target": {"kind": "Job"}, "operations": operations}]
    kubectl("create", "-k", overlay("trainer/smoke", suffix=f"-{seed}", patches=patches))
    how = ended(name, 3600)
    logs = ("logs", f"job/{name}", "--all-containers", "--tail=5")
    lines = kubectl("-n", "ocr", *logs, check=False).splitlines()  # of containers that never ran there are none
    pods = kubectl("-n", "ocr", "get", "pods", "-l", f"batch.kubernetes.io/job-name={name}", "-o", "wide")
    kubectl("-n", "ocr", "delete", "job", name)
    if how == "Complete":
        return next(line for line in lines if line.startswith("published"))
    print("\n".join(lines), pods, sep="\n")
    return ""


def main() -> None:
    """Run each seed, and say how many were good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", choices=("here", "image", "job"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    args = parser.parse_args()
    good = 0
    for seed in args.seeds:
        begun = time.monotonic()
        found = {"here": here, "image": image, "job": job}[args.where](seed)
        good += bool(found)
        say(f"seed {seed}: {found or 'FAILED'}, {time.monotonic() - begun:.0f} s")
    say(f"{good} of {len(args.seeds)} good, {args.where}")
    sys.exit(good < len(args.seeds))


def _trainings(seed: int, runs: str) -> list[list[str]]:
    return [[*step[:2], "--out", f"{runs}/{step[2]}", "--set", f"seed={SEED + seed}"] for step in STEPS]


def _publishing(runs: str) -> list[str]:
    return ["publish", "configs/smoke/publish.toml", "--runs", runs, "--store", "/models"]


def _last(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        print((done.stdout + done.stderr)[-2000:])
        return ""
    return done.stdout.strip().splitlines()[-1].strip()


if __name__ == "__main__":
    main()
