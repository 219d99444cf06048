"""Submit a training command to SLURM, and look after it.

    python launch/slurm.py submit --nodes 2 --gpus-per-node 4 --time 24:00:00 -- python -m spectrax.train seed=1
    python launch/slurm.py status [JOBID]
    python launch/slurm.py logs JOBID [--follow]
    python launch/slurm.py cancel JOBID

Before the time limit the run saves and goes into the queue again, where it continues; so does a run that was stopped by
SIGTERM or lost a process. `submit --help` lists what can be asked for. Exit code 2: the message says what to change.
"""

import argparse
import re
import shlex
import shutil
import sys
import time
from dataclasses import fields
from pathlib import Path

from command_words import arguments_and_command, count, count_or_zero
from programs import Mistake, call, guarded
from slurm_jobs import cancel, logs, status
from slurm_records import Record, default_directory, new_directory, write_text
from slurm_script import Job, script
from sweep import combinations

_END = "END_OF_SCRIPT"


def main() -> int:
    """Parse the command line and run it."""
    words, command = arguments_and_command(sys.argv[1:])
    options = _parser().parse_args(words)
    options.command = command
    options.records = options.records.expanduser().absolute()
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    try:
        return options.run(options)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = error.filename or options.records
        raise Mistake(f"{where}: {error.strerror}. Name another directory with --records.") from error


def submit(options: argparse.Namespace) -> int:
    """Write the script and hand it to sbatch; return at once.

    Raises:
        Mistake: the options do not fit together, or sbatch is not there or refuses.
        OSError: the directory of the record cannot be written.
    """
    directory = new_directory(options.records, options.name)
    job, path = job_of(options, directory), directory / "job.sh"
    if options.dry_run:
        print(f"mkdir -p {shlex.quote(str(directory))}")
        print(f"cat >{shlex.quote(str(path))} <<'{_END}'\n{script(job)}{_END}")
        print(f"sbatch --parsable {shlex.quote(str(path))}")
        return 0
    write_text(path, script(job))
    try:
        number = call(["sbatch", "--parsable", str(path)]).split()[-1].split(";")[0]
    except Mistake:
        shutil.rmtree(directory)
        raise
    sweep = [list(words) for words in job.sweep]
    record = Record(number, job.name, time.strftime("%FT%T"), list(job.command), sweep, directory)
    record.save()
    array = f", an array of {len(sweep)} runs" if sweep else ""
    print(f"Submitted job {number}{array}; nodes: {job.nodes}, processes on each: {job.tasks_per_node}.")
    print(f"Its log will be {record.log(record.tasks()[0])}; to read along:")
    print(f"python launch/slurm.py logs {record.tasks()[0]} --follow")
    return 0


def job_of(options: argparse.Namespace, directory: Path) -> Job:
    """What the options ask for; raises `Mistake`."""
    if not options.command:
        raise Mistake("Give the command after --, such as: -- python -m spectrax.train +experiment=svt_digits")
    try:
        sweep = combinations(options.sweep)
    except ValueError as error:
        raise Mistake(str(error)) from error
    shared = next((word for word in options.command if word.startswith("run_dir=") and "${" not in word), None)
    if len(sweep) > 1 and shared:
        raise Mistake(
            f"Several runs of the sweep would share {shared}. Leave it out (each then has its own below runs/), "
            "or name what differs in it, such as 'run_dir=out/seed${seed}'."
        )
    if (options.gpus_per_node or 0) % options.tasks_per_node:
        raise Mistake(
            f"--gpus-per-node {options.gpus_per_node} cannot be shared out evenly among --tasks-per-node "
            f"{options.tasks_per_node}. Ask for as many processes as GPUs, or for one."
        )
    asked = {field.name: getattr(options, field.name) for field in fields(Job) if hasattr(options, field.name)}
    places = {"working_directory": str(Path.cwd()), "log_directory": str(directory)}
    return Job(**{**asked, **places, "sweep": sweep})


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--dry-run", action="store_true", help="print what would be done, as shell commands")
    shared.add_argument(
        "--records",
        type=Path,
        default=default_directory(),
        metavar="DIR",
        help="where scripts, logs and records are kept; all nodes must see it (default %(default)s)",
    )
    parser = argparse.ArgumentParser(
        prog="launch/slurm.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_submit(commands, shared)
    for name, run, text in (
        ("status", status, "states of the newest jobs, or of one"),
        ("logs", logs, "print what a job wrote"),
        ("cancel", cancel, "end a job for good; its processes have the site's KillWait (usually 30 s) to save"),
    ):
        command = commands.add_parser(name, parents=[shared], help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("job", metavar="JOBID", nargs="?" if name == "status" else None, type=_job)
        if name == "logs":
            command.add_argument("--follow", action="store_true", help="until the job has left the queue")
    return parser


def _add_submit(commands: "argparse._SubParsersAction", shared: argparse.ArgumentParser) -> None:
    text = "write a job's script and submit it"
    command = commands.add_parser(
        "submit", parents=[shared], help=text, description=text, usage="%(prog)s [options] -- COMMAND ..."
    )
    command.set_defaults(run=submit)
    command.add_argument("--nodes", type=count, default=1, metavar="N")
    command.add_argument(
        "--tasks-per-node", type=count, default=1, metavar="N", help="processes on each node (default 1)"
    )
    command.add_argument(
        "--gpus-per-node", type=count, metavar="N", help="shared out evenly among the processes of the node"
    )
    command.add_argument("--cpus-per-task", type=count, metavar="N", help="CPUs of each process")
    command.add_argument("--mem", dest="memory", metavar="SIZE", help="memory on each node, such as 64G")
    command.add_argument("--time", type=_time, metavar="HH:MM:SS", help="time limit of one stay on the nodes")
    command.add_argument("--partition", metavar="NAME")
    command.add_argument("--account", metavar="NAME")
    command.add_argument("--job-name", dest="name", default="spectrax", metavar="NAME")
    command.add_argument(
        "--signal-before",
        type=count,
        default=120,
        metavar="SECONDS",
        help="save this long before the time limit (default 120; SLURM may be up to 60 s early)",
    )
    command.add_argument(
        "--max-requeues",
        type=count_or_zero,
        default=10,
        metavar="N",
        help="go into the queue again up to N times (default 10)",
    )
    command.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="KEY=VALUE,VALUE",
        help="an array job with one run for each value; given several times, for each combination",
    )
    command.add_argument("--at-once", type=count, metavar="N", help="of a sweep run at most N at the same time")
    command.add_argument(
        "--setup", action="append", default=[], metavar="LINE", help="shell before the run: 'module load cuda'"
    )
    command.add_argument(
        "--sbatch", action="append", default=[], metavar="OPTION", help="any other: --sbatch=--constraint=a100"
    )


def _job(word: str) -> str:
    if not re.fullmatch(r"\d+(_\d+)?", word):
        raise argparse.ArgumentTypeError(f"{word!r} is no job id such as 1234, or 1234_5 in an array")
    return word


def _time(word: str) -> str:
    if not re.fullmatch(r"(\d+-)?\d{1,3}:\d\d:\d\d", word):
        raise argparse.ArgumentTypeError(f"{word!r} is no time such as 24:00:00, or 2-12:00:00 with days")
    return word


if __name__ == "__main__":
    raise SystemExit(main())
