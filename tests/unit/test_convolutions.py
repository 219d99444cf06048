"""Convolutions as they are computed on one CPU device against XLA's, with gradients, and in parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax.nn import thin_convolution
from spectrax.nn.coarse_convolution import is_coarse
from spectrax.nn.convolution import convolution_3
from spectrax.nn.kernel_gradient import kernel_gradient
from spectrax.nn.same_convolution import same_convolution
from spectrax.nn.thin_convolution import is_thin, thin_kernel_gradient

CLOSE = {"bfloat16": 8e-3, "float32": 1e-5, "float64": 1e-12}  # of the deviation
ANY, COARSE, THIN = "any", "coarse", "thin"


def normal(seed, *shape, dtype="float64"):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def plain(x, kernel):
    letters = "DHW"[5 - x.ndim :]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    return jax.lax.conv_general_dilated(x, kernel, (1,) * len(letters), "SAME", dimension_numbers=numbers)


def close(found, wanted, dtype):
    assert found.dtype == dtype
    limit = CLOSE[dtype] * max(float(jnp.std(wanted)), 1e-30)
    np.testing.assert_allclose(found.astype(wanted.dtype), wanted, rtol=0, atol=6 * limit)


def check(function, shape, side, outputs, dtype):
    """Output and both gradients of `function`, against XLA's convolution of the same numbers in float64."""
    with jax.enable_x64(True):
        given = [normal(0, *shape), normal(1, *(side,) * (len(shape) - 2), shape[-1], outputs)]
        weight = normal(2, *shape[:-1], outputs).astype(dtype)
        given = [array.astype(dtype) for array in given]
        found, wanted = (
            jax.jit(with_gradients, static_argnums=0)(*one)
            for one in [(function, weight, *given), (plain, *(array.astype("float64") for array in [weight, *given]))]
        )
        for of_ours, of_theirs in zip(found, wanted, strict=True):
            close(of_ours, of_theirs, dtype)


def with_gradients(function, weight, *given):
    output, pull = jax.vjp(function, *given)
    return output, *pull(weight)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize(
    "shape, outputs, kind",
    [
        ((4, 6, 5, 3), 4, ANY),
        ((2, 4, 3, 5, 2), 4, ANY),
        ((1, 2, 3, 5), 4, COARSE),
        ((3, 2, 2, 8), 6, COARSE),
        ((1, 2, 3, 1, 6), 4, COARSE),
    ],
)
def test_three_samples_along_every_axis(shape, outputs, kind, dtype):
    assert is_coarse(shape, (shape[-1], outputs)) == (kind == COARSE)
    check(convolution_3, shape, 3, outputs, dtype)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize(
    "shape, side, outputs, kind",
    [
        ((6, 9, 8, 2), 7, 5, THIN),
        ((6, 9, 8, 5), 7, 2, THIN),
        ((2, 3, 12, 7), 5, 2, THIN),
        ((1, 1, 4, 2), 9, 7, THIN),
        ((6, 9, 6, 5), 5, 2, ANY),
        ((6, 9, 8, 6), 5, 8, ANY),
        ((6, 9, 8, 2), 3, 4, ANY),
        ((6, 9, 8, 3), 1, 2, ANY),
    ],
)
def test_windows_of_any_odd_side(shape, side, outputs, kind, dtype):
    assert is_thin(shape[2], (side, side, shape[-1], outputs)) == (kind == THIN)
    check(same_convolution, shape, side, outputs, dtype)


@pytest.mark.parametrize("shape", [(6, 7, 8, 3), (2, 5, 3, 5, 5)])
@pytest.mark.parametrize("part_bytes", [1, 2000, 10_000])
def test_the_gradient_of_weights_is_added_up_over_parts(shape, part_bytes):
    """A row of an example at a time; several, of which there is no whole number; whole examples."""
    x, gradient = normal(0, *shape, dtype="float32"), normal(1, *shape[:-1], 4, dtype="float32")
    whole = kernel_gradient(x, gradient, 3)
    np.testing.assert_allclose(kernel_gradient(x, gradient, 3, part_bytes), whole, atol=1e-4)


def test_that_of_thin_ones_is_added_up_over_images(monkeypatch):
    x, gradient = normal(0, 6, 8, 8, 2, dtype="float32"), normal(1, 6, 8, 8, 7, dtype="float32")
    whole = thin_kernel_gradient(x, gradient, 5)
    counts = []
    monkeypatch.setattr(thin_convolution, "images_at_once", lambda *_, **__: counts.append(2) or 2)
    np.testing.assert_allclose(thin_kernel_gradient(x, gradient, 5), whole, atol=1e-4)
    assert counts == [2]


def test_a_symbolic_batch_is_exported():
    """Of a size that is not known neither parts nor coarse maps can be chosen."""
    (batch,) = jax.export.symbolic_shape("batch")
    for function, side in ((convolution_3, 3), (same_convolution, 5)):
        kernel = normal(0, side, side, 3, 4, dtype="float32")
        exported = jax.export.export(jax.jit(lambda x, kernel=kernel, function=function: function(x, kernel)))(
            jax.ShapeDtypeStruct((batch, 4, 4, 3), jnp.float32)
        )
        x = normal(1, 2, 4, 4, 3, dtype="float32")
        np.testing.assert_allclose(exported.call(x), plain(x, kernel), atol=1e-5)
