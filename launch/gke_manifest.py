"""The JobSet of a run on TPU slices of Google Kubernetes Engine: a pure function of what was asked for."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from buckets import MOUNT_OPTIONS, Folder
from exit_codes import PREEMPTED
from tpu_slices import Slice

CONTAINER = "train"
SLICE = "slice"  # the replicated job; its jobs are NAME-slice-0, NAME-slice-1 ...
_FINAL = (2, 3, 4, 5)  # exit codes after which starting again gives the same: config, data, loss, checkpoint
_MEGASCALE_PORT = 8080  # between slices; libtpu takes it by itself
_TPU_PORT = 8471  # between the hosts of a slice


@dataclasses.dataclass(frozen=True)
class Run:
    """What is asked of the cluster.

    Attributes:
        slice: of which kind every slice is.
        slices: how many.
        command: the words that every host runs.
        max_restarts: how often the whole is started again after a crash.
        runs: the folder that runs/ is in the working directory.
        buckets: further ones, each at /gcs/BUCKET.
        grace: seconds to save in, after SIGTERM.
        variables: of the environment.
    """

    name: str
    slice: Slice
    image: str
    command: Sequence[str]
    slices: int = 1
    max_restarts: int = 10
    namespace: str | None = None
    service_account: str | None = None
    spot: bool = False
    runs: Folder | None = None
    buckets: Sequence[str] = ()
    working_directory: str = "/workspace"
    grace: int = 300
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


def manifest(run: Run) -> dict[str, Any]:
    """The JobSet, as kubectl takes it."""
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {
            "name": run.name,
            **({"namespace": run.namespace} if run.namespace else {}),
            # One slice is one node pool, and each job of the set has one for itself.
            "annotations": {"alpha.jobset.sigs.k8s.io/exclusive-topology": "cloud.google.com/gke-nodepool"},
        },
        "spec": {
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "failurePolicy": _failure_policy(run),
            "replicatedJobs": [{"name": SLICE, "replicas": run.slices, "template": {"spec": _job(run)}}],
        },
    }


def _failure_policy(run: Run) -> dict[str, Any]:
    """What happens to the set when a job has failed; what no rule is for is started again, `max_restarts` times."""
    # The job controller names the rule of its pod failure policy in the message.
    return {
        "maxRestarts": run.max_restarts,
        "rules": [
            {
                "name": "startingAgainGivesTheSame",
                "action": "FailJobSet",
                "onJobFailureReasons": ["PodFailurePolicy"],
                "onJobFailureMessagePatterns": ["rule at index 0$"],
            },
            {
                "name": "stoppedAfterSavingOrDisrupted",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
                "onJobFailureMessagePatterns": ["rule at index [12]$"],
            },
        ],
    }


def _job(run: Run) -> dict[str, Any]:
    """One slice: a pod on each of its hosts, all started and ended together."""
    return {
        "parallelism": run.slice.hosts,
        "completions": run.slice.hosts,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        "podFailurePolicy": {
            "rules": [
                _on_exit_codes(_FINAL),
                _on_exit_codes((PREEMPTED,)),
                {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": _pod(run),
    }


def _on_exit_codes(codes: Sequence[int]) -> dict[str, Any]:
    return {
        "action": "FailJob",
        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": list(codes)},
    }


def _pod(run: Run) -> dict[str, Any]:
    selector = {
        "cloud.google.com/gke-tpu-accelerator": run.slice.generation.label,
        "cloud.google.com/gke-tpu-topology": run.slice.topology,
    }
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": run.grace,
        "nodeSelector": selector,
    }
    if run.spot:
        selector["cloud.google.com/gke-spot"] = "true"
        spot = {"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
        spec["tolerations"] = [spot]
    if run.service_account:
        spec["serviceAccountName"] = run.service_account
    volumes = _volumes(run)
    spec["containers"] = [_container(run, {volume["name"]: path for path, volume in volumes.items()})]
    spec["volumes"] = list(volumes.values())
    mounted = {"metadata": {"annotations": {"gke-gcsfuse/volumes": "true"}}} if run.runs or run.buckets else {}
    return {**mounted, "spec": spec}


def _container(run: Run, paths: Mapping[str, str]) -> dict[str, Any]:
    chips = {"google.com/tpu": run.slice.chips_per_host}
    return {
        "name": CONTAINER,
        "image": run.image,
        "command": list(run.command),
        **({"workingDir": run.working_directory} if run.runs else {}),
        "env": _environment(run),
        "ports": [{"containerPort": _TPU_PORT}, {"containerPort": _MEGASCALE_PORT}],
        "resources": {"requests": chips, "limits": dict(chips)},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in paths.items()],
    }


def _environment(run: Run) -> list[dict[str, Any]]:
    """Beyond what GKE sets by itself for the hosts of a slice (TPU_WORKER_ID, TPU_WORKER_HOSTNAMES)."""
    variables = [{"name": name, "value": value} for name, value in {"PYTHONUNBUFFERED": "1", **run.variables}.items()]
    if run.slice.hosts == 1:
        # Not every version of GKE sets them where there is one host; without them JAX does not know that it is alone.
        variables += [{"name": "TPU_WORKER_ID", "value": "0"}, {"name": "TPU_WORKER_HOSTNAMES", "value": "localhost"}]
    if run.slices > 1:
        index = {"fieldRef": {"fieldPath": "metadata.labels['jobset.sigs.k8s.io/job-index']"}}
        variables += [
            {"name": "MEGASCALE_NUM_SLICES", "value": str(run.slices)},
            {"name": "MEGASCALE_SLICE_ID", "valueFrom": index},
            {"name": "MEGASCALE_COORDINATOR_ADDRESS", "value": f"{run.name}-{SLICE}-0-0.{run.name}"},
        ]
    return variables


def _volumes(run: Run) -> dict[str, dict[str, Any]]:
    """By the path at which the container sees them."""
    # The loader's processes hand batches on in shared memory, of which a container has 64 MB by itself.
    volumes: dict[str, dict[str, Any]] = {"/dev/shm": {"name": "shared-memory", "emptyDir": {"medium": "Memory"}}}
    if run.runs:
        volumes[f"{run.working_directory}/runs"] = _bucket("runs", run.runs)
    for number, bucket in enumerate(run.buckets):
        volumes[f"/gcs/{bucket}"] = _bucket(f"bucket-{number}", Folder(bucket))
    return volumes


def _bucket(name: str, folder: Folder) -> dict[str, Any]:
    options = [*MOUNT_OPTIONS, *([f"only-dir={folder.path}"] if folder.path else [])]
    attributes = {"bucketName": folder.bucket, "mountOptions": ",".join(options)}
    return {"name": name, "csi": {"driver": "gcsfuse.csi.storage.gke.io", "volumeAttributes": attributes}}
