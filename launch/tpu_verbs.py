"""What `tpu_pod.py` does, verb by verb; each returns the exit code."""

import argparse
import contextlib
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import buckets
import tpu_life
import tpu_plan
from programs import Mistake, Refused, show
from tpu_run import keep_running


def create(options: argparse.Namespace) -> int:
    """Make the slice, or wait for it in the queue; return when it is ready."""
    request = tpu_plan.request(options)
    with _cost_told(options):
        tpu_life.make(options.pod, request, options.poll)
    print(f"{options.name} is ready. It costs until it is deleted: {tpu_plan.again('delete', options)}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Run the command on a slice that is there."""
    _check(options)
    tpu_life.require_ready(options.pod)
    return _run(options, lambda: _prepare(options), remakes=False)


def up(options: argparse.Namespace) -> int:
    """Make the slice, run the command until it has succeeded, and delete the slice."""
    request = tpu_plan.request(options)
    _check(options)

    def make_and_prepare() -> None:
        tpu_life.make(options.pod, request, options.poll)
        _prepare(options)

    with _cost_told(options):
        code = _run(options, make_and_prepare, remakes=True)
        if code == 0 and not options.keep:
            show(options.pod.delete())
            return code
    print(f"{options.name} is left as it is, and costs until it is deleted: {tpu_plan.again('delete', options)}")
    return code


def status(options: argparse.Namespace) -> int:
    """State of the slice, and what became of the command on each worker."""
    found = tpu_life.state(options.pod)
    print(f"{options.name}: {found or 'not there'}", flush=True)
    if found == tpu_life.READY:
        show(options.pod.on_workers(["status"]))
    return 0


def logs(options: argparse.Namespace) -> int:
    """What the latest command wrote."""
    tpu_life.require_ready(options.pod)
    show(tpu_plan.log(options))
    return 0


def delete(options: argparse.Namespace) -> int:
    """End the command, which saves, and delete the slice."""
    tpu_life.delete(options.pod)
    return 0


def stop(options: argparse.Namespace) -> int:
    """Tell the command to save and end, and wait for that."""
    tpu_life.require_ready(options.pod)
    show(options.pod.on_workers(["stop"]))
    return 0


def _check(options: argparse.Namespace) -> None:
    """What can be known before anything is made."""
    if not options.command:
        raise Mistake("Give the command after --, such as: -- python -m spectrax.train +experiment=svt_imagenet")
    if missing := [path for path in options.copy if not Path(path).exists()]:
        raise Mistake(f"{missing[0]}, which --copy names, is not here.")
    buckets.check(options.buckets)


@contextlib.contextmanager
def _cost_told(options: argparse.Namespace) -> Iterator[None]:
    """What ends early, by a mistake or by Ctrl-C, may leave a slice that nobody thinks of."""
    try:
        yield
    except (Mistake, KeyboardInterrupt):
        delete_it = tpu_plan.again("delete", options)
        print(f"If {options.name} was made, it costs until it is deleted: {delete_it}", file=sys.stderr, flush=True)
        raise


def _run(options: argparse.Namespace, prepare: Callable[[], None], remakes: bool) -> int:
    prepare()
    return keep_running(options.pod, options.command, options.restarts, options.poll, prepare, remakes)


def _prepare(options: argparse.Namespace) -> None:
    print("Copying Spectrax to all workers and installing it.", flush=True)
    for words in tpu_plan.preparing(options):
        if words[0] == "gcloud":
            show(words)
        elif subprocess.run(words).returncode:
            raise Refused(f"What the workers need could not be put together: {shlex.join(words)}")
