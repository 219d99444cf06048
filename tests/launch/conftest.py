import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2] / "launch"), str(Path(__file__).parent)]


@pytest.fixture(scope="session")
def slurm_environment():
    """Environment of a SLURM cluster of one node and four CPUs, up until the session ends."""
    import slurm_cluster

    reason = slurm_cluster.missing()
    if reason:
        pytest.skip(reason)
    with slurm_cluster.running() as environment:
        yield environment


@pytest.fixture
def cluster(slurm_environment, tmp_path):
    """The cluster, as a test uses it: its jobs run in `cluster.directory`."""
    import slurm_cluster

    return slurm_cluster.Cluster(slurm_environment, tmp_path)
