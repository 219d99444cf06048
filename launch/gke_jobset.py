"""Run a training command on TPU slices of Google Kubernetes Engine, as a JobSet.

    python launch/gke_jobset.py submit my-run --type v5e --topology 4x4 --image IMAGE --bucket gs://my-bucket/runs \\
        --service-account trainer -- python -m spectrax.train +experiment=svt_imagenet
    python launch/gke_jobset.py status my-run
    python launch/gke_jobset.py logs my-run --follow
    python launch/gke_jobset.py delete my-run

`manifest` prints what `submit` creates. The image holds Spectrax with the extra `tpu`. The cluster starts the run again
when it was stopped after saving or lost a machine, and gives it up at once when its config, data, loss or checkpoint
are wrong. With --bucket the directory runs/ is that folder, so that the run is continued; gs://BUCKET in the command is
reached too. Exit code 2: the message says what to change.
"""

import argparse
import re
import shlex
import shutil
import sys

import buckets
from command_words import arguments_and_command, count, count_or_zero
from gke_manifest import CONTAINER, SLICE, Run, manifest
from programs import Mistake, Refused, call, guarded, show
from tpu_slices import GENERATIONS, by_topology
from yaml_text import dump

_END = "END_OF_MANIFEST"
_JOBSETS = "jobsets.jobset.x-k8s.io"
_LABEL = "jobset.sigs.k8s.io/jobset-name"


def main(words: list[str] | None = None) -> int:
    """Parse the command line and run it."""
    words, command = arguments_and_command(sys.argv[1:] if words is None else words)
    options = _parser().parse_args(words)
    options.command = command
    return guarded(lambda: options.run(options) or 0)


def print_manifest(options: argparse.Namespace) -> None:
    """The manifest as YAML."""
    print(dump(manifest(run_of(options))), end="")


def submit(options: argparse.Namespace) -> None:
    """Create the JobSet.

    Raises:
        Mistake: the options do not fit together, a bucket cannot be reached, or kubectl is not there or refuses.
    """
    run = run_of(options)
    text = dump(manifest(run))
    words = ["kubectl", "create", "--filename=-", *_namespace(options)]
    if options.dry_run:
        print(f"{shlex.join(words)} <<'{_END}'\n{text}{_END}")
        return
    if shutil.which("gcloud"):  # the cluster, not this machine, has to reach them: no gcloud, no check
        buckets.check(buckets.named(options.command, run.runs))
    try:
        print(call(words, given=text), end="")
    except Refused as error:
        raise Mistake(f"{error} {_advice(str(error), run.name)}".strip()) from None
    reading = ["python", "launch/gke_jobset.py", "logs", run.name, "--follow", *_namespace(options)]
    print(f"To read along: {shlex.join(reading)}")


def status(options: argparse.Namespace) -> None:
    """The set and its pods."""
    pods = ["kubectl", "get", "pods", f"--selector={_LABEL}={options.name}", "--output=wide"]
    _do(options, ["kubectl", "get", _JOBSETS, options.name], pods)


def logs(options: argparse.Namespace) -> None:
    """What the first host of the first slice wrote, which speaks for all; or all of them."""
    selected = [f"{_LABEL}={options.name}"]
    if not options.all:
        selected += ["jobset.sigs.k8s.io/job-index=0", "batch.kubernetes.io/job-completion-index=0"]
    words = [f"--selector={','.join(selected)}", f"--container={CONTAINER}", "--tail=-1"]
    follow = ["--follow"] if options.follow else []
    each = ["--prefix", "--max-log-requests=10000"] if options.all else []
    _do(options, ["kubectl", "logs", *words, *follow, *each])


def delete(options: argparse.Namespace) -> None:
    """End the run, which saves, and delete the set."""
    _do(options, ["kubectl", "delete", _JOBSETS, options.name])


