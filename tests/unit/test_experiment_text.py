"""What `describe` says in sentences and tables."""

import pytest

from spectrax.core.screen import standard_output
from spectrax.described import experiment_text


@pytest.mark.parametrize(
    "memory, told",
    [
        (197_658_411_008, "needs 184.1 GiB of its 16.0 GiB, 252.0 MiB of it for parameters and optimizer state."),
        (None, "needs unknown memory of its 16.0 GiB, 252.0 MiB of it for parameters and optimizer state."),
    ],
)
def test_memory_that_is_needed_stands_beside_what_there_is(memory, told):
    step = {"flops": 1.81e13, "memory_bytes": memory, "state_bytes": 252 * 2**20}
    found = {"training_step": step, "device_memory_bytes": 2**34, "batch_size": 1024, "device": "1 CPU"}
    sentence = experiment_text.training_step(found)
    assert sentence == f"Training step of 1,024 examples: 1.81e+13 operations. Each device (1 CPU) {told}"


def test_numbers_are_whole_on_a_narrow_screen(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    row = {"path": "stages/0/blocks/0", "kind": "SVT", "output": "float32[1, 1000]", "parameters": 22_019_248}
    table = experiment_text.modules([{**row, "flops": 9_203_635_000, "activation_bytes": 70_000_000}])
    standard_output().print(table)
    shown = capsys.readouterr().out
    assert all(number in shown for number in ("22,019,248", "9,203,635,000", "68,359.4 KiB"))
