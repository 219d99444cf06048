import os

import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Prepared data and compiled programs, shared by all command-line tests of a session and all its processes."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared_data"
    shared.mkdir(exist_ok=True)
    return shared
