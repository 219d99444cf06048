"""The learned Koopman models compared with released code, and the rule that fills weights on both sides.

Nothing here depends on PyTorch or JAX: the generator and the test import it alike.
"""

import zlib

import numpy as np

# Consistent Koopman autoencoders: released arguments, and how many steps the training loss has.
CONSISTENT = {
    "pendulum": {"m": 64, "n": 1, "b": 6, "alpha": 1, "steps": 8},
    "wide": {"m": 5, "n": 3, "b": 4, "alpha": 2, "steps": 3},
}
# Information Koopman: the released cylinder network, and perceptrons around the released losses, with fewer frames than
# latent numbers and with more.
INFORMATION = {
    "cylinder": {"frames": 16, "batch": 2, "state": [2, 64, 64], "latent": 512},
    "few_frames": {"frames": 9, "batch": 3, "state": [3], "latent": 12, "hidden": 10},
    "many_frames": {"frames": 12, "batch": 4, "state": [3], "latent": 6, "hidden": 10},
}
RADIUS, TEMPERATURE = 3, 0.1
WEIGHTS = {"forward": 1.0, "identity": 0.1, "mi": 2.0, "entropy": 0.1}
SIGNS = {"released": 1, "paper": -1}
BATCH = 4


def fill(key, shape):
    """The array of an official state-dict key: seeded by its name, scaled so that values stay near one."""
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if len(shape) == 1:
        return 0.1 * noise
    if "dynamics" in key:
        return (0.9 * np.linalg.qr(noise)[0] + 0.02 * noise).astype(np.float32)
    inputs = shape[0] * np.prod(shape[2:]) if "Transpose" in key else np.prod(shape[1:])
    return noise * np.float32(1.5 * inputs**-0.5)


def trajectories(frames, batch, shape, seed=7):
    """(batch, frames, *shape) float32 within [-1, 1]: waves that travel, of many frequencies."""
    generator = np.random.default_rng(seed)
    time = np.arange(frames)[None, :, None, None]
    phase, speed, tilt = generator.uniform(0, 6.3, (3, batch, 1, 1, 8))
    places = np.arange(np.prod(shape))[None, None, :, None] * 0.1
    waves = np.sin(phase + 0.15 * speed * time + tilt * places)
    return (waves.mean(-1).reshape(batch, frames, *shape)).astype(np.float32)


def thumbnail(array):
    """Some 2000 of an array's numbers, enough to compare."""
    flat = np.ascontiguousarray(array).ravel()
    return flat[:: max(1, flat.size // 2000)].astype(np.float32)
