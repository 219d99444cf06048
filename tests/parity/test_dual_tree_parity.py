"""The dual-tree transform against pytorch_wavelets: forward, inverse of arbitrary coefficients, adjoint."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dual_tree_cases import CASES, coefficients, image, weights

from spectrax.ops.dual_tree import ComplexBands, dual_tree_2d, inverse_dual_tree_2d

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "dual_tree.npz", allow_pickle=False)


def to_reference(low, bands):
    """Our outputs in the reference's layout: NCHW, and (N, C, 6, H, W, 2)."""
    arrays = {"low": jnp.transpose(low, (0, 3, 1, 2))}
    for level, band in enumerate(bands):
        arrays[f"band{level}"] = jnp.stack([jnp.transpose(part, (0, 4, 3, 1, 2)) for part in band], axis=-1)
    return arrays


def from_reference(arrays):
    bands = []
    for level in range(len(arrays) - 1):
        parts = [arrays[f"band{level}"][..., part].transpose(0, 3, 4, 2, 1) for part in (0, 1)]
        bands.append(ComplexBands(*map(jnp.asarray, parts)))
    return jnp.asarray(arrays["low"].transpose(0, 2, 3, 1)), bands


@pytest.mark.parametrize("name", CASES)
def test_forward_adjoint_and_inverse(name):
    case = CASES[name]
    families = {"biort": case["biort"], "qshift": case["qshift"]}
    expected = {key.split("/")[1]: FIXTURE[key] for key in FIXTURE.files if key.startswith(f"{name}/")}

    @jax.jit
    def forward(x):
        return to_reference(*dual_tree_2d(x, case["levels"], **families))

    x = jnp.asarray(image(case))
    found = forward(x)
    for key, value in found.items():
        np.testing.assert_allclose(value, expected[key], atol=5e-6, rtol=0, err_msg=key)

    def weighted(x):
        return sum(jnp.sum(value * weights(key, value.shape)) for key, value in forward(x).items())

    adjoint = jax.grad(weighted)(x)
    scale = np.abs(expected["adjoint"]).max()
    np.testing.assert_allclose(adjoint, expected["adjoint"].transpose(0, 2, 3, 1), atol=1e-5 * scale, rtol=0)

    low, bands = from_reference(coefficients({key: value.shape for key, value in found.items()}))
    inverse = jax.jit(lambda low, bands: inverse_dual_tree_2d(low, bands, **families))(low, bands)
    np.testing.assert_allclose(inverse, expected["inverse"].transpose(0, 2, 3, 1), atol=5e-6, rtol=0)
