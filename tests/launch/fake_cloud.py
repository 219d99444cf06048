"""A gcloud that keeps one TPU slice of two workers in a directory, and what its workers find on their machines.

The workers are directories: `scp` copies into them, `ssh` runs its command there with a shell, as on the real ones.
"""

import os
import textwrap
from pathlib import Path

_GCLOUD = """
    echo "$*" >>"$CLOUD/calls"
    case "$*" in
      "storage objects list gs://missing "*) echo "ERROR: (gcloud) gs://missing not found: 404." >&2; exit 1 ;;
      *" queued-resources describe "*)
        if [ ! -e "$CLOUD/request" ]; then echo "ERROR: (gcloud) NOT_FOUND: no such request" >&2; exit 1; fi
        cat "$CLOUD/request"
        if grep -q WAITING "$CLOUD/request" && [ ! -e "$CLOUD/crowded" ]; then  # and is granted now
          echo ACTIVE >"$CLOUD/request"; mkdir "$CLOUD/worker0" "$CLOUD/worker1"; echo READY >"$CLOUD/state"
        fi ;;
      *" queued-resources create "*) echo WAITING_FOR_RESOURCES >"$CLOUD/request" ;;
      *" describe "*)
        if [ ! -e "$CLOUD/state" ]; then echo "ERROR: (gcloud) NOT_FOUND: no such node" >&2; exit 1; fi
        cat "$CLOUD/state" ;;
      *" create "*)
        if [ -e "$CLOUD/full" ]; then echo "ERROR: (gcloud) there is no more capacity" >&2; exit 1; fi
        mkdir -p "$CLOUD/worker0" "$CLOUD/worker1"; echo READY >"$CLOUD/state" ;;
      *" delete "*)
        for file in "$CLOUD"/worker?/spectrax/.run/pid; do  # with all that they have started
          kill -KILL -- "-$(cut -d ' ' -f 5 "/proc/$(cat "$file")/stat")"
        done 2>/dev/null
        rm -rf "$CLOUD"/worker? "$CLOUD/state" "$CLOUD/request" ;;
      *" scp "*)
        if [ -e "$CLOUD/taken" ]; then
          rm "$CLOUD/taken"; echo PREEMPTED >"$CLOUD/state"; echo "ERROR: (gcloud) no connection" >&2; exit 1
        fi
        for worker in 0 1; do cp -R "$6" "$CLOUD/worker$worker"; done ;;
      *" ssh "*)
        for word; do case "$word" in --command=*) command=${word#--command=} ;; esac; done
        for worker in 0 1; do
          (cd "$CLOUD/worker$worker" && HOME=$PWD WORKER=$worker PATH=$CLOUD/machine:$PATH bash -c "$command") &
          pids="$pids $!"
        done
        for pid in $pids; do wait "$pid" || code=${code:-$?}; done
        exit "${code:-0}" ;;
    esac
"""
# What is not Spectrax's own on a worker: nothing outside of its directory is touched.
_MACHINE = {
    "curl": 'echo "$WORKER"',
    "sudo": 'echo "sudo $*" >>did; [ "$1" != tee ] || cat >/dev/null',
    "mountpoint": "exit 1",
    "gcsfuse": 'echo "gcsfuse $*" >>did',
    "mkdir": 'exec /bin/mkdir "${@/#\\/gcs/$HOME/gcs}"',
    "uv": 'echo "uv $*" >>did',
    "python3": """
        if [ "$2" = site ]; then echo "$HOME/.local"; exit; fi
        /bin/mkdir -p "$HOME/.local/bin"
        cp "$CLOUD/machine/uv" "$HOME/.local/bin"
    """,
}
_PIP = """
    import pathlib, sys
    directory = next(word for word in sys.argv if word.startswith("--wheel-dir=")).partition("=")[2]
    pathlib.Path(directory, "spectrax-0.1.0-py3-none-any.whl").touch()
"""


class Cloud:
    """The directory of the slice, and the environment in which the launcher finds its gcloud."""

    def __init__(self, directory: Path):
        self.directory = directory
        programs = {"machine/" + name: script for name, script in _MACHINE.items()} | {"bin/gcloud": _GCLOUD}
        for name, script in programs.items():
            path = directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("#!/bin/bash\n" + textwrap.dedent(script).strip() + "\n")
            path.chmod(0o755)
        (directory / "python" / "pip").mkdir(parents=True)
        (directory / "python" / "pip" / "__init__.py").touch()
        (directory / "python" / "pip" / "__main__.py").write_text(textwrap.dedent(_PIP))
        self.environment = {
            "CLOUD": str(directory),
            "HOME": str(directory / "home"),
            "PATH": f"{directory / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": str(directory / "python"),
        }

    @property
    def calls(self) -> list[str]:
        """What gcloud was called with: two words of it, such as `tpu-vm create`."""
        path = self.directory / "calls"
        words = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [" ".join(call[:2] if call[0] == "storage" else call[2:4]) for call in words]

    def call(self, verb: str) -> str:
        """The whole of the latest call of a verb."""
        lines = (self.directory / "calls").read_text().splitlines()
        return next(line for line in reversed(lines) if f" {verb} " in line)

    def did(self, worker: int) -> list[str]:
        """What a worker was told to do to its machine."""
        return (self.directory / f"worker{worker}" / "spectrax" / "did").read_text().splitlines()

    def close(self) -> None:
        """End what a failed test left."""
        os.system(f"CLOUD={self.directory} {self.directory}/bin/gcloud a b c delete x")