def run_of(options: argparse.Namespace) -> Run:
    """What the options ask for; raises `Mistake`."""
    if not options.command:
        raise Mistake("Give the command after --, such as: -- python -m spectrax.train +experiment=svt_imagenet")
    asked = by_topology(options.type, options.topology)
    if options.slices > 1 and asked.hosts == 1:
        raise Mistake(
            f"Several slices have to be of several hosts each; {asked.topology} is one. Use a larger topology."
        )
    longest = f"{options.name}-{SLICE}-{options.slices - 1}-{asked.hosts - 1}-abcde"
    if len(longest) > 63:
        raise Mistake(
            f"The name {options.name} is {len(longest) - 63} letters too long: its pods' names have at most 63."
        )
    return Run(
        name=options.name,
        slice=asked,
        image=options.image,
        command=buckets.as_directories(options.command),
        slices=options.slices,
        max_restarts=options.max_restarts,
        namespace=options.namespace,
        service_account=options.service_account,
        spot=options.spot,
        runs=options.bucket,
        buckets=buckets.named(options.command),
        working_directory=options.working_directory.rstrip("/"),
        grace=options.grace,
        variables=dict(options.env),
    )


def _advice(complaint: str, name: str) -> str:
    """What to do about a manifest that the cluster does not take."""
    if "already exists" in complaint:
        return f"Delete {name} first, or give another name."
    if "no matches for kind" in complaint or "unknown field" in complaint:
        return "The cluster needs JobSet 0.10 or later: https://jobset.sigs.k8s.io/docs/installation"
    return ""


def _do(options: argparse.Namespace, *commands: list[str]) -> None:
    for words in commands:
        words = [*words, *_namespace(options)]
        if options.dry_run:
            print(shlex.join(words))
        else:
            show(words)


def _namespace(options: argparse.Namespace) -> list[str]:
    return [f"--namespace={options.namespace}"] if options.namespace else []


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("name", metavar="NAME", type=_name, help="name of the JobSet")
    shared.add_argument("--namespace", metavar="NAME", help="(default: that of kubectl's context)")
    shared.add_argument("--dry-run", action="store_true", help="print the commands, run nothing")
    parser = argparse.ArgumentParser(
        prog="launch/gke_jobset.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, run, text in (
        ("manifest", print_manifest, "print the manifest"),
        ("submit", submit, "create the JobSet"),
        ("status", status, "the JobSet and its pods"),
        ("logs", logs, "what the run wrote"),
        ("delete", delete, "end the run, which saves, and delete the JobSet"),
    ):
        asks = run in (print_manifest, submit)
        usage = "%(prog)s NAME [options] -- COMMAND ..." if asks else None
        added = verbs.add_parser(verb, parents=[shared], help=text, description=text, usage=usage)
        added.set_defaults(run=run)
        if asks:
            _add_run_options(added)
        if run is logs:
            added.add_argument("--follow", action="store_true", help="until the run ends")
            added.add_argument("--all", action="store_true", help="of all hosts, each line behind its pod's name")
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", required=True, choices=sorted(GENERATIONS), help="generation of the TPUs")
    parser.add_argument("--topology", required=True, metavar="AxB", help="such as 4x4, or 2x2x2 for v4 and v5p")
    parser.add_argument("--image", required=True, metavar="IMAGE", help="container image with Spectrax in it")
    parser.add_argument("--slices", type=count, default=1, metavar="N", help="connected by the network (default 1)")
    parser.add_argument(
        "--max-restarts",
        type=count_or_zero,
        default=10,
        metavar="N",
        help="after crashes; what was stopped or disrupted is always continued (default 10)",
    )
    parser.add_argument(
        "--bucket", type=buckets.folder, metavar="gs://BUCKET/PATH", help="the folder that runs/ is in the container"
    )
    parser.add_argument(
        "--working-directory",
        type=_directory,
        default="/workspace",
        metavar="PATH",
        help="with --bucket (default %(default)s)",
    )
    parser.add_argument("--service-account", metavar="NAME", help="the Kubernetes one that may use the buckets")
    parser.add_argument("--spot", action="store_true", help="nodes that are cheaper, and taken away at times")
    parser.add_argument("--env", type=_variable, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--grace", type=count, default=300, metavar="SECONDS", help="to save in when the run is stopped (default 300)"
    )


def _name(word: str) -> str:
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", word):
        raise argparse.ArgumentTypeError(f"{word!r} is no name: lower-case letters, digits and dashes, a letter first")
    return word


def _directory(word: str) -> str:
    if not word.startswith("/"):
        raise argparse.ArgumentTypeError(f"{word!r} is no absolute path")
    return word


def _variable(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"{word!r} is not of the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    raise SystemExit(main())
