"""Time LSM-2D in the setting of its Darcy benchmark (85x85, 64 channels) against the released PyTorch code, in turns.

usage: LSM_SOURCE=/path/to/Latent-Spectral-Models [BATCH=4] python tests/parity/compare_speed_lsm.py [repetitions]
       (needs torch; nothing else should run)

How they take turns and what is reported: see `speed`.
"""

import os

import numpy as np
import speed

BATCH = int(os.environ.get("BATCH", "4"))
CASE = {
    "kind": "2d", "in_channels": 1, "out_channels": 1, "channels": 64, "tokens": 4, "bases": 12, "grid": (85, 85),
    "patch": (6, 6), "padding": (11, 11),
}  # fmt: skip


def fields():
    """Input and target (batch, height, width, 1) float32."""
    generator = np.random.default_rng(0)
    return [generator.standard_normal((BATCH, *CASE["grid"], 1)).astype(np.float32) for _ in range(2)]


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch
    from generate_lsm import build, relative_l2

    x, target = map(torch.from_numpy, fields())
    return speed.torch_actions(build(CASE), x, target, relative_l2)


def ours():
    """The same of this code."""
    import jax.numpy as jnp
    from test_lsm_parity import make

    x, target = map(jnp.asarray, fields())

    def loss(output, target):
        norm = lambda x: jnp.linalg.norm(x.reshape(BATCH, -1), axis=1)  # noqa: E731
        return jnp.sum(norm(output - target) / norm(target))

    return speed.module_actions(make(CASE), x, target, loss)


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="fields")
