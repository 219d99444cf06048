"""What may not be mistaken for the loss of another process."""

import jax
import pytest
from jax.errors import JaxRuntimeError

from spectrax.core.errors import ConfigError
from spectrax.parallel import processes


@pytest.fixture
def ended(monkeypatch):
    """What this process would have said at its end, as one of two."""
    said = []
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(processes, "_end", said.append)
    return said


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("run_dir=runs/gloomy is wrong"),
        TypeError("BarrierNet.__init__() missing 1 argument"),
        NotImplementedError("Differentiation rule for 'optimization_barrier' not implemented"),
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 byte"),
    ],
)
def test_other_errors_are_no_loss(error, ended):
    processes.end_if_another_is_lost(error)
    assert not ended


@pytest.mark.parametrize(
    "error",
    [
        JaxRuntimeError("UNKNOWN: Gloo AllGather failed: Connection closed by peer"),
        TimeoutError("Timed out while waiting for async_write_complete barrier."),
    ],
)
def test_a_loss_is_told(error, ended):
    processes.end_if_another_is_lost(error)
    assert len(ended) == 1 and "same command to continue" in ended[0]
