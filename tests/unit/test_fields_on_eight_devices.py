"""Tasks of fields on eight virtual devices: nothing is gathered, and every layout gives the same numbers."""

import fields_on_eight_devices as program
import numpy as np
import pytest
from eight_devices import told_by


@pytest.fixture(scope="session")
def found(tmp_path_factory):
    return told_by(program, tmp_path_factory)


@pytest.mark.parametrize("name", program.TASKS)
def test_neither_a_step_nor_an_evaluation_moves_activations(found, name):
    assert found[name]["gathered"] == {"step": [0, 0], "evaluation": [0, 0]}


@pytest.mark.parametrize("name", program.TASKS)
def test_losses_gradients_and_metrics_are_those_of_one_device(found, name):
    expected = found[name]["ways"]["one device"]
    assert np.abs(expected).max() > 1e-2
    for way in ("mesh", "pmap"):
        np.testing.assert_allclose(found[name]["ways"][way], expected, rtol=1e-4, atol=1e-5)
    over_devices, alone = found[name]["metrics"]
    assert over_devices == pytest.approx(alone, rel=1e-4, nan_ok=True)
