"""Make a TPU slice, and run a training command on all its workers.

    python launch/tpu_pod.py up my-pod --zone us-west4-a --accelerator v5litepod-16 --spot --queued \\
        --bucket gs://my-bucket/runs -- python -m spectrax.train +experiment=svt_imagenet

`up` does it all: it makes the slice if it is not there, runs the command, continues the run on a new slice when this
one is taken away, and deletes the slice when the run has succeeded. `create`, `run`, `status`, `logs`, `stop` and
`delete` are its parts. With --dry-run each prints the commands it would run.

With --bucket the directory runs/ of the machines is that folder, so that the same command continues the same run on any
slice; gs://BUCKET in the command is reached too. A run outlives its connection: the same command shows it again.

Exit codes: 0 done; 75 stopped after saving and 76 a process or the slice was lost (the same command continues the run);
2 something has to be changed, or the config is wrong; otherwise the code of the process that failed first.
"""

import argparse
import re
import sys

import buckets
import tpu_dry_run
import tpu_verbs
from command_words import arguments_and_command, count_or_zero, seconds
from programs import guarded
from tpu_commands import Pod
from tpu_slices import GENERATIONS

_COMMAND = "[options] -- COMMAND ..."


def main(words: list[str] | None = None) -> int:
    """Parse the command line and run it."""
    words, command = arguments_and_command(sys.argv[1:] if words is None else words)
    options = _parser().parse_args(words)
    options.command = buckets.as_directories(command)
    options.buckets = buckets.named(command, getattr(options, "bucket", None))
    options.pod = Pod(options.name, options.zone, options.project, getattr(options, "queued", False))
    return guarded(lambda: getattr(tpu_dry_run if options.dry_run else tpu_verbs, options.verb)(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launch/tpu_pod.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    slice_options, run_options, queued, poll = _slice_options(), _run_options(), _queued_option(), _poll_option()
    for verb, parents, text in (
        ("up", [slice_options, queued, run_options, poll], "make a slice, run a command to its end, delete the slice"),
        ("create", [slice_options, queued, poll], "make a slice, and wait until it is ready"),
        ("run", [run_options, poll], "run a command on a slice that is there"),
        ("status", [], "state of the slice and of the run"),
        ("logs", [], "what the latest run wrote"),
        ("stop", [], "tell the run to save and end"),
        ("delete", [queued], "end the run, which saves, and delete the slice"),
    ):
        usage = f"%(prog)s NAME {_COMMAND}" if run_options in parents else None
        added = verbs.add_parser(verb, parents=[*parents, _shared_options()], help=text, description=text, usage=usage)
        if verb == "up":
            added.add_argument("--keep", action="store_true", help="do not delete the slice when the run has succeeded")
        if verb == "logs":
            added.add_argument("--worker", default="0", metavar="N", help="of which worker: 1, 0-3 or all (default 0)")
            added.add_argument("--follow", action="store_true", help="until the run ends")
    return parser


def _shared_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("name", metavar="NAME", type=_name, help="name of the slice")
    options.add_argument("--zone", required=True, metavar="ZONE", help="such as us-west4-a")
    options.add_argument("--project", metavar="ID", help="(default: that of gcloud's configuration)")
    options.add_argument("--dry-run", action="store_true", help="print the commands, run nothing")
    return options


def _poll_option() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--poll", type=seconds, default=30.0, metavar="SECONDS", help="between two looks at the slice (default 30)"
    )
    return options


def _slice_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--accelerator", metavar="TYPE", help="accelerator type, such as v5litepod-16; or instead:")
    options.add_argument("--type", choices=sorted(GENERATIONS), help="generation, with --topology")
    options.add_argument("--topology", metavar="AxB", help="such as 4x4, or 2x2x2 for v4 and v5p")
    options.add_argument("--version", metavar="NAME", help="version of the machines' software (default: by generation)")
    options.add_argument("--spot", action="store_true", help="cheaper, and taken away when others need it")
    options.add_argument("--valid-for", metavar="TIME", help="with --queued: wait at most so long, such as 6h")
    options.add_argument(
        "--option", action="append", default=[], metavar="OPTION", help="another of gcloud's: --option=--network=lab"
    )
    return options


def _queued_option() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--queued", action="store_true", help="a queued resource: waits until there is room")
    return options


def _run_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--bucket", type=buckets.folder, metavar="gs://BUCKET/PATH", help="the folder that runs/ is on the machines"
    )
    options.add_argument(
        "--copy",
        action="append",
        default=[],
        metavar="PATH",
        help="a file or directory of yours that the command needs",
    )
    options.add_argument(
        "--restarts",
        type=count_or_zero,
        default=10,
        metavar="N",
        help="continue up to N times what was stopped or lost (default 10)",
    )
    return options


def _name(word: str) -> str:
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", word):
        raise argparse.ArgumentTypeError(f"{word!r} is no name: lower-case letters, digits and dashes, a letter first")
    return word


if __name__ == "__main__":
    raise SystemExit(main())
