"""What the options of `tpu_pod.py` come to, for its verbs and for their dry runs."""

import argparse
import os
import shlex
from pathlib import Path

from programs import Mistake
from tpu_commands import DIRECTORY, Request, packing, preparations
from tpu_slices import by_accelerator, by_topology, require_compact

_REPOSITORY = Path(__file__).absolute().parents[1]


def preparing(options: argparse.Namespace) -> list[list[str]]:
    """The commands that put Spectrax and the buckets on all workers."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = cache / "spectrax" / "tpu_pod" / options.name / DIRECTORY
    calls = preparations(options.command, options.buckets, options.bucket)
    packed = packing(directory, _REPOSITORY, options.copy)
    return [*packed, options.pod.copy(directory), options.pod.on_workers(*calls)]


def request(options: argparse.Namespace) -> Request:
    """What --accelerator, or --type and --topology, ask for; raises `Mistake`."""
    if bool(options.accelerator) == bool(options.topology) or bool(options.type) != bool(options.topology):
        raise Mistake("Give either --accelerator, such as v5litepod-16, or --type and --topology, such as v5e and 4x4.")
    if options.valid_for and not options.queued:
        raise Mistake("--valid-for is for the queue: give --queued too.")
    asked = by_accelerator(options.accelerator) if options.accelerator else by_topology(options.type, options.topology)
    require_compact(asked)
    runtime = options.version or asked.generation.runtime
    return Request(asked.accelerator, runtime, options.spot, options.valid_for, options.option)


def log(options: argparse.Namespace) -> list[str]:
    """The command that prints a log."""
    return options.pod.on_workers(["logs", *(["--follow"] if options.follow else [])], workers=options.worker)


def again(verb: str, options: argparse.Namespace) -> str:
    """How this launcher is called for another verb."""
    project = ["--project", options.project] if options.project else []
    queued = ["--queued"] if options.pod.queued else []
    words = ["python", "launch/tpu_pod.py", verb, options.name, "--zone", options.zone, *project, *queued]
    return shlex.join(words)
