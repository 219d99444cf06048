"""Make fixtures/t1_*.npz by running the released T1 and T1U (PyTorch) with weights filled by a rule.

usage: KAIROS_SOURCE=/path/to/kairos python tests/parity/generate_t1.py [CASE ...]   (needs torch, einops, hydra-core)

Stored are outputs in evaluation, and of some cases the loss of a training step (relative L2, of the target's
coefficients where the output is a spectrum), gradient norms and running statistics; and the deviations of initial
weights.
"""

import os
import sys
from pathlib import Path

import numpy as np
import torch
from t1_cases import CASES, INIT, T1U_CASES, TRAINED, fields, fill, thumbnail

HERE = Path(__file__).parent


def build(name, case, filled=True):
    """The released network of a case, with the weights of the rule."""
    sys.path.insert(0, os.environ["KAIROS_SOURCE"])
    from src.models.t1 import T1_2d, T1U_2d

    shared = {
        "signal_resolution": tuple(case["grid"]), "in_channels": case["in_channels"],
        "out_channels": case["out_channels"], "residual": case["residual"], "act": case["activation"],
        "perform_inverse": case["output"] == "field",
    }  # fmt: skip
    if name in T1U_CASES:
        model = T1U_2d(case["modes"], channel_exponent=case["channel_exponent"], **shared)
    else:
        model = T1_2d(
            case["modes"], case["modes"], case["width"], nlayers=case["depth"], padding=case["padding"],
            keep_high=case["keep_high"] == "released", weight_init=case.get("weight_init", 2), **shared,
        )  # fmt: skip
    if filled:
        state = model.state_dict()
        for key, value in state.items():
            if value.dtype == torch.float32:
                state[key] = torch.from_numpy(fill(key, tuple(value.shape)))
        model.load_state_dict(state)
    return model


def run(model, x, case):
    """Output (batch, channels, height, width) of an input of the same kind; single channels are squeezed inside."""
    y = model(x[:, 0] if case["in_channels"] == 1 else x)
    return y[:, None] if case["out_channels"] == 1 and y.ndim == 3 else y


def train_step(model, x, target, case):
    from src.utils.numerics import dct2d

    model.train()
    target = dct2d(target, norm="ortho") if case["output"] == "spectrum" else target
    norm = lambda array: torch.linalg.norm(array.flatten(1), dim=1)  # noqa: E731
    loss = (norm(run(model, x, case) - target) / norm(target)).mean()
    loss.backward()
    norms = {f"norm:{name}": p.grad.norm().numpy() for name, p in model.named_parameters()}
    moments = {f"stat:{k}": v.numpy() for k, v in model.state_dict().items() if "running" in k}
    return {"loss": loss.detach().numpy(), **norms, **moments}


def shapes(model):
    return np.array([f"{k}|{tuple(v.shape)}" for k, v in model.state_dict().items()])


def initial_deviations():
    """By released number of the formula: channel mixing, both spatial mixings, and the head's two matrices."""
    case = {**CASES["gelu"], **INIT}
    rows = []
    for number in range(1, 5):
        model = build("gelu", {**case, "weight_init": number}, filled=False)
        layer = model.layers[0]
        found = [layer.ch_mixing_1, layer.spatial_mixing_1, layer.spatial_mixing_2, model.fc1, model.fc2]
        rows.append([float(parameter.detach().std()) for parameter in found])
    return np.array(rows)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, case in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        x, target = map(torch.from_numpy, fields(case))
        model = build(name, case).eval()
        with torch.no_grad():
            output = run(model, x, case).numpy()
        stored = {"output": thumbnail(output), "deviation": output.std(), "shapes": shapes(model)}
        if name in TRAINED:
            stored |= train_step(model, x, target, case)
        np.savez_compressed(HERE / "fixtures" / f"t1_{name}.npz", **stored)
        print(name, output.shape, float(output.std()), float(np.abs(output).max()), flush=True)
    if len(sys.argv) == 1 or "init" in sys.argv[1:]:
        np.savez_compressed(HERE / "fixtures" / "t1_init.npz", deviations=initial_deviations())


if __name__ == "__main__":
    main()
