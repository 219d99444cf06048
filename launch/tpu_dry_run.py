"""The commands that `tpu_pod.py` would run, as lines for a shell; a function for each of its verbs."""

import argparse
import shlex

import buckets
import tpu_plan
from tpu_commands import attempt


def create(options: argparse.Namespace) -> int:
    """The commands of `create`."""
    _print(f"Create {options.name}:", options.pod.create(tpu_plan.request(options)))
    if options.pod.queued:
        _print("In the queue until this says ACTIVE:", options.pod.request_state())
    _print("Ready when this says READY:", options.pod.state())
    return 0


def run(options: argparse.Namespace) -> int:
    """The commands of `run`."""
    _reach(options)
    _copy_and_run(options)
    return 0


def up(options: argparse.Namespace) -> int:
    """The commands of `create` and of `run`, which begin anew on a new slice when this one is taken away."""
    _reach(options)
    create(options)
    _copy_and_run(options)
    if not options.keep:
        _print("When it has succeeded:", options.pod.delete())
    return 0


def status(options: argparse.Namespace) -> int:
    """The commands of `status`."""
    _print("State of the slice, and of the run:", options.pod.state(), options.pod.on_workers(["status"]))
    return 0


def logs(options: argparse.Namespace) -> int:
    """The command of `logs`."""
    _print("Log:", tpu_plan.log(options))
    return 0


def stop(options: argparse.Namespace) -> int:
    """The command of `stop`."""
    _print("Save and end:", options.pod.on_workers(["stop"]))
    return 0


def delete(options: argparse.Namespace) -> int:
    """The commands of `delete`."""
    stop(options)
    _print("Delete:", options.pod.delete())
    return 0


def _reach(options: argparse.Namespace) -> None:
    for bucket in options.buckets:
        _print(f"Can gs://{bucket} be reached?", buckets.listing(bucket))


def _copy_and_run(options: argparse.Namespace) -> None:
    _print("Copy Spectrax to all workers, and install it there:", *tpu_plan.preparing(options))
    _print(
        f"Run; again after exit code 75 or 76, up to {options.restarts} times:",
        options.pod.on_workers(attempt(options.command)),
    )


def _print(comment: str, *commands: list[str]) -> None:
    print(f"# {comment}")
    for words in commands:
        print(shlex.join(words))
