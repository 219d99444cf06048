"""Cosine and sine transforms of all types in both forms: values, inverses, orthogonality, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from random_arrays import close, normal

from spectrax.core.errors import ConfigError
from spectrax.ops import cosine
from spectrax.ops.cosine_axis import FORMS, choose_form
from spectrax.ops.cosine_matrices import transform_matrix

TYPES = (1, 2, 3, 4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size, norm", [(2, "backward"), (9, "ortho"), (12, "forward")])
def test_values_are_those_of_scipy(form, size, norm):
    """Of all types, there and back, in one compilation."""
    x = normal(size, 2, size, 3)
    kinds = [(name, kind) for name in ("dct", "idct", "dst", "idst") for kind in TYPES]
    found = jax.jit(lambda x: [getattr(cosine, name)(x, kind, norm=norm, form=form) for name, kind in kinds])(x)
    for values, (name, kind) in zip(found, kinds, strict=True):
        expected = getattr(scipy.fft, name)(x.astype(np.float64), kind, axis=1, norm=norm)
        close(values, expected, f"{name} {kind}")


@pytest.mark.parametrize("name", ["dctn", "idctn", "dstn", "idstn"])
def test_several_axes(name):
    x = normal(0, 2, 5, 6, 2)
    expected = getattr(scipy.fft, name)(x.astype(np.float64), 3, axes=(1, 2), norm="ortho")
    close(getattr(cosine, name)(x, 3, norm="ortho"), expected)


def test_inverses_and_energy():
    x = normal(0, 1, 15, 2)
    for forward, inverse in ((cosine.dct, cosine.idct), (cosine.dst, cosine.idst)):
        for kind in TYPES:
            y = forward(x, kind, norm="ortho")
            np.testing.assert_allclose(np.sum(y**2), np.sum(x**2), rtol=1e-5)
            close(inverse(y, kind, norm="ortho"), x)


def test_gradients_are_adjoint():
    """Of the form by FFT: what pulls back is the transposed matrix."""
    x, y = normal(0, 1, 10, 2), normal(1, 1, 10, 2)
    kinds = [(transform, kind) for transform in (cosine.dct, cosine.dst) for kind in TYPES]

    def pull_back(transform, kind, x, y):
        return jax.vjp(lambda x: transform(x, kind, form="fft"), x)[1](y)[0]

    pulled = jax.jit(lambda x, y: [pull_back(*which, x, y) for which in kinds])(x, y)
    for found, (transform, kind) in zip(pulled, kinds, strict=True):
        matrix = transform_matrix(10, {cosine.dct: "cosine", cosine.dst: "sine"}[transform], kind, "backward")
        close(found, np.einsum("kn,bkc->bnc", matrix, y))


def test_long_axes():
    """Angles are reduced as integers: no digit is lost where they are large."""
    x = normal(0, 1, 4096, 1)
    expected = scipy.fft.dct(x.astype(np.float64), axis=1, norm="ortho")
    assert choose_form(4096) == "fft"
    close(cosine.dct(x, norm="ortho"), expected)


def test_precision_and_complex_arrays():
    x = normal(0, 1, 8, 2)
    assert cosine.dct(jnp.asarray(x, jnp.bfloat16)).dtype == jnp.float32
    close(cosine.dct(x + 2j * x), (1 + 2j) * np.asarray(cosine.dct(x)))
    with jax.enable_x64(True):
        for form in FORMS:
            y = cosine.dct(x.astype(np.float64), form=form)
            np.testing.assert_allclose(y, scipy.fft.dct(x.astype(np.float64), axis=1), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: cosine.dct(x, 5), "type 5"),
        (lambda x: cosine.dct(x, form="matmull"), "'matmull' is none of: matmul, fft"),
        (lambda x: cosine.dst(x, norm="unitary"), "'unitary' is none of"),
        (lambda x: cosine.dct(x[:, :1], 1), "needs 2 samples or more"),
    ],
)
def test_what_cannot_be_is_said(call, words):
    with pytest.raises(ConfigError, match=words):
        call(normal(0, 1, 4, 1))
