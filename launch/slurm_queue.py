"""SLURM's queue."""

from programs import call

SQUEUE = ["squeue", "--me", "--array", "--noheader", "--format=%i|%T|%M|%r"]


def queue() -> dict[str, tuple[str, str]]:
    """State, with the reason for waiting, and time of all tasks of the user that are in SLURM's queue.

    Raises:
        programs.Mistake: squeue is not there, or refuses.
    """
    rows = [line.split("|", 3) for line in call(SQUEUE).splitlines() if line.count("|") >= 3]
    return {
        task: (state.lower() + ("" if reason == "None" else f" ({reason})"), spent)
        for task, state, spent, reason in rows
    }
