"""Schemas of the custom resources that we use, as far as we use them; kubernetes-validate knows built-in kinds only."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
STRINGS: Schema = {"type": "object", "additionalProperties": STRING}
DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h|d))+$"}


def table(required: str = "", **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def rows(item: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": item}


def resource(version: str, kind: str, spec: Schema) -> Schema:
    metadata = table("name namespace", name=STRING, namespace=STRING, labels=STRINGS, annotations=STRINGS)
    return table(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


_SERVICE_MONITOR = table(
    "selector endpoints",
    selector=table("matchLabels", matchLabels=STRINGS),
    endpoints=rows(table("port", port=STRING, path=STRING, interval=DURATION, scrapeTimeout=DURATION)),
)
_RULE = table("alert expr", alert=STRING, expr=STRING, labels=STRINGS, annotations=STRINGS, **{"for": DURATION})
_PROMETHEUS_RULE = table("groups", groups=rows(table("name rules", name=STRING, rules=rows(_RULE))))
_TRIGGER = table("type metadata", type={"enum": ["prometheus", "cpu", "memory"]}, metadata=STRINGS)
_POLICY = table("type value periodSeconds", type={"enum": ["Pods", "Percent"]}, value=COUNT, periodSeconds=COUNT)
_SCALING = table(stabilizationWindowSeconds=COUNT, policies=rows(_POLICY))
_SCALED_OBJECT = table(
    "scaleTargetRef triggers",
    scaleTargetRef=table("name", name=STRING, kind=STRING, apiVersion=STRING),
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    pollingInterval=COUNT,
    fallback=table(
        "failureThreshold replicas",
        failureThreshold=COUNT,
        replicas=COUNT,
        behavior={"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]},
    ),
    advanced=table(
        horizontalPodAutoscalerConfig=table(name=STRING, behavior=table(scaleUp=_SCALING, scaleDown=_SCALING)),
    ),
    triggers=rows(_TRIGGER),
)
_TRAIN_JOB = table(
    "runtimeRef trainer",
    runtimeRef=table("apiGroup kind name", apiGroup=STRING, kind=STRING, name=STRING),
    trainer=table(
        "numNodes image command args",
        numNodes=COUNT,
        numProcPerNode=COUNT,
        image=STRING,
        command=rows(STRING),
        args=rows(STRING),
    ),
)
_JOB_TEMPLATE = table("spec", metadata=table(labels=STRINGS), spec={"type": "object"})
_TRAINING_RUNTIME = table(
    "mlPolicy template",
    mlPolicy=table("numNodes torch", numNodes=COUNT, torch={"type": "object"}),
    template=table(
        "spec",
        spec=table("replicatedJobs", replicatedJobs=rows(table("name template", name=STRING, template=_JOB_TEMPLATE))),
    ),
)

SCHEMAS: dict[tuple[str, str], Schema] = {
    (version, kind): resource(version, kind, spec)
    for version, kind, spec in (
        ("monitoring.coreos.com/v1", "ServiceMonitor", _SERVICE_MONITOR),
        ("monitoring.coreos.com/v1", "PrometheusRule", _PROMETHEUS_RULE),
        ("keda.sh/v1alpha1", "ScaledObject", _SCALED_OBJECT),
        ("trainer.kubeflow.org/v1alpha1", "TrainJob", _TRAIN_JOB),
        ("trainer.kubeflow.org/v1alpha1", "TrainingRuntime", _TRAINING_RUNTIME),
    )
}
"""By apiVersion and kind."""
