"""Make fixtures/fno_*.npz by running the released Fourier neural operators with weights filled by a rule.

usage: FNO_SOURCE=... LSM_SOURCE=... NEURALOP_SOURCE=... python tests/parity/generate_fno.py [CASE ...]
       (needs torch, and for the library tensorly and tensorly-torch)

FNO_SOURCE is a folder with the original fourier_1d.py (github.com/neuraloperator/neuraloperator of 2022, of which only
the classes are executed), LSM_SOURCE a copy of github.com/thuml/Latent-Spectral-Models, whose models in 2-D and 3-D are
the originals but for padding, NEURALOP_SOURCE one of today's github.com/neuraloperator/neuraloperator.

Stored are outputs, the relative L2 loss summed over the batch, and gradient norms.
"""

import ast
import os
import sys
import types
from pathlib import Path

import numpy as np
import torch
from fno_cases import CASES, arrays, fill

HERE = Path(__file__).parent


def executed(name, text):
    module = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
    return module


def original_1d():
    """The classes of the script, without its training."""
    text = (Path(os.environ["FNO_SOURCE"]) / "fourier_1d.py").read_text()
    classes = [ast.get_source_segment(text, node) for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    imports = "import numpy as np, torch, torch.nn as nn, torch.nn.functional as F\n"
    return executed("original_1d", imports + "\n".join(classes))


def released(file):
    """Wu et al.'s model, whose constants are made on a GPU; here its text is changed so that they are not."""
    text = (Path(os.environ["LSM_SOURCE"]) / "models" / file).read_text()
    return executed(file, text if torch.cuda.is_available() else text.replace('device="cuda"', 'device="cpu"'))


def library():
    """The class FNO alone: importing the whole package would want all that its other models need."""
    root = Path(os.environ["NEURALOP_SOURCE"]) / "neuralop"
    for name in ("neuralop", "neuralop.models", "neuralop.layers"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    from neuralop.models.fno import FNO

    return FNO


def classic(case):
    if len(case["grid"]) == 1:
        return original_1d().FNO1d(case["modes"], case["width"])
    padding = case.get("padding", (0,) * len(case["grid"]))[::-1]
    options = types.SimpleNamespace(
        in_dim=case["in_channels"], out_dim=case["out_channels"], d_model=case["width"], num_basis=case["modes"],
        padding=",".join(map(str, padding)),
    )  # fmt: skip
    return released(f"FNO_{len(case['grid'])}D.py").Model(options)


def geo(case):
    module = released("FNO_Irregular_Geo.py")
    options = types.SimpleNamespace(in_dim=case["in_channels"], out_dim=case["out_channels"], d_model=case["width"])
    (m1, m2), (s1, s2) = case["modes"], case["latent_grid"]
    model = module.Model(options, modes1=m1, modes2=m2, s1=s1, s2=s2)
    model.iphi = module.IPHI() if case["deformation"] else None
    return model


def neuralop(case):
    names = {
        "modes": "n_modes", "layers": "n_layers", "lifting_ratio": "lifting_channel_ratio",
        "projection_ratio": "projection_channel_ratio", "channel_mlp": "use_channel_mlp",
    }  # fmt: skip
    given = {names.get(key, key): value for key, value in case.items() if key not in ("kind", "grid", "coordinates")}
    given = {key: None if value == "none" else value for key, value in given.items()}
    if "domain_padding" in given:
        given["domain_padding"] = list(given["domain_padding"])
    return library()(**given, positional_embedding="grid" if case.get("coordinates", True) else None)


BUILDERS = {"classic": classic, "geo": geo, "neuralop": neuralop}


def build(case):
    model = BUILDERS[case["kind"]](case)
    state = {key: value for key, value in model.state_dict().items() if torch.is_tensor(value)}
    learned = {key: v for key, v in state.items() if v.dtype in (torch.float32, torch.complex64)}
    filled = {key: torch.from_numpy(fill(key, tuple(v.shape), case["kind"])) for key, v in learned.items()}
    model.load_state_dict(state | filled)
    return model


def run(model, case, given):
    if case["kind"] == "geo":
        return model(given["input"], code=given.get("code"), iphi=model.iphi)
    if case["kind"] == "neuralop":
        return model(given["input"].movedim(-1, 1)).movedim(1, -1)
    return model(given["input"])


def relative_l2(found, target):
    """Summed over the batch, as the release's loss is."""
    flat = lambda x: x.reshape(x.shape[0], -1)  # noqa: E731
    return torch.sum(torch.norm(flat(found) - flat(target), dim=1) / torch.norm(flat(target), dim=1))


def stored(case):
    model, given = build(case), {name: torch.from_numpy(array) for name, array in arrays(case).items()}
    tensors = {key: value for key, value in model.state_dict().items() if torch.is_tensor(value)}
    output = run(model, case, given)
    loss = relative_l2(output, given["target"])
    loss.backward()
    norms = {f"norm:{name}": p.grad.norm().numpy() for name, p in model.named_parameters() if p.grad is not None}
    return {
        "shapes": np.array([f"{key}|{tuple(value.shape)}" for key, value in tensors.items()]),
        "output": output.detach().numpy(),
        "loss": loss.detach().numpy(),
        **norms,
    }


def main():
    torch.set_num_threads(1)
    for name, case in CASES.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            found = stored(case)
            np.savez_compressed(HERE / "fixtures" / f"fno_{name}.npz", **found)
            print(
                name, "standard deviation of the output:", float(found["output"].std()), "loss:", float(found["loss"])
            )


if __name__ == "__main__":
    main()
