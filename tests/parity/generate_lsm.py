"""Make fixtures/lsm_*.npz by running the released code of latent spectral models with weights filled by a rule.

usage: LSM_SOURCE=/path/to/Latent-Spectral-Models python tests/parity/generate_lsm.py [CASE ...]   (needs torch)

The release makes constants on a GPU; here its text is changed in memory so that they are made where the model is.
Stored are outputs in evaluation, and of one training step outputs, the relative L2 loss summed over the batch, gradient
norms and running statistics. The training step is computed in float64: in float32 PyTorch's own rounding, of variances
over the few values of the coarsest level and of ReLUs that fall on the other side, is 1e-4 of these outputs and more.
"""

import os
import sys
import types
from pathlib import Path

import numpy as np
import torch
from lsm_cases import CASES, arrays, fill, thumbnail

HERE = Path(__file__).parent
FILES = {"2d": "LSM_2D.py", "3d": "LSM_3D.py", "irregular": "LSM_Irregular_Geo.py"}


def released_module(kind, dtype):
    text = (Path(os.environ["LSM_SOURCE"]) / "models" / FILES[kind]).read_text()
    assert ".cuda()" in text
    if not torch.cuda.is_available():
        text = text.replace(".cuda()", "").replace('device="cuda"', 'device="cpu"')
    if dtype == torch.float64:
        text = text.replace("dtype=torch.float)", "dtype=torch.double)").replace("torch.cfloat", "torch.cdouble")
    module = types.ModuleType(f"released_{kind}")
    exec(compile(text, module.__name__, "exec"), module.__dict__)
    return module


def build(case, dtype=torch.float32):
    """The released model with filled weights; of the irregular kind its coordinate network is held as `iphi`."""
    torch.set_default_dtype(dtype)
    module = released_module(case["kind"], dtype)
    joined = lambda numbers: ",".join(map(str, numbers))  # noqa: E731
    options = types.SimpleNamespace(
        in_dim=case["in_channels"], out_dim=case["out_channels"], d_model=case["channels"], num_token=case["tokens"],
        num_basis=case["bases"], patch_size=joined(case["patch"]), padding=joined(case.get("padding", (0, 0))[::-1]),
    )  # fmt: skip
    if case["kind"] == "irregular":
        (m1, m2), (s1, s2) = case["modes"], case["latent_grid"]
        model = module.Model(options, modes1=m1, modes2=m2, s1=s1, s2=s2)
        model.iphi = module.IPHI() if case["deformation"] else None
    else:
        model = module.Model(options)
    state = model.state_dict()
    learned = {key: tuple(value.shape) for key, value in state.items() if value.dtype != torch.int64}
    model.load_state_dict(state | {key: torch.from_numpy(fill(key, shape)) for key, shape in learned.items()})
    return model


def run(model, case, given):
    if case["kind"] != "irregular":
        return model(given["input"])
    return model(given["input"], code=given.get("code"), iphi=model.iphi)


def relative_l2(found, target):
    """Summed over the batch, as the release's loss is."""
    flat = lambda x: x.reshape(x.shape[0], -1)  # noqa: E731
    return torch.sum(torch.norm(flat(found) - flat(target), dim=1) / torch.norm(flat(target), dim=1))


def stored(case):
    model, given = build(case).eval(), {name: torch.from_numpy(array) for name, array in arrays(case).items()}
    with torch.no_grad():
        output = run(model, case, given)
    model, given = build(case, torch.float64).train(), {name: array.double() for name, array in given.items()}
    lines = [f"{key}|{tuple(value.shape)}" for key, value in model.state_dict().items()]
    trained = run(model, case, given)
    loss = relative_l2(trained, given["target"])
    loss.backward()
    assert loss.dtype == trained.dtype == torch.float64
    norms = {f"norm:{name}": p.grad.norm().numpy() for name, p in model.named_parameters() if p.grad is not None}
    moments = {f"stat:{key}": value.numpy() for key, value in model.state_dict().items() if "running" in key}
    named = {"output": output.numpy(), "trained": thumbnail(trained.detach()), "loss": loss.detach().numpy()}
    rounded = {key: value.astype(np.float32) for key, value in {**named, **norms, **moments}.items()}
    return {"shapes": np.array(lines), **rounded}


def main():
    torch.set_num_threads(1)
    for name, case in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        found = stored(case)
        np.savez_compressed(HERE / "fixtures" / f"lsm_{name}.npz", **found)
        print(name, "output's deviation", float(found["output"].std()), "loss", float(found["loss"]))


if __name__ == "__main__":
    main()
