"""The launchers as a user starts them."""

import subprocess
import sys
from pathlib import Path

LAUNCH = Path(__file__).parents[2] / "launch"
PYTHON = [sys.executable, "-I", "-S", "-c"]  # a program in a word, started quickly


def start(script, *words, environment=None, cwd=None):
    """The process of `python launch/<script> <words>`, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, str(LAUNCH / script), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=cwd,
        start_new_session=True,
    )


def call(script, *words, environment=None, cwd=None):
    """Exit code, output and errors of `python launch/<script> <words>`."""
    process = start(script, *words, environment=environment, cwd=cwd)
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, output, errors
