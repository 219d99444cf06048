"""What the tests of several processes share: prepared data, and one run in two processes that nothing disturbed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import members


def pytest_collection_modifyitems(config, items):
    """The thorough ones run when this folder, or a file of it, is asked for by name, or with `-m thorough`."""
    if any("multiprocess" in word for word in config.args) or "thorough" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


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
