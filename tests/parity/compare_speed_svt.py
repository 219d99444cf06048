"""Time SVT-H-S of the paper (224 px, plain head, float32) against the released PyTorch code, in turns.

usage: SVT_SOURCE=/path/to/svt.py [BATCH=8] python tests/parity/compare_speed_svt.py [repetitions]
       (needs torch and pytorch_wavelets; nothing else should run)

How they take turns and what is reported: see `speed`.
"""

import os

import speed

BATCH = int(os.environ.get("BATCH", "8"))


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch
    from generate_svt import build, stand_in_for_timm
    from svt_cases import CASES, images

    stand_in_for_timm()
    case = CASES["paper_s_224"]
    model = build(case)
    x = torch.from_numpy(images(case)[0]).repeat(BATCH, 1, 1, 1)[:BATCH].contiguous()
    return speed.torch_actions(model, x, torch.arange(BATCH), torch.nn.functional.cross_entropy)


def ours():
    """The same of this code."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from svt_cases import CASES, images

    from spectrax.models.svt import SVT
    from spectrax.tasks.classification import cross_entropy

    case = CASES["paper_s_224"]
    model = SVT(in_channels=3, dtype=speed.dtype(), rngs=nnx.Rngs(0), **case)
    x = jnp.tile(jnp.asarray(images(case)[0].transpose(0, 2, 3, 1)), (BATCH, 1, 1, 1))[:BATCH]
    targets = jax.nn.one_hot(jnp.arange(BATCH), case["num_classes"])
    return speed.module_actions(model, x, targets, lambda logits, targets: jnp.mean(cross_entropy(logits, targets)))


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="images")
