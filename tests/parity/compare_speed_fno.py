"""Time the paper's Fourier neural operator in Darcy's setting against the released PyTorch code, in turns.

usage: LSM_SOURCE=/path/to/Latent-Spectral-Models [BATCH=4] python tests/parity/compare_speed_fno.py [repetitions]
       (needs torch; nothing else should run)

85x85 points padded by 11, width 32, 12 modes, batches of 4, float32: a prediction, and what a training step computes
but for the optimizer, the relative L2 loss and its gradients.
"""

import os

import numpy as np
import speed

BATCH, SIDE, PADDING = int(os.environ.get("BATCH", "4")), 85, 11
CASE = {"kind": "classic", "grid": (SIDE, SIDE), "in_channels": 1, "out_channels": 1, "width": 32, "modes": 12}
CASE["padding"] = (PADDING, PADDING)


def fields():
    """Input and target, (batch, height, width, 1) float32."""
    return np.random.default_rng(0).standard_normal((2, BATCH, SIDE, SIDE, 1)).astype(np.float32)


def theirs():
    import torch
    from generate_fno import classic, relative_l2

    x, target = map(torch.from_numpy, fields())
    return speed.torch_actions(classic(CASE), x, target, relative_l2)


def ours():
    import jax.numpy as jnp
    from flax import nnx

    from spectrax.models.fno_classic import ClassicFNO

    sizes = {key: value for key, value in CASE.items() if key != "kind"}
    x, target = map(jnp.asarray, fields())

    def loss(output, target):
        norm = lambda x: jnp.linalg.norm(x.reshape(BATCH, -1), axis=1)  # noqa: E731
        return jnp.sum(norm(output - target) / norm(target))

    return speed.module_actions(ClassicFNO(rngs=nnx.Rngs(0), **sizes), x, target, loss)


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="fields")
