"""Programs that need eight devices: a process has the number of devices that it was started with."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

_EIGHT = "--xla_force_host_platform_device_count=8"


def told_by(program, tmp_path_factory, *arguments):
    """What a program prints as JSON over eight devices of the CPU; run once for a session and all its processes.

    Args:
        program: its module.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    path = shared / "_".join([program.__name__, *arguments, "told.json"])
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            environment = {
                **os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {_EIGHT}"
            }  # fmt: skip
            command = [sys.executable, str(Path(program.__file__)), *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            path.write_text(done.stdout)
    return json.loads(path.read_text())
