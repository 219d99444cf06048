"""No spectral layer of SVT moves activations between devices: of a gradient step only weights' gradients are summed."""

import layers_on_eight_devices as layers
import pytest
from eight_devices import told_by


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    return told_by(layers, tmp_path_factory)


@pytest.mark.parametrize("layer", layers.LAYERS)
def test_a_spectral_layer_moves_no_activations(told, layer):
    for once, twice in told[layer].values():
        assert set(once) == {"all-reduce"} and once == twice
