"""The sbatch script of a run: a pure function of what was asked for."""

import dataclasses
import shlex
from collections.abc import Sequence

from exit_codes import PREEMPTED, PROCESS_LOST


@dataclasses.dataclass(frozen=True)
class Job:
    """What is asked of SLURM.

    Attributes:
        command: the words that every process runs.
        sweep: for an array job, the words that each of its tasks adds to the command.
        working_directory: absolute, on every node.
        log_directory: absolute; SLURM makes no directories.
        gpus_per_node: shared out evenly among the processes of a node; a multiple of `tasks_per_node`.
        cpus_per_task, memory, time, partition, account: None leaves the site's default.
        signal_before: seconds before the time limit at which the processes are told to save and end.
        max_requeues: how often a run that was stopped, or lost a process, goes into the queue again.
        at_once: how many tasks of an array may run at the same time.
        setup: lines of shell before the run, such as `module load cuda`.
        sbatch: further options as `#SBATCH` lines take them.
    """

    command: Sequence[str]
    working_directory: str
    log_directory: str
    name: str = "spectrax"
    nodes: int = 1
    tasks_per_node: int = 1
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    memory: str | None = None
    time: str | None = None
    partition: str | None = None
    account: str | None = None
    signal_before: int = 120
    max_requeues: int = 10
    sweep: Sequence[Sequence[str]] = ()
    at_once: int | None = None
    setup: Sequence[str] = ()
    sbatch: Sequence[str] = ()


def script(job: Job) -> str:
    """The whole script, ready for `sbatch`."""
    blocks = [
        "\n".join(["#!/bin/bash", "# Written by launch/slurm.py", *(f"#SBATCH {option}" for option in options(job))]),
        "\n".join(job.setup),
        "export PYTHONUNBUFFERED=1  # so that lines reach the log as they are printed",
        _command(job),
        _names(job),
        _run(job),
        _ending(job),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def options(job: Job) -> list[str]:
    """The options of the `#SBATCH` lines."""
    values = {
        "job-name": job.name,
        "nodes": job.nodes,
        "ntasks-per-node": job.tasks_per_node,
        "gpus-per-node": job.gpus_per_node,
        "cpus-per-task": job.cpus_per_task,
        "mem": job.memory,
        "time": job.time,
        "partition": job.partition,
        "account": job.account,
        # To the processes, not to this script ("B:"): srun would end them when it is signalled itself.
        "signal": f"TERM@{job.signal_before}",
        "open-mode": "append",
        "chdir": job.working_directory,
        # A % in the path would be taken for one of SLURM's patterns.
        "output": f"{job.log_directory.replace('%', '%%')}/{'%A_%a' if job.sweep else '%j'}.log",
        "array": _array(job),
    }
    given = [f"--{name}={shlex.quote(str(value))}" for name, value in values.items() if value is not None]
    return [*given, "--requeue", *job.sbatch]


def _array(job: Job) -> str | None:
    if not job.sweep:
        return None
    return f"0-{len(job.sweep) - 1}" + (f"%{job.at_once}" if job.at_once else "")


def _command(job: Job) -> str:
    if not job.sweep:
        return f"command=({shlex.join(job.command)})"
    cases = [f"  {index}) overrides=({shlex.join(words)}) ;;" for index, words in enumerate(job.sweep)]
    return "\n".join(
        [
            'case "$SLURM_ARRAY_TASK_ID" in',
            *cases,
            "esac",
            f'command=({shlex.join(job.command)} "${{overrides[@]}}")',
        ]
    )


def _names(job: Job) -> str:
    # The job id of an array's last task is that of the whole array, which must not be requeued with it.
    name = "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" if job.sweep else "$SLURM_JOB_ID"
    return f"""job={name}
restarts=${{SLURM_RESTART_COUNT:-0}}
say() {{ echo "[slurm] $(date +%FT%T) $*"; }}
say "job $job on $SLURM_JOB_NODELIST, restart $restarts: ${{command[*]}}\""""


def _run(job: Job) -> str:
    # Since SLURM 22.05 srun takes no note of what sbatch was told about CPUs.
    cpus = f" --cpus-per-task={job.cpus_per_task}" if job.cpus_per_task is not None else ""
    return f"""\
# srun returns the highest exit code, which may be that of a process that it ended because another one failed.
# So each process runs under a shell that notes its exit code if it is the first that is not zero.
# {PROCESS_LOST} only says that another process failed: the code of that one has time to come first.
first={shlex.quote(job.log_directory)}/.$job.$restarts.code
process='trap : TERM{_local_devices(job)}
"${{@:2}}"; code=$?
[ "$code" != {PROCESS_LOST} ] || sleep 1
[ "$code" = 0 ] || (set -o noclobber; echo "$code" >"$1") 2>/dev/null
[ "$code" = {PREEMPTED} ] && [ -s "$1" ] && exit 0  # the others are about to end too: srun must not hurry them
exit "$code"'
trap : TERM  # SIGTERM is for the training, which saves and ends; the shells wait for it
srun --kill-on-bad-exit=1 --wait=0 --label{cpus} bash -c "$process" process "$first" "${{command[@]}}"
code=$?
[ -s "$first" ] && read -r code <"$first"
rm -f "$first\""""


def _local_devices(job: Job) -> str:
    """The GPUs of each process: under SLURM, JAX by itself takes one, however few processes there are."""
    if job.gpus_per_node is None:
        return ""
    each = job.gpus_per_node // job.tasks_per_node
    return (
        f"\nexport JAX_LOCAL_DEVICE_IDS=$(seq -s, $((SLURM_LOCALID * {each})) $((SLURM_LOCALID * {each} + {each - 1})))"
    )


def _ending(job: Job) -> str:
    return f"""if [ "$code" -gt 128 ] && [ "$code" != 130 ]; then
  say "a process was lost (exit code $code)"
  code={PROCESS_LOST}
fi
if [ "$code" = {PREEMPTED} ] || [ "$code" = {PROCESS_LOST} ]; then
  if [[ $(scontrol --oneliner show job "$job") != *JobState=RUNNING* ]]; then
    # Cancelled, or past its time: requeued it would come back. What SLURM preempts it requeues itself.
    say "SLURM is ending the job: not requeued"
  elif [ "$restarts" -ge {job.max_requeues} ]; then
    say "requeued {job.max_requeues} times already: submit again to continue"
  else
    say "exit code $code: requeued, $((restarts + 1)) of {job.max_requeues}"
    scontrol requeue "$job" && exit "$code"
  fi
fi
say "ended with exit code $code"
exit "$code\""""
