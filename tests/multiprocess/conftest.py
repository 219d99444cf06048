"""What the tests of several processes share: prepared data, and one run in two processes that nothing disturbed."""

import fcntl
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import members


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Where data are prepared and compiled programs kept; one for all test processes."""
    return tmp_path_factory.getbasetemp().parent / "multiprocess_data"


@pytest.fixture(scope="session")
def undisturbed(data_dir):
    """The run directory of the small run in two processes, made once for all test processes."""
    folder = data_dir / "undisturbed"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "made.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "run" / "summary.json").exists():
            members.train("run_dir=run", cwd=folder, data_dir=data_dir)
    return folder / "run"
