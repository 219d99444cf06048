"""SLURM's own commands, and what they answer."""

import subprocess

SQUEUE = ("squeue", "--me", "--array", "--noheader", "--format=%i|%T|%M|%r")


class Mistake(Exception):
    """Something that the user has to change; the text says what."""


def slurm(*words: str) -> str:
    """What one of SLURM's commands prints; raises `Mistake` with what it complains about."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise Mistake(f"{words[0]} is not on this machine. Run this on a login node of a SLURM cluster.") from None
    except subprocess.CalledProcessError as error:
        complaint = " ".join(error.stderr.split()) or f"exit code {error.returncode}"
        raise Mistake(f"{words[0]} refused: {complaint}") from None
    return done.stdout


def queue() -> dict[str, tuple[str, str]]:
    """State, with the reason for waiting, and time of all tasks of the user that are in SLURM's queue."""
    rows = [line.split("|", 3) for line in slurm(*SQUEUE).splitlines() if line.count("|") >= 3]
    return {
        task: (state.lower() + ("" if reason == "None" else f" ({reason})"), spent)
        for task, state, spent, reason in rows
    }
