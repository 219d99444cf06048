import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Prepared data and compiled programs, shared by all command-line tests of a session."""
    return tmp_path_factory.mktemp("data")
