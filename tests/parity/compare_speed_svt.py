"""Time SVT-H-S of the paper (224 px, plain head, float32) against the released PyTorch code, in turns.

usage: SVT_SOURCE=/path/to/svt.py python tests/parity/compare_speed_svt.py [repetitions]
       (needs torch and pytorch_wavelets; nothing else should run)

How they take turns and what is reported: see `speed`.
"""

import speed

BATCH = 8
ACTIONS = ("forward", "forward and backward")


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch
    from generate_svt import build, stand_in_for_timm
    from svt_cases import CASES, images

    torch.set_num_threads(speed.cores())
    stand_in_for_timm()
    case = CASES["paper_s_224"]
    model = build(case)
    x = torch.from_numpy(images(case)[0]).repeat(BATCH, 1, 1, 1)[:BATCH].contiguous()
    labels = torch.arange(BATCH)

    def forward():
        model.eval()
        with torch.no_grad():
            model(x)

    def both():
        model.train()
        model.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(x), labels).backward()

    return dict(zip(ACTIONS, (forward, both), strict=True))


def ours():
    """The same of this code."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from svt_cases import CASES, images

    from spectrax.core import freed_memory
    from spectrax.core.trees import merge_module, module_state, split_module
    from spectrax.models.svt import SVT
    from spectrax.tasks.classification import cross_entropy

    case = CASES["paper_s_224"]
    graph, parameters, statistics_ = split_module(SVT(in_channels=3, rngs=nnx.Rngs(0), **case))
    x = jnp.tile(jnp.asarray(images(case)[0].transpose(0, 2, 3, 1)), (BATCH, 1, 1, 1))[:BATCH]
    targets = jax.nn.one_hot(jnp.arange(BATCH), case["num_classes"])

    @jax.jit
    def predict(parameters, x):
        return merge_module(graph, parameters, statistics_)(x, train=False)

    @jax.jit
    def gradients(parameters, x):
        def loss(parameters):
            model = merge_module(graph, parameters, statistics_)
            return jnp.mean(cross_entropy(model(x, train=True), targets)), module_state(model)

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    # Compiled as in training: before the first step, and what the compiler freed is given back.
    predict, gradients = (function.lower(parameters, x).compile() for function in (predict, gradients))
    freed_memory.give_back()
    return {
        "forward": lambda: jax.block_until_ready(predict(parameters, x)),
        "forward and backward": lambda: jax.block_until_ready(gradients(parameters, x)),
    }


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="images")
