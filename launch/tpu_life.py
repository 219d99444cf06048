"""A TPU slice from its creation to its end, as gcloud tells it."""

import subprocess
import time

from programs import Mistake, Refused, call, show
from tpu_commands import Pod, Request

READY = "READY"
_TAKEN = ("PREEMPTED", "TERMINATED")
GONE = (None, *_TAKEN)  # only a new slice helps
_COMING = ("CREATING", "STARTING", "RESTARTING", "REIMAGING", "REPAIRING", "UNHIDING")
_QUEUED = ("CREATING", "ACCEPTED", "WAITING_FOR_RESOURCES", "PROVISIONING")  # of a request in the queue
_GRANTED = "ACTIVE"
_PATIENCE = 120  # looks that may fail, one after the other, before the slice is given up


def state(pod: Pod) -> str | None:
    """State of the slice, None if there is none; raises `Mistake` where gcloud cannot tell."""
    return _ask(pod.state())


def is_gone(pod: Pod) -> bool:
    """Whether the slice was taken away; False where gcloud cannot tell now, as when the network is away."""
    try:
        return state(pod) in GONE
    except Mistake:
        return False


def settled(pod: Pod, poll: float) -> str | None:
    """State of the slice when it is a lasting one, and gcloud can tell it.

    Raises:
        Mistake: gcloud cannot tell, time and again.
    """
    for left in reversed(range(_PATIENCE)):
        try:
            found = state(pod)
        except Mistake:
            if not left:
                raise
        else:
            if found not in _COMING:
                return found
        time.sleep(poll)
    return found


def require_ready(pod: Pod) -> None:
    """Raise `Mistake` unless the slice is ready."""
    found = state(pod)
    if found != READY:
        raise Mistake(
            f"The slice {pod.name} in {pod.zone} is {found or 'not there'}. Make it with `create`, or use `up`, "
            "which does that by itself."
        )


def make(pod: Pod, request: Request, poll: float) -> None:
    """Return when the slice is ready; what was taken away before is deleted, and what is there is used.

    Args:
        poll: seconds between two looks.

    Raises:
        Mistake: it cannot be made.
    """
    found = state(pod)
    asked = _ask(pod.request_state()) if pod.queued else None
    if found in _TAKEN or asked not in (None, *_QUEUED, _GRANTED):
        print(f"{pod.name} is {found or asked}: deleted, to make it again.", flush=True)
        show(pod.delete())
        found = asked = None
    if found is None and asked is None:
        _create(pod, request)
    if found is None and pod.queued:
        _wait_in_queue(pod, poll)
    _wait_for_ready(pod, poll)


def delete(pod: Pod) -> None:
    """End the run that is on the slice, which saves, and delete the slice."""
    if state(pod) == READY:
        # Where it cannot be told to end it is deleted all the same: a slice that is forgotten costs.
        subprocess.run(pod.on_workers(["stop"]), stdin=subprocess.DEVNULL)
    show(pod.delete())


def _create(pod: Pod, request: Request) -> None:
    print(f"Creating {pod.name} ({request.accelerator}, {request.runtime}{', spot' * request.spot}).", flush=True)
    try:
        show(pod.create(request))
    except Refused as error:
        queue = "" if pod.queued else " Where there is no room now, --queued waits for it."
        raise Mistake(f"{pod.name} was not created: {error}{queue}") from None


def _wait_in_queue(pod: Pod, poll: float) -> None:
    told = None
    while (found := _ask(pod.request_state())) in _QUEUED:
        if found != told:
            print(f"The request is {found}.", flush=True)
            told = found
        time.sleep(poll)
    if found != _GRANTED:
        raise Mistake(f"The request in the queue was not granted, it is {found or 'gone'}. Run the same command again.")


def _wait_for_ready(pod: Pod, poll: float) -> None:
    while (found := state(pod)) in _COMING:
        time.sleep(poll)
    if found != READY:
        start = f" Start it: gcloud compute tpus tpu-vm start {pod.name} --zone={pod.zone}" * (found == "STOPPED")
        raise Mistake(f"The slice {pod.name} is {found or 'not there'}.{start}")


def _ask(words: list[str]) -> str | None:
    try:
        return call(words).strip()
    except Refused as error:
        if "NOT_FOUND" in str(error):
            return None
        raise
