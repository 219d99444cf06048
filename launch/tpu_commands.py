"""The commands of gcloud for one TPU slice, and the words that they run on its workers."""

import dataclasses
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from buckets import Folder

WORKER = "tpu_worker.sh"
DIRECTORY = "spectrax"  # in the home directory of every worker
_ALIVE = "-o ServerAliveInterval=30 -o ServerAliveCountMax=4"  # without an answer for two minutes it is lost


@dataclasses.dataclass(frozen=True)
class Request:
    """What a slice is made with.

    Attributes:
        accelerator: accelerator type, such as v5litepod-16.
        runtime: version of the machines' software.
        spot: cheaper, and taken away when others need it.
        valid_for: how long to wait in the queue at most, such as 6h; None: without end.
        options: further ones of gcloud's `create`.
    """

    accelerator: str
    runtime: str
    spot: bool = False
    valid_for: str | None = None
    options: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Pod:
    """A TPU slice by its name; the methods give words of gcloud commands.

    Attributes:
        queued: whether it was asked for in the queue, where a request of the same name stays.
    """

    name: str
    zone: str
    project: str | None = None
    queued: bool = False

    def create(self, request: Request) -> list[str]:
        """Returns when the slice is there, or when the request is in the queue."""
        spot = ["--spot"] if request.spot else []
        if not self.queued:
            what = [f"--accelerator-type={request.accelerator}", f"--version={request.runtime}"]
            return self._tpus("tpu-vm", "create", self.name, *what, *spot, *request.options)
        what = [f"--accelerator-type={request.accelerator}", f"--runtime-version={request.runtime}"]
        until = [f"--valid-until-duration={request.valid_for}"] if request.valid_for else []
        words = [f"--node-id={self.name}", *what, *spot, *until, *request.options]
        return self._tpus("queued-resources", "create", self.name, *words)

    def state(self) -> list[str]:
        """Prints READY, CREATING, PREEMPTED ..."""
        return self._tpus("tpu-vm", "describe", self.name, "--format=value(state)")

    def request_state(self) -> list[str]:
        """Prints what became of the request in the queue: WAITING_FOR_RESOURCES, ACTIVE, SUSPENDED ..."""
        return self._tpus("queued-resources", "describe", self.name, "--format=value(state.state)")

    def delete(self) -> list[str]:
        """Deletes the slice, and its request if it was queued."""
        if self.queued:
            return self._tpus("queued-resources", "delete", self.name, "--force", "--quiet")
        return self._tpus("tpu-vm", "delete", self.name, "--quiet")

    def copy(self, directory: Path) -> list[str]:
        """Copies a directory into the home directory of every worker."""
        return self._tpus("tpu-vm", "scp", "--recurse", str(directory), f"{self.name}:", "--worker=all", "--quiet")

    def on_workers(self, *calls: Sequence[str], workers: str = "all") -> list[str]:
        """Calls `tpu_worker.sh` on the workers, once for each list of words, until one fails."""
        command = " && ".join(shlex.join(["bash", f"{DIRECTORY}/{WORKER}", *words]) for words in calls)
        words = [f"--worker={workers}", f"--ssh-flag={_ALIVE}", "--quiet", f"--command={command}"]
        return self._tpus("tpu-vm", "ssh", self.name, *words)

    def _tpus(self, kind: str, verb: str, *words: str) -> list[str]:
        project = [f"--project={self.project}"] if self.project else []
        return ["gcloud", "compute", "tpus", kind, verb, *words, f"--zone={self.zone}", *project]


def preparations(command: Sequence[str], buckets: Sequence[str], runs: Folder | None) -> list[list[str]]:
    """What every worker does before it runs a command, as calls of `tpu_worker.sh`."""
    mounting = [["mount_buckets", *buckets]] if buckets else []
    return [["expect", *command], ["install"], *mounting, *([["keep_runs", runs.directory]] if runs else [])]


def attempt(command: Sequence[str]) -> list[str]:
    """The call of `tpu_worker.sh` that runs a command.

    gcloud repeats what it was to do when a connection breaks; the number tells the workers that it is the same attempt.
    """
    return ["run", str(time.time_ns() // 1_000_000), *command]


def packing(directory: Path, repository: Path, extra: Sequence[str]) -> list[list[str]]:
    """Commands that fill a directory with what every worker needs.

    Args:
        extra: the user's own files and directories.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    files = [str(repository / "launch" / WORKER), *extra]
    return [
        ["rm", "-rf", str(directory)],
        ["mkdir", "-p", str(directory)],
        [*pip, f"--wheel-dir={directory}", str(repository)],
        ["cp", "-R", *files, str(directory)],
    ]
