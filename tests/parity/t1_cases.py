"""The configurations of T1 and T1U compared with the released code, and the rule that fills weights on both sides.

Nothing here depends on PyTorch or JAX: the generator and the test import it alike.
"""

import zlib

import numpy as np

BATCH = 3


def _t1(**changes):
    case = {
        "grid": [20, 20], "in_channels": 1, "out_channels": 1, "modes": 6, "width": 8, "depth": 3, "padding": 0,
        "activation": "gelu", "residual": True, "keep_high": "none", "output": "spectrum",
    }  # fmt: skip
    return {**case, **changes}


def _t1u(modes, grid, channel_exponent=0, **changes):
    case = {
        "grid": grid, "in_channels": 1, "out_channels": 1, "modes": modes, "channel_exponent": channel_exponent,
        "activation": "gelu", "residual": True, "output": "spectrum",
    }  # fmt: skip
    return {**case, **changes}


T1_CASES = {
    "gelu": _t1(),
    "sin_inverse": _t1(activation="sin", output="field"),
    "no_residual": _t1(residual=False),
    "keep_high": _t1(keep_high="released"),
    "keep_high_few_rows": _t1(grid=[9, 9], keep_high="released", output="field"),
    "padding_inverse": _t1(padding=4, output="field"),
    "channels": _t1(in_channels=3, out_channels=2),
    "navier_stokes_size": _t1(grid=[64, 64], modes=24, width=16, depth=8),
}
T1U_CASES = {
    "u24": _t1u(24, [28, 26], 2),
    "u24_channels_sin": _t1u(24, [28, 28], 1, in_channels=2, out_channels=3, activation="sin", residual=False),
    "u36": _t1u(36, [36, 36], 1),
    "u64": _t1u(64, [64, 64], 1),
    "u100": _t1u(100, [100, 100], 1),
    "u128": _t1u(128, [128, 128], 1),
    "u224": _t1u(224, [224, 224]),
    "u384": _t1u(384, [384, 384]),
    "u512": _t1u(512, [512, 512]),
}
CASES = {**T1_CASES, **T1U_CASES}
TRAINED = (*T1_CASES, "u24", "u24_channels_sin", "u100")
INIT = {"grid": [16, 12], "modes": 8, "width": 16, "depth": 1}  # whose initial deviations are compared


def fill(key, shape):
    """The array of an official state-dict key: seeded by its name, scaled so that coefficients stay near one."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    noise = generator.standard_normal(shape).astype(np.float32)
    if key.endswith("running_var"):
        return (1 + 0.3 * np.abs(noise)).astype(np.float32)
    if "mixing" in key or key == "fc1":
        return noise * np.float32(shape[0] ** -0.5)
    if key == "fc2":
        return noise * np.float32(shape[0] ** -0.5)
    if len(shape) == 1:
        return (1 + 0.1 * noise) if "_bn" in key and key.endswith("weight") else 0.1 * noise
    return noise * np.float32(np.prod(shape[1:]) ** -0.5)


def fields(case):
    """Input and target (batch, channels, height, width) float32."""
    generator = np.random.default_rng(5)
    batch = 1 if case["grid"][0] > 200 else BATCH
    size = [side + (case.get("padding", 0)) for side in case["grid"]]
    x = generator.standard_normal((batch, case["in_channels"], *case["grid"])).astype(np.float32)
    return x, generator.standard_normal((batch, case["out_channels"], *size)).astype(np.float32)


def thumbnail(output):
    """Of (batch, channels, height, width) some numbers, enough to compare."""
    flat = np.ascontiguousarray(output).reshape(len(output), -1)
    return flat[:, :: max(1, flat.shape[1] // 4000)].astype(np.float32)
