"""The Koopman autoencoder: shapes, its parts and its call agree, the data's units inside and outside."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.core.trees import merge_module, split_module
from spectrax.models.koopman_autoencoder import KoopmanAutoencoder
from spectrax.models.normalised import fitted, normalised
from spectrax.models.unet import UNet

SIZES = {"state": [4, 2], "latent": 6, "hidden": [8]}


def test_the_call_is_its_parts():
    model = KoopmanAutoencoder(**SIZES, operator="diagonal", rngs=nnx.Rngs(0))
    window = jax.random.normal(jax.random.key(0), (3, 5, 4, 2))
    out = model(window, train=True, key=None)
    shapes = {name: array.shape for name, array in out.items()}
    assert shapes == {
        "latent": (3, 5, 6),
        "reconstruction": (3, 5, 4, 2),
        "predicted_latent": (3, 4, 6),
        "prediction": (3, 4, 4, 2),
    }
    z = model.encode(window[:, 0])
    for step in range(4):
        z = model.operator(z)
        np.testing.assert_allclose(out["predicted_latent"][:, step], z, atol=1e-6)
        np.testing.assert_allclose(out["prediction"][:, step], model.decode(z), atol=1e-6)


def test_states_of_another_shape_are_refused():
    model = KoopmanAutoencoder(**SIZES, rngs=nnx.Rngs(0))
    with pytest.raises(ConfigError, match=r"states \[4, 2\]"):
        model.encode(jnp.zeros((3, 2, 4)))
    with pytest.raises(ConfigError, match=r"model\.state"):
        KoopmanAutoencoder(state=[], latent=2, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("normalisation, shape", [("channel", (2,)), ("location", (4, 2))])
def test_a_normalised_model_takes_and_gives_the_data_s_units(normalisation, shape):
    fields = {"window": FieldSpec((5, 4, 2), "float32", "states")}
    plain = functools.partial(KoopmanAutoencoder, **SIZES)
    graph, parameters, statistics = split_module(normalised(plain, fields, normalisation)(rngs=nnx.Rngs(0)))
    mean, deviation = np.full(shape, 3.0), np.full(shape, 2.0)
    weights = fitted({"parameters": parameters, "statistics": statistics}, {"window": (mean, deviation)})
    model = merge_module(graph, weights["parameters"], weights["statistics"])
    raw = KoopmanAutoencoder(**SIZES, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (2, 5, 4, 2))
    np.testing.assert_allclose(model.scaled(3 + 2 * x), x, atol=1e-4)
    found, wanted = model(3 + 2 * x, train=False), raw(x, train=False)
    np.testing.assert_allclose(found["latent"], wanted["latent"], atol=1e-4)
    np.testing.assert_allclose(found["prediction"], 3 + 2 * wanted["prediction"], atol=1e-3)


def test_a_model_of_fields_has_no_normalised_windows():
    fields = {"window": FieldSpec((5, 8, 8, 2), "float32", "states")}
    with pytest.raises(ConfigError, match="UNet is no model of windows"):
        normalised(UNet, fields, "channel")
