"""The normalisation inside a model: what it computes, where its moments lie, and that paths stay what they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.core.trees import leaf_paths, merge_module, split_module
from spectrax.models.normalised import fitted, normalised

FIELDS = {"input": FieldSpec((4, 5, 2), "float32", "a"), "target": FieldSpec((4, 5, 1), "float32", "p")}


class Sum(nnx.Module):
    """Adds channels, and a weight."""

    def __init__(self, start, *, rngs):
        self.weight = nnx.Param(jnp.full((1,), start))

    def __call__(self, x, *, train, key=None):
        x = x["input"] if isinstance(x, dict) else x
        return jnp.sum(x, -1, keepdims=True) + self.weight[...]


def examples(seed, channels):
    return np.random.default_rng(seed).normal(3, 2, (7, 4, 5, channels)).astype(np.float32)


@pytest.mark.parametrize("normalisation", ["location", "channel"])
def test_inputs_are_encoded_and_outputs_decoded(normalisation):
    make = normalised(functools.partial(Sum, start=0.5), FIELDS, normalisation)
    graph, parameters, statistics = split_module(make(rngs=nnx.Rngs(0)))
    assert [path for path, _ in leaf_paths(parameters)] == ["weight"]
    axes = 0 if normalisation == "location" else (0, 1, 2)
    data = {"input": examples(0, 2), "target": examples(1, 1)}
    moments = {name: (x.mean(axes), x.std(axes, ddof=1)) for name, x in data.items()}
    weights = fitted({"parameters": parameters, "statistics": statistics}, moments)
    model = merge_module(graph, **weights)
    (in_mean, in_deviation), (out_mean, out_deviation) = moments["input"], moments["target"]
    encoded = (data["input"] - in_mean) / (in_deviation + 1e-5)
    expected = (encoded.sum(-1, keepdims=True) + 0.5) * (out_deviation + 1e-5) + out_mean
    for given in (data["input"], {"input": data["input"], "code": 1}):
        np.testing.assert_allclose(model(given, train=False), expected, rtol=1e-5, atol=1e-5)


def test_without_data_nothing_changes_but_for_epsilon():
    plain, with_it = Sum(0.0, rngs=nnx.Rngs(0)), normalised(functools.partial(Sum, start=0.0), FIELDS, "channel")
    x = jnp.asarray(examples(0, 2))
    np.testing.assert_allclose(with_it(rngs=nnx.Rngs(0))(x, train=True), plain(x, train=True), rtol=1e-6)


def test_moments_take_no_part_in_training():
    model = normalised(functools.partial(Sum, start=0.5), FIELDS, "channel")(rngs=nnx.Rngs(0))
    graph, parameters, statistics = split_module(model)
    gradient = jax.grad(lambda p: jnp.sum(merge_module(graph, p, statistics)(jnp.ones((1, 4, 5, 2)), train=True)))
    assert list(gradient(parameters)) == ["weight"]
    assert {path.rpartition("/")[0] for path, _ in leaf_paths(statistics)} == {"normaliser/input", "normaliser/target"}


def test_a_model_that_a_function_makes_is_refused():
    with pytest.raises(ConfigError, match=r"dataset\.normalise"):
        normalised(lambda rngs: Sum(0.0, rngs=rngs), FIELDS, "location")


def test_what_would_be_stretched_is_refused():
    """One frame of a target of several, and coefficients, which have the shape of a field."""
    fields = {**FIELDS, "target": FieldSpec((4, 5, 3), "float32", "three frames")}
    for normalisation in ("location", "channel"):
        model = normalised(functools.partial(Sum, start=0.5), fields, normalisation)(rngs=nnx.Rngs(0))
        with pytest.raises(ConfigError, match=r"dataset\.normalise: fields \[4, 5, 1\]"):
            model(jnp.asarray(examples(0, 2)), train=False)

    class Coefficients(Sum):
        output = "spectrum"

    with pytest.raises(ConfigError, match=r"model\.output=spectrum"):
        normalised(functools.partial(Coefficients, start=0.5), FIELDS, "channel")(rngs=nnx.Rngs(0))
