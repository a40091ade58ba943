"""`make docker-test-indexed`: runs the Job of k8s/trainer/indexed in containers, and plays the Job's controller.

Each container has the command, the environment, the names and the confinement of its pod. A pod is killed, then one is
told to stop as a node that is drained would tell it; each time the controller's rules (podFailurePolicy) decide what
the exit codes mean, all pods are started again, and training must go on from the checkpoint.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from engine import docker, say, until
from manifests import K8S, render

STEPS = 60
SMALL = [f"schedule.steps={STEPS}", "schedule.warmup=5", "data.batch=4", "data.group=2"]
SMALL += ["compute.threads=1", "compute.workers=0", "compute.save_every=5", "compute.log_every=5"]


class Job:
    """The Job, with its pods as containers."""

    def __init__(self, image: str) -> None:
        self.image = image
        manifest = next(m for m in render(K8S / "trainer/indexed") if m["kind"] == "Job")
        self.name: str = manifest["metadata"]["name"]
        self.spec: dict[str, Any] = manifest["spec"]
        self.pod: dict[str, Any] = self.spec["template"]["spec"]
        self.network = f"{self.name}-{os.getpid()}"
        self.containers: list[str] = []
        docker("network", "create", self.network)
        docker("volume", "create", self.network)

    def start(self) -> None:
        """Create a pod for each index."""
        self.containers = [self._create(index) for index in range(self.spec["completions"])]

    def _create(self, index: int) -> str:
        container = self.pod["containers"][0]
        host = f"{self.name}-{index}"
        fields = {
            "metadata.labels['batch.kubernetes.io/job-name']": self.name,
            "metadata.annotations['batch.kubernetes.io/job-completion-index']": str(index),
        }
        env = {e["name"]: e.get("value") or fields[e["valueFrom"]["fieldRef"]["fieldPath"]] for e in container["env"]}
        env = {name: value.replace("$(RUN)", env["RUN"]) for name, value in env.items()}
        env["JOB_COMPLETION_INDEX"] = str(index)
        arguments = [argument.replace("$(RUN)", env["RUN"]) for argument in container["args"]]
        # The smallest recipe in place of the real one; all else is the Job's.
        arguments[1] = "configs/smoke/rec-plain.toml"
        arguments += [part for option in SMALL for part in ("--set", option)]
        program, *rest = container["command"]
        limits = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp"]
        limits += ["--user", str(self.pod["securityContext"]["runAsUser"])]
        names = ["--network", self.network, "--hostname", host, "--network-alias", f"{host}.{self.pod['subdomain']}"]
        volumes = ["--volume", f"{self.network}:/work/runs"]
        settings = [part for name, value in env.items() for part in ("--env", f"{name}={value}")]
        command = ["run", "--detach", *limits, *names, *volumes, *settings]
        return docker(*command, "--entrypoint", program, self.image, *rest, *arguments)

    def steps(self) -> list[int]:
        """Return the steps that the first pod has logged."""
        rows = [
            line for line in docker("logs", self.containers[0]).splitlines() if line.startswith('{"event": "train"')
        ]
        return [json.loads(row)["step"] for row in rows]

    def finish(self) -> list[str]:
        """Wait for all pods and return what the policy makes of each."""
        codes = [int(docker("wait", container)) for container in self.containers]
        return [f"{code} {self.verdict(code)}" for code in codes]

    def verdict(self, code: int) -> str:
        """Return the action of the first rule for an exit code."""
        if code == 0:
            return "Complete"
        for rule in self.spec["podFailurePolicy"]["rules"]:
            if code in rule.get("onExitCodes", {}).get("values", []):
                return str(rule["action"])
        return "Count"

    def remove(self) -> None:
        """Remove the pods."""
        for container in self.containers:
            docker("rm", "--force", container)
        self.containers = []

    def close(self) -> None:
        """Remove everything."""
        self.remove()
        docker("volume", "rm", self.network)
        docker("network", "rm", self.network)


def interrupted(job: Job, index: int, signal: str, after: int) -> int:
    """Start the pods, signal one of them when so many steps are logged, and return the last step logged."""
    job.start()
    until(f"step {after}", lambda: True if job.steps()[-1:] >= [after] else _alive(job), 600)
    docker("kill", "--signal", signal, job.containers[index])
    verdicts = job.finish()
    first, last = job.steps()[0], job.steps()[-1]
    say(f"steps {first} to {last}, then SIG{signal} to pod {index}: exit codes {', '.join(verdicts)}")
    assert "Complete" not in str(verdicts)
    assert "FailJob" not in str(verdicts)
    if signal == "TERM":
        assert set(verdicts) == {"75 Ignore"}, docker("logs", job.containers[1 - index])[-3000:]
    job.remove()
    return last


def _alive(job: Job) -> None:
    for container in job.containers:
        assert docker("inspect", "--format", "{{.State.Running}}", container) == "true", docker("logs", container)


def main() -> None:
    job = Job(sys.argv[1] if len(sys.argv) > 1 else "ocr-trainer:0.1.0-cpu")
    try:
        killed = interrupted(job, 1, "KILL", after=10)
        stopped = interrupted(job, 0, "TERM", after=killed + 10)
        job.start()
        verdicts = job.finish()
        steps = job.steps()
        say(f"started again: steps {steps[0]} to {steps[-1]}, exit codes {', '.join(verdicts)}")
        assert stopped <= steps[0] <= stopped + 5
        assert steps[-1] == STEPS
        assert set(verdicts) == {"0 Complete"}, docker("logs", job.containers[0])[-3000:]
    finally:
        job.close()


if __name__ == "__main__":
    main()
