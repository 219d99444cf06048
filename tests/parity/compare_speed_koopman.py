"""Time a training step of information Koopman's released cylinder network against PyTorch, in turns.

usage: [INFORMATION_KOOPMAN_SOURCE=/path/to/InformationKoopman] [BATCH=16] [BATCHED=1] [SPEED_DEVICE=gpu]
       python tests/parity/compare_speed_koopman.py [repetitions]   (needs torch; nothing else should run)

5,004,868 parameters; random fields of 64x64 and two channels in windows of 16 pairs of frames, the recipe's batch of 16
windows unless another is said; dropout, the released loss, gradients clipped at norm 1, Adam. Theirs is the release
where its place is said, and else `koopman_torch`, frame by frame as the release does it; BATCHED=1 has it do all frames
at once. How they take turns and what is reported: see `speed`.
"""

import os
import sys
from pathlib import Path

import speed

BATCH, FRAMES = int(os.environ.get("BATCH", "16")), 16
ACTION = "training step"
DTYPE = "bfloat16" if speed.PRECISION == "bfloat16" else "float32"


def data():
    """(batch, frames + 1, 2, 64, 64) float32."""
    import numpy as np

    return np.random.default_rng(0).standard_normal((BATCH, FRAMES + 1, 2, 64, 64)).astype(np.float32)


def objective():
    """A PyTorch module: windows and those a frame later -> the loss."""
    import torch

    if "INFORMATION_KOOPMAN_SOURCE" not in os.environ:
        from koopman_torch import Objective

        return Objective(batched=os.environ.get("BATCHED") == "1")
    folder = Path(os.environ["INFORMATION_KOOPMAN_SOURCE"]) / "model" / "physical_simulation"
    sys.path[:0] = [str(folder), str(folder / "Cylinder")]
    from cylinder_model import CYLINDER_ROM

    class Released(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = CYLINDER_ROM()

        def forward(self, before, after):
            losses = self.model.compute_loss(before, after, mi_k=3, mi_temperature=0.1)
            weights = {"loss_fwd": 1.0, "loss_identity": 0.1, "loss_mi": 2.0, "loss_entropy": 0.1}
            return sum(weight * losses[name] for name, weight in weights.items())

    return Released()


def theirs():
    """Name of the action to a function without arguments that does it once."""
    import torch

    torch.manual_seed(0)
    window = torch.from_numpy(data())
    model, before, after = speed.torch_placed(objective().train(), window[:, :-1], window[:, 1:])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        for _ in range(speed.ROUNDS):
            optimizer.zero_grad(set_to_none=True)
            with speed.torch_precision():
                loss = model(before, after)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        speed.torch_waited()

    return {ACTION: step}


def ours():
    """The same of this code."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
    from flax import nnx

    from spectrax.core import freed_memory, randomness
    from spectrax.core.trees import merge_module, module_state, split_module
    from spectrax.models.information_koopman import InformationKoopman
    from spectrax.tasks.information_koopman import InformationKoopmanTask

    sizes = {"state": [64, 64, 2], "latent": 512, "network": "flow", "dropout": 0.1, "operator": "batch"}
    graph, parameters, statistics = split_module(InformationKoopman(**sizes, dtype=DTYPE, rngs=nnx.Rngs(0)))
    released = {"reconstruction": 0.1, "linearity": 0.0, "entropy_sign": "released"}
    task = InformationKoopmanTask(variant="released", **released)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    window = jnp.asarray(np.moveaxis(data(), 2, -1))

    def update(state, window):
        parameters, statistics, moments, number = state

        def loss(parameters):
            model = merge_module(graph, parameters, statistics)
            key = randomness.step_key(0, number)
            value, _ = task.loss("all", model, {"window": window}, {}, key)
            return value, module_state(model)

        (value, statistics), gradients = jax.value_and_grad(loss, has_aux=True)(parameters)
        updates, moments = optimizer.update(gradients, moments, parameters)
        return (optax.apply_updates(parameters, updates), statistics, moments, number + 1), value

    state = [(parameters, statistics, optimizer.init(parameters), jnp.zeros((), jnp.int32))]
    del parameters, statistics
    # Compiled as in training: before the first step, and what the compiler freed is given back.
    compiled = jax.jit(update, donate_argnums=0).lower(state[0], window).compile()
    freed_memory.give_back()

    def step():
        state[0], value = compiled(state[0], window)
        return value

    return {ACTION: speed.repeated(step)}


if __name__ == "__main__":
    speed.compare(theirs, ours, count=BATCH, unit="windows")
