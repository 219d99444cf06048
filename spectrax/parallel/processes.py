"""Several processes as one run: how they find each other, and how they part. Every process runs the same program on its
own devices.
"""

import contextlib
import dataclasses
import glob
import importlib.util
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import jax
from jax.errors import JaxRuntimeError

from spectrax.core.errors import ConfigError, ProcessLost

# What the launcher of a run on this machine says to each process, and JAX's own names for it.
_ADDRESS, _COUNT, _INDEX = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
# Words by which a collective operation says that its other end is gone (Gloo, NCCL, JAX's coordination service).
_LOST = ("gloo", "nccl", "connection closed by peer", "connection reset", "coordination", "heartbeat", "barrier")
_PARTING = 10.0  # seconds that a process which ends waits for the others to end too


@dataclasses.dataclass(frozen=True)
class Processes:
    """The processes of a run.

    The first of these that is there says how many they are and where process 0 listens: the arguments; the variables
    JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID; a SLURM step of several tasks; a TPU machine, whose
    metadata or GKE's variables say it. Otherwise this process is alone.

    Attributes:
        coordinator: host:port of process 0.
        count: of processes.
        index: of this one.
        timeout: seconds to wait for the others at the start.
        heartbeat: seconds without a sign of life after which a process counts as lost, and the others end.
    """

    coordinator: str | None = None
    count: int | None = None
    index: int | None = None
    timeout: int = 300
    heartbeat: int = 60

    def __post_init__(self) -> None:
        given = (self.coordinator, self.count, self.index)
        if any(value is None for value in given) and any(value is not None for value in given):
            raise ConfigError("processes: coordinator, count and index go together: set all three, or none of them.")
        if self.timeout < 1 or self.heartbeat < 1:
            raise ConfigError(f"processes.timeout={self.timeout} and heartbeat={self.heartbeat} are at least 1 second.")

    def join(self) -> None:
        """Meet the others, before the first computation; at once where this process is alone.

        Raises:
            ConfigError: when the place of this process makes no sense.
            ProcessLost: when the others cannot be reached in time.
        """
        place = self._place()
        if place is None or jax.distributed.is_initialized():
            return
        # A signal is this program's to handle, see `training.preemption`; JAX would take it for itself.
        jax.config.update("jax_enable_preemption_service", False)
        # A CPU device may begin a program while another runs, and two that do not wait for each other's results, such
        # as those of two batches of an evaluation, would mix up what they send to the other processes. The inputs
        # have to be there, too, see `layout`.
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        with _giving_up(self.timeout, place.get("coordinator_address", "the address that the cluster names")):
            if place.get("process_id"):
                self._await_listener(place["coordinator_address"])
            try:
                jax.distributed.initialize(
                    **place,
                    initialization_timeout=self.timeout + 60,
                    heartbeat_timeout_seconds=self.heartbeat,
                    shutdown_timeout_seconds=self.heartbeat,
                )
            except (RuntimeError, ValueError) as error:
                if isinstance(error, JaxRuntimeError):
                    raise
                raise ConfigError(
                    f"This process cannot join others ({error}). Start it as a command of its own, say its place with "
                    "processes.*, or set JAX_PLATFORMS=cpu or cuda where there is no TPU."
                ) from error

    def _place(self) -> dict[str, Any] | None:
        """Arguments of `jax.distributed.initialize`; None for a process that is alone."""
        if self.coordinator is not None:
            return _checked(self.coordinator, str(self.count), str(self.index), "processes")
        if os.environ.get(_ADDRESS) and os.environ.get(_COUNT):
            return _checked(os.environ[_ADDRESS], os.environ[_COUNT], os.environ.get(_INDEX, ""), "the environment")
        if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
            return {"cluster_detection_method": "slurm"}
        return {} if _on_tpu() else None

    def _await_listener(self, address: str) -> None:
        """Return when process 0 listens: JAX itself would give no word of where it tries to connect."""
        host, port = address.rsplit(":", 1)
        end, reason = time.monotonic() + self.timeout, "no answer"
        while time.monotonic() < end:
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=min(5, self.timeout)).close()
                return
            except OSError as error:
                reason = error.strerror or str(error)
            time.sleep(0.2)
        raise ProcessLost(
            f"Process 0 could not be reached at {address} within {self.timeout} s ({reason}). See that it runs there "
            "and that nothing between bars the port, or wait longer with processes.timeout=SECONDS."
        )


def end_if_another_is_lost(error: BaseException) -> None:
    """End this process with a sentence, if the error is what an operation raises whose other end is gone.

    At once: whatever else would be closed on the way out waits for the others, and JAX aborts when they stay away.
    """
    gone = isinstance(error, JaxRuntimeError | TimeoutError)  # Orbax makes the latter of JAX's
    if gone and jax.process_count() > 1 and any(word in str(error).lower() for word in _LOST):
        reason = str(error).splitlines()[0][:200]
        _end(
            f"Another process of this run is gone ({reason}). What was saved is intact: start all processes again with "
            "the same command to continue."
        )


def part(code: int) -> None:
    """Leave the other processes, when everything is said; `code` is what this process ends with.

    Together, if they end too. A process that knows that another is lost, or whose others do not come to an end, does
    not wait: JAX would, for long, and abort.
    """
    if not jax.distributed.is_initialized() or jax.process_count() == 1:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if code == ProcessLost.exit_code:
        os._exit(code)
    timer = threading.Timer(_PARTING, os._exit, (code,))
    timer.daemon = True
    timer.start()
    jax.distributed.shutdown()
    timer.cancel()


@contextlib.contextmanager
def _giving_up(seconds: float, where: str) -> Iterator[None]:
    """Ends this process with a sentence when what is inside takes longer; JAX would end it with a stack of C++."""

    text = (
        f"The processes of this run did not meet at {where} within {seconds} s. See that all of them were started and "
        "reach that address, or wait longer with processes.timeout=SECONDS."
    )
    timer = threading.Timer(seconds + 1, _end, (text,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(text: str) -> None:
    sys.stdout.flush()
    print(f"error: {text}", file=sys.stderr, flush=True)
    os._exit(ProcessLost.exit_code)


def _checked(address: str, count: str, index: str, source: str) -> dict[str, Any]:
    known = count.isdigit() and index.isdigit() and int(index) < int(count) and address.rpartition(":")[2].isdigit()
    if not known or ":" not in address:
        raise ConfigError(
            f"The place of this process, as {source} says it, makes no sense: process {index or '(none)'} of {count} "
            f"with process 0 at {address}. Give host:port, a count, and an index below it."
        )
    return {"coordinator_address": address, "num_processes": int(count), "process_id": int(index)}


def _on_tpu() -> bool:
    chosen = os.environ.get("JAX_PLATFORMS", "")
    if chosen and "tpu" not in chosen:
        return False
    there = glob.glob("/dev/accel[0-9]*") or glob.glob("/dev/vfio/[0-9]*")
    return bool(there) and importlib.util.find_spec("libtpu") is not None
