"""The latent spectral models compared with the released code, and the rule that fills weights on both sides.

Nothing here depends on PyTorch or JAX: the generator and the test import it alike.
"""

import zlib

import numpy as np

_GRID_2D = {"kind": "2d", "in_channels": 3, "out_channels": 2, "channels": 16, "tokens": 4, "bases": 12}
_IRREGULAR = {
    "kind": "irregular", "in_channels": 2, "out_channels": 1, "channels": 16, "tokens": 4, "bases": 6,
    "latent_grid": (32, 48), "patch": (2, 3), "modes": (4, 5), "points": 40,
}  # fmt: skip

# Padding and patch are in the order of the axes; the released code takes padding from the last axis to the first. Seeds
# of the inputs are those of forty with which no ReLU's input is near zero and no two maxima are near each other, where
# gradients jump.
CASES = {
    "padded_2d": {"seed": 19, **_GRID_2D, "grid": (45, 26), "patch": (3, 2), "padding": (3, 6)},
    "odd_2d": {"seed": 24, **_GRID_2D, "grid": (35, 19), "patch": (1, 1), "padding": (0, 0)},
    "padded_3d": {
        "seed": 32, **_GRID_2D, "kind": "3d", "channels": 8, "tokens": 3, "bases": 5, "grid": (15, 29, 13),
        "patch": (1, 2, 1), "padding": (1, 3, 3),
    },
    "irregular_code": {"seed": 19, **_IRREGULAR, "deformation": True, "code": True},
    "irregular": {"seed": 37, **_IRREGULAR, "deformation": True, "code": False},
    "irregular_undeformed": {"seed": 38, **_IRREGULAR, "deformation": False, "code": False},
}  # fmt: skip
BATCH = 4
CODE = 42
_COMPLEX = {"fftproject_in": 100.0, "fftproject_out": 0.004}  # sizes that give fields near one


def fill(key, shape):
    """The array of an official state-dict key: seeded by its name, scaled so that activations stay near one."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    noise = generator.standard_normal(shape).astype(np.float32)
    layer, _, name = key.rpartition(".")
    if layer in _COMPLEX:
        imaginary = generator.standard_normal(shape).astype(np.float32)
        return (noise + 1j * imaginary).astype(np.complex64) * np.float32(_COMPLEX[layer] / shape[0])
    if name == "running_var":
        return (1 + 0.3 * np.abs(noise)).astype(np.float32)
    if name == "latent":
        return np.float32(0.5) * noise
    if name == "weights":
        return np.float32(0.2) * noise
    if len(shape) == 1:
        affine = "double_conv" in key and name == "weight"
        return (1 + 0.1 * noise) if affine else 0.1 * noise
    small = 0.5 if layer.startswith("iphi") else 1.0  # sines of far apart frequencies are rounded coarsely enough
    return noise * np.float32(small * np.prod(shape[1:]) ** -0.5)


def thumbnail(output):
    """A part of a training step's output, enough to compare."""
    return np.asarray(output).reshape(len(output), -1)[:, ::7]


def arrays(case):
    """Named "input", "target" and, where there is one, "code", float32, channels last on both sides."""
    generator = np.random.default_rng(case["seed"])
    if case["kind"] == "irregular":
        given = {"input": generator.random((BATCH, case["points"], 2)), "target": (BATCH, case["points"])}
    else:
        given = {"input": generator.standard_normal((BATCH, *case["grid"], case["in_channels"]))}
        given["target"] = (BATCH, *case["grid"])
    given["target"] = generator.standard_normal((*given["target"], case["out_channels"]))
    if case.get("code"):
        given["code"] = generator.standard_normal((BATCH, CODE))
    return {name: array.astype(np.float32) for name, array in given.items()}
