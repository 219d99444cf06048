"""The Fourier neural operators compared with the released codes, and the rule that fills weights on both sides.

Nothing here depends on PyTorch or JAX: the generator and the test import it alike. Fields have channels last here; the
library has them first.
"""

import zlib

import numpy as np

_CLASSIC = {"kind": "classic", "in_channels": 2, "out_channels": 2, "width": 6}
_GEO = {
    "kind": "geo", "in_channels": 2, "out_channels": 1, "width": 6, "modes": (4, 5), "latent_grid": (12, 14),
    "points": 30,
}  # fmt: skip
_LIBRARY = {"kind": "neuralop", "in_channels": 2, "out_channels": 1, "hidden_channels": 6}

# Padding is in the order of the axes; the released code takes it from the last axis to the first.
CASES = {
    "classic_1d": {**_CLASSIC, "in_channels": 1, "out_channels": 1, "grid": (21,), "modes": 5},
    "classic_2d_padded": {**_CLASSIC, "grid": (13, 10), "modes": 4, "padding": (2, 3)},
    "classic_2d_odd": {**_CLASSIC, "grid": (15, 17), "modes": 5},
    "classic_2d_overlap": {**_CLASSIC, "grid": (9, 13), "modes": 6},
    "classic_3d_padded": {**_CLASSIC, "grid": (9, 7, 6), "modes": 4, "padding": (1, 2, 3)},
    "classic_3d_overlap": {**_CLASSIC, "grid": (7, 9, 6), "modes": 5},
    "geo": {**_GEO, "deformation": True},
    "geo_code": {**_GEO, "deformation": True, "code": True},
    "geo_undeformed": {**_GEO, "deformation": False},
    "neuralop_2d": {**_LIBRARY, "grid": (12, 11), "modes": (6, 8)},
    "neuralop_1d": {
        **_LIBRARY, "grid": (15,), "modes": (7,), "norm": "instance_norm", "fno_skip": "identity",
        "channel_mlp_skip": "linear",
    },
    "neuralop_padded_norm": {
        **_LIBRARY, "grid": (10, 13), "modes": (5, 5), "norm": "group_norm", "norm_groups": 2,
        "domain_padding": (0.2, 0.1), "projection_ratio": 4,
    },
    "neuralop_small_grid": {**_LIBRARY, "grid": (6, 7), "modes": (9, 12), "fno_skip": "soft-gating"},
    "neuralop_3d": {
        **_LIBRARY, "grid": (6, 5, 8), "modes": (4, 8, 4), "coordinates": False, "channel_mlp_skip": "none",
        "channel_mlp_expansion": 1.5, "lifting_ratio": 1,
    },
    "neuralop_without_network": {**_LIBRARY, "grid": (8, 9), "modes": (4, 4), "channel_mlp": False, "layers": 2},
}  # fmt: skip
BATCH = 2
CODE = 42
_FOURIER_SUMS = {"conv0": 20.0, "conv4": 0.02}  # between points and grid: sizes that give fields near one


def fill(key, shape, kind):
    """The array of an official state-dict key: seeded by its name, scaled so that activations stay near one."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    noise = generator.standard_normal(shape).astype(np.float32)
    layer, _, name = key.rpartition(".")
    if name.startswith("weights") or key.endswith("weight.tensor"):
        imaginary = generator.standard_normal(shape).astype(np.float32)
        scale = {"classic": 1.0, "geo": _FOURIER_SUMS.get(layer, 1.0), "neuralop": 3.0}[kind]
        return (noise + 1j * imaginary).astype(np.complex64) * np.float32(scale / shape[0] ** 0.5)
    if name == "running_var":
        return (1 + 0.3 * np.abs(noise)).astype(np.float32)
    gate = len(shape) > 2 and shape[0] == 1 and np.prod(shape) == shape[1]  # a factor for each channel
    if name == "weight" and (gate or len(shape) == 1):
        return 1 + 0.1 * noise
    if name == "bias":
        return 0.1 * noise
    return noise * np.float32(np.prod(shape[1:]) ** -0.5)


def arrays(case):
    """Named "input", "target" and, where there is one, "code", float32, channels last."""
    generator = np.random.default_rng(5)
    sizes = (case["points"],) if case["kind"] == "geo" else case["grid"]
    draw = generator.random if case["kind"] == "geo" else generator.standard_normal
    given = {
        "input": draw((BATCH, *sizes, case["in_channels"])),
        "target": generator.standard_normal((BATCH, *sizes, case["out_channels"])),
    }
    if case.get("code"):
        given["code"] = generator.standard_normal((BATCH, CODE))
    return {name: array.astype(np.float32) for name, array in given.items()}
