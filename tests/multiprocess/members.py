"""Real processes of one run, on this machine, over loopback, as a launcher starts them."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

LABORATORY = Path(__file__).parent / "laboratory"
# Processes that share layers and so the whole batch.
SHARED_LAYERS = [
    "mesh.data=1",
    "mesh.model=2",
    'mesh.rules=[["branch/(kernel|bias)$",[model]],["head/kernel$",[model,null]]]',
]
# Processes that each hold a part of the state.
SPLIT_STATE = ["mesh.data=1", "mesh.fsdp=-1", "mesh.fsdp_minimum=64"]
SMALL = ["+experiment=small", "allow_packages=[small_network]", "callback=[]", "writer=quiet", "trainer.figures=false"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(data_dir, devices=1):
    """Of a process with so many virtual devices."""
    flags = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    return {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": flags,
        "SPECTRAX_DATA_DIR": str(data_dir),
        "SPECTRAX_CONFIG_PATH": str(LABORATORY),
        "PYTHONPATH": str(LABORATORY),
        "COLUMNS": "200",
    }


def start(command, cwd, data_dir, count=2, devices=1, port=None):
    """`count` processes of `python -m COMMAND`; a list of their words, or a function of the process's index."""
    port = port or free_port()
    started = []
    for index in range(count):
        words = command(index) if callable(command) else command
        place = {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": str(count),
            "JAX_PROCESS_ID": str(index),
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=cwd,
                env=environment(data_dir, devices) | (place if count > 1 else {}),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    return started


def finish(processes, timeout=120):
    """Exit codes and outputs."""
    try:
        outputs = [process.communicate(timeout=timeout)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], outputs


def train(*words, cwd, data_dir, count=2, devices=1):
    """The small run in so many processes with so many devices each; all must end well."""
    codes, outputs = finish(start(["spectrax.train", *SMALL, *words], cwd, data_dir, count, devices))
    assert codes == [0] * count, "\n".join(outputs)
    return outputs


def metrics(run_dir):
    """(step, split, metric) -> value of a run's metrics.csv."""
    with open(Path(run_dir) / "metrics.csv") as file:
        return {(row["step"], row["split"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}


def state(run_dir, step, item="state"):
    """Path to array of a checkpoint, read by this process alone, whoever wrote it."""
    import jax
    import numpy as np
    import orbax.checkpoint as ocp

    path = (Path(run_dir) / "checkpoints" / f"step_{step}" / item).absolute()
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        tree = checkpointer.metadata(path).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        found = checkpointer.restore(path, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(found)}


def assert_same_run(expected, found):
    """The same metrics and the same final state, to the bit."""
    import numpy as np

    expected, found = Path(expected), Path(found)
    assert (found / "metrics.csv").read_bytes() == (expected / "metrics.csv").read_bytes()
    last = json.loads((expected / "summary.json").read_text())["step"]
    ours, theirs = state(expected, last), state(found, last)
    assert ours.keys() == theirs.keys() and len(ours) > 15
    for path, leaf in ours.items():
        np.testing.assert_array_equal(theirs[path], leaf, path)
