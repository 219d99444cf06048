"""Make fixtures/koopman_*.npz by running the released codes (PyTorch) with weights filled by a rule.

usage: KOOPMAN_AE_SOURCE=/path/to/koopmanAE INFORMATION_KOOPMAN_SOURCE=/path/to/InformationKoopman
       python tests/parity/generate_koopman.py   (needs torch)

Of a consistent Koopman autoencoder (github.com/erichson/koopmanAE): what both modes list, and what one batch of its own
training loop prints as losses and leaves as gradients, clipping and learning rate being out of the way. Of information
Koopman (github.com/Wenxuan52/InformationKoopman): latent states, operator, decoded states, losses, and norms of the
gradients of their weighted sum with both signs of the entropy; dropout is off.
"""

import contextlib
import io
import os
import re
import sys
import types
from pathlib import Path

import numpy as np
import torch
from koopman_cases import (
    BATCH,
    CONSISTENT,
    INFORMATION,
    RADIUS,
    SIGNS,
    TEMPERATURE,
    WEIGHTS,
    fill,
    thumbnail,
    trajectories,
)

FIXTURES = Path(__file__).parent / "fixtures"
PRINTED = {
    "identity": "identity",
    "backward": "backward",
    "consistent": "consistency",
    "forward": "forward",
    "sum": "sum",
}


def filled(model):
    state = {key: torch.from_numpy(fill(key, tuple(value.shape))) for key, value in model.state_dict().items()}
    model.load_state_dict(state)
    return model


def described(model):
    shapes = np.array([f"{key}|{tuple(value.shape)}" for key, value in model.state_dict().items()])
    return {"shapes": shapes}


def gradient_norms(model, prefix="norm"):
    return {f"{prefix}:{name}": p.grad.norm().numpy() for name, p in model.named_parameters() if p.grad is not None}


def consistent(case):
    sys.path.insert(0, os.environ["KOOPMAN_AE_SOURCE"])
    # Imported by its tools, and not used in what is run here.
    for name in ("torchvision", "torchvision.transforms", "torchvision.datasets"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["torchvision"].datasets = sys.modules["torchvision.datasets"]
    from model import koopmanAE
    from train import train

    sizes, steps = [case[name] for name in ("m", "n", "b")], case["steps"]
    model = filled(koopmanAE(*sizes, 8, 8, alpha=case["alpha"]))
    frames = torch.from_numpy(trajectories(steps + 1, BATCH, (1, *sizes[:2])))
    with torch.no_grad():
        forward, backward = model(frames[:, 0])[0], model(frames[:, 0], mode="backward")[1]
        latent = model.encoder(frames[:, 0])
    outputs = {"output": torch.stack(forward), "backward": torch.stack(backward), "latent": latent}
    model.steps = model.steps_back = steps
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        train(
            model, [list(frames.unbind(1))], 0.0, 0.0, 1.0, 1, 1.0, [], nu=0.1, eta=0.01, backward=1, steps=steps,
            steps_back=steps, gradclip=1e12,
        )  # fmt: skip
    losses = dict(re.findall(r"loss (\w+): +(\S+)", said.getvalue()))
    told = {f"loss:{ours}": np.float64(losses[theirs]) for theirs, ours in PRINTED.items()}
    arrays = {name: value.numpy() for name, value in outputs.items()}
    return {**arrays, **told, **gradient_norms(model), **described(model)}


class Perceptron(torch.nn.Module):
    """One hidden layer with the hyperbolic tangent, in place of convolutions."""

    def __init__(self, *sizes):
        super().__init__()
        self.hidden_dims = [sizes[-1]]
        self.first, self.last = torch.nn.Linear(*sizes[:2]), torch.nn.Linear(*sizes[1:])

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


def information_model(name, case):
    folder = Path(os.environ["INFORMATION_KOOPMAN_SOURCE"]) / "model" / "physical_simulation"
    sys.path[:0] = [str(folder), str(folder / "Cylinder")]
    if name == "cylinder":
        from cylinder_model import CYLINDER_ROM

        return CYLINDER_ROM()
    from base import ROM_BASE

    sizes = (*case["state"], case["hidden"], case["latent"])
    return ROM_BASE(Perceptron(*sizes), Perceptron(*sizes[::-1]), case["frames"])


def information(name, case):
    model = filled(information_model(name, case)).eval()
    window = torch.from_numpy(trajectories(case["frames"] + 1, case["batch"], tuple(case["state"])))
    stored = described(model)
    for sign, factor in SIGNS.items():
        model.zero_grad()
        losses = model.compute_loss(window[:, :-1], window[:, 1:], mi_k=RADIUS, mi_temperature=TEMPERATURE)
        parts = [losses["loss_fwd"], losses["loss_identity"], losses["loss_mi"], factor * losses["loss_entropy"]]
        total = sum(weight * part for weight, part in zip(WEIGHTS.values(), parts, strict=True))
        total.backward()
        stored |= {f"total:{sign}": total.detach().numpy(), **gradient_norms(model, sign)}
    with torch.no_grad():
        latent = torch.stack([model.ENCODER(frame) for frame in window[:, :-1].unbind(1)], 1)
        again = torch.stack([model.DECODER(z) for z in latent.unbind(1)], 1)
        ahead = torch.stack([model.DECODER(z) for z in (latent @ losses["C_forward"]).unbind(1)], 1)
    arrays = {"latent": latent, "operator": losses["C_forward"], "reconstruction": again, "prediction": ahead}
    told = {f"loss:{key[5:]}": value.detach().numpy() for key, value in losses.items() if key.startswith("loss_")}
    return {**stored, **told, **{key: thumbnail(value.numpy()) for key, value in arrays.items()}}


def main():
    torch.set_num_threads(1)
    for name, case in CONSISTENT.items():
        np.savez_compressed(FIXTURES / f"koopman_consistent_{name}.npz", **consistent(case))
    for name, case in INFORMATION.items():
        stored = information(name, case)
        np.savez_compressed(FIXTURES / f"koopman_information_{name}.npz", **stored)
        print(
            name,
            {
                key: float(value)
                for key, value in stored.items()
                if np.ndim(value) == 0 and ":" in key and "." not in key
            },
        )
        for key in ("latent", "operator", "prediction"):
            print("  ", key, float(stored[key].std()))


if __name__ == "__main__":
    main()
