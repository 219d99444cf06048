"""Commands as a user types them: real processes, from an empty directory, with a data directory shared by the tests."""

import os
import subprocess
import sys

# The default experiment, shrunk to seconds: one block in all, few channels.
SMALL = [
    "model.dims=[16,16,32,32]",
    "model.heads=[1,1,2,2]",
    "model.ffn_ratios=[2,2,2,2]",
    "model.depths=[1,0,0,0]",
    "model.stem_width=8",
    "trainer.steps_per_call=2",
    "trainer.batch_size=32",
    "schedule=constant",  # so that runs of every length share one compiled program
]
# How they compile: optimized a little, as many of them run what one of them compiled.
PLAINLY = os.environ.get("XLA_FLAGS", "")
COMPILED = PLAINLY.replace("optimization_level=0", "optimization_level=1")
# Nothing watched, nothing drawn.
PLAIN = ["callback=[]", "trainer.figures=false"]


def environment(data_dir):
    return {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": COMPILED,
        "SPECTRAX_DATA_DIR": str(data_dir),
        "COLUMNS": "200",
    }


def start(arguments, cwd, data_dir, apart=False, **variables):
    """The process of `python -m spectrax.<arguments>`, output captured together; `variables` for its environment.

    `apart` gives it a process group of its own, whose number is its process id.
    """
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**environment(data_dir), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=apart,
    )


def call(arguments, cwd, data_dir, timeout=300, **variables):
    """Exit code and output of a command."""
    process = start(arguments, cwd, data_dir, **variables)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, output


def train(*arguments, cwd, data_dir, small=True):
    """`python -m spectrax.train` of the shrunk default experiment; or of the whole, compiled as users' commands are."""
    flags = {} if small else {"XLA_FLAGS": ""}
    return call(["spectrax.train", *(SMALL if small else []), *arguments], cwd, data_dir, **flags)
