"""Other people's programs that the launchers call, such as gcloud, kubectl and sbatch; how what goes wrong is told."""

import os
import subprocess
import sys
from collections.abc import Callable


class Mistake(Exception):
    """Something that the user has to change; the text says what."""


class Refused(Mistake):
    """A program ended with an error; the text is what it complained about."""


def guarded(run: Callable[[], int]) -> int:
    """The exit code of a launcher's work; a mistake is said in its words, without a traceback."""
    try:
        return run()
    except Mistake as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read the output, such as `head`, has left; Python would complain at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def call(words: list[str], given: str = "") -> str:
    """What a program prints.

    Args:
        given: its standard input.

    Raises:
        Refused: it ended with an error.
        Mistake: it is not there.
    """
    try:
        done = subprocess.run(words, input=given, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise Mistake(_missing(words[0])) from None
    except subprocess.CalledProcessError as error:
        raise Refused(f"{words[0]} refused: {_complaint(error)}") from None
    return done.stdout


def show(words: list[str]) -> None:
    """Run a program whose output the user sees.

    Raises:
        Refused: it ended with an error, which it has said itself.
        Mistake: it is not there.
    """
    try:
        code = subprocess.run(words, stdin=subprocess.DEVNULL).returncode
    except FileNotFoundError:
        raise Mistake(_missing(words[0])) from None
    if code:
        raise Refused(f"{' '.join(words[:5])} ... ended with exit code {code}; what it says is above.")


def _complaint(error: subprocess.CalledProcessError) -> str:
    said = error.stderr.rpartition("ERROR: ")[2]  # gcloud may have said other things before
    return " ".join(said.split()) or f"exit code {error.returncode}"


def _missing(program: str) -> str:
    return f"{program} is not on this machine. {_WHERE.get(program, '')}".rstrip()


_WHERE = {
    "gcloud": "Install it: https://cloud.google.com/sdk/docs/install",
    "kubectl": "Install it: https://kubernetes.io/docs/tasks/tools",
    **dict.fromkeys(("sbatch", "squeue", "scancel"), "Run this on a login node of a SLURM cluster."),
}
