"""What the tests of several processes share: prepared data, and one run in two processes that nothing disturbed."""

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
def undisturbed(tmp_path_factory, data_dir):
    """The run directory of the small run in two processes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    members.train("run_dir=run", cwd=folder, data_dir=data_dir)
    return folder / "run"
