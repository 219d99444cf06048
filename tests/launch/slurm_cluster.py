"""A SLURM cluster of one node on this machine, for tests: its own munged, slurmctld and slurmd, all on loopback.

Everything it needs is in one directory; nothing of the machine's own SLURM is read or changed.
"""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from launchers import call

COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
KILL_WAIT = 3  # seconds between SIGTERM and SIGKILL
_CPUS = 4  # told, not counted: two jobs of two processes run at the same time
_GPUS = 4
_PATIENCE = 30.0
_CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={daemon_port}
AuthType=auth/munge
# A requeued job may start when the credential of its last start has expired; five seconds are the least.
AuthInfo=socket={directory}/munge.socket,cred_expire=5
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
MailProg=/bin/true
# Without cgroups and systemd.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MpiDefault=none
KillWait={kill_wait}
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """What keeps the cluster from being started here, or None."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    absent = [name for name in COMMANDS if not shutil.which(name, path=path)]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian: slurm-wlm)"
    return None if os.geteuid() == 0 else "slurmd needs root"


@contextlib.contextmanager
def running():
    """Environment in which SLURM's commands speak to a cluster that is up."""
    # Not below pytest's directory: munged wants its socket where everybody may go.
    directory = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    environment = _prepare(directory)
    with contextlib.ExitStack() as daemons:
        daemons.callback(shutil.rmtree, directory, ignore_errors=True)
        munge = [f"--{name}-file={directory}/munge{end}" for name, end in _MUNGE_FILES.items()]

        def start(*words):
            daemons.enter_context(_daemon(words, environment, directory))

        start("munged", "--foreground", f"--socket={directory}/munge.socket", "--num-threads=1", *munge)
        _wait(lambda: (directory / "munge.socket").exists(), directory)
        start("slurmctld", "-D")
        start("slurmd", "-D")
        _wait(lambda: _answer(["sinfo", "--noheader", "--format=%t"], environment) == "idle", directory)
        daemons.callback(_end_jobs, environment)
        yield environment


class Cluster:
    """Jobs of one test, submitted from a directory of its own.

    Attributes:
        environment: in which SLURM's commands speak to the cluster.
        directory: where the jobs run.
    """

    def __init__(self, environment, directory):
        self.environment, self.directory = environment, directory

    def launch(self, command, *words):
        """What `launch/slurm.py` prints."""
        records = ["--records", self.directory / "100% my records"]
        code, output, errors = call(
            "slurm.py", command, *records, *words, environment=self.environment, cwd=self.directory
        )
        assert code == 0, errors
        return output

    def submit(self, *words, command):
        """Id of a submitted job."""
        return re.match(r"Submitted job (\d+)", self.launch("submit", *words, "--", *command))[1]

    def wait_for(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"no {what}:\n{self.launch('status')}"
            time.sleep(0.1)

    def finished(self, job, seconds=30):
        """Log and status line of a job, once it has left the queue."""
        squeue = ["squeue", "--noheader", f"--jobs={job}"]
        self.wait_for(lambda: not _answer(squeue, self.environment), f"end of {job}", seconds)
        return self.launch("logs", job), self.launch("status", job).splitlines()[-1]


_MUNGE_FILES = {"key": ".key", "pid": "d.pid", "log": "d.log", "seed": ".seed"}


def _prepare(directory):
    directory.chmod(0o755)
    for name in ("state", "spool"):
        (directory / name).mkdir()
    key = directory / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = {"controller_port": one.getsockname()[1], "daemon_port": other.getsockname()[1]}
    config = directory / "slurm.conf"
    names = {"host": socket.gethostname().split(".")[0], "user": getpass.getuser(), "directory": directory}
    config.write_text(_CONFIG.format(**names, **ports, cpus=_CPUS, gpus=_GPUS, kill_wait=KILL_WAIT))
    for index in range(_GPUS):  # GPUs in name alone
        (directory / f"gpu{index}").touch()
    (directory / "gres.conf").write_text(f"NodeName=localhost Name=gpu File={directory}/gpu[0-{_GPUS - 1}]\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
    return {**inherited, "SLURM_CONF": str(config), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


@contextlib.contextmanager
def _daemon(words, environment, directory):
    with open(directory / f"{words[0]}.out", "w") as output:
        process = subprocess.Popen(words, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_jobs(environment):
    """Cancel what a failed test left, whose processes would outlive the daemons."""
    subprocess.run(["scancel", "--me"], env=environment, check=False)
    deadline = time.monotonic() + 3 * KILL_WAIT
    while _answer(["squeue", "--noheader"], environment) and time.monotonic() < deadline:
        time.sleep(0.1)


def _answer(words, environment):
    return subprocess.run(words, env=environment, capture_output=True, text=True).stdout.strip()


def _wait(ready, directory):
    deadline = time.monotonic() + _PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            outputs = "\n".join(path.read_text() for path in directory.glob("*.out"))
            raise TimeoutError(f"the cluster does not come up:\n{outputs}")
        time.sleep(0.05)
