"""Make fixtures/svt_*.npz by running the released SVT code (PyTorch) with weights filled by a rule.

usage: SVT_SOURCE=/path/to/svt.py python tests/parity/generate_svt.py   (needs torch, timm, pytorch_wavelets)

The release chooses stages and mixer by editing its source, and ties weights to 224 px by literals; the same edits are
made here on the text in memory. Stored are outputs, stage activations, losses, gradient norms and running statistics.
"""

import os
import sys
import types
from functools import partial
from pathlib import Path

import numpy as np
import torch
from svt_cases import CASES, TRAINED, fill, images

HERE = Path(__file__).parent


def stand_in_for_timm():
    """The release imports five names of timm's layers and registry; with drop path 0 these do what timm's do."""
    layers = types.ModuleType("timm.models.layers")
    layers.DropPath = torch.nn.Identity
    layers.to_2tuple = lambda value: (value, value)
    layers.trunc_normal_ = torch.nn.init.trunc_normal_
    registry = types.ModuleType("timm.models.registry")
    registry.register_model = lambda function: function
    transformer = types.ModuleType("timm.models.vision_transformer")
    transformer._cfg = dict
    modules = {"timm": types.ModuleType("timm"), "timm.models": types.ModuleType("timm.models")}
    modules |= {module.__name__: module for module in (layers, registry, transformer)}
    sys.modules.update(modules)


def released_module(case):
    """The released file as a module with the case's switches."""
    text = Path(os.environ["SVT_SOURCE"]).read_text()
    grid = case["image_size"] // 4
    edits = {
        "alpha = 1": f"alpha = {case['scatter_stages']}",
        "self.attn = SVT_channel_mixing (dim)": f"self.attn = SVT_{case['mixer']}_mixing (dim)",
        "56, 56": f"{grid}, {grid}",
        "28, 28": f"{grid // 2}, {grid // 2}",
        "token_blocks = 28": f"token_blocks = {grid // 2}",
        "token_blocks = 14": f"token_blocks = {grid // 4}",
    }
    for old, new in edits.items():
        assert old in text, old
        text = text.replace(old, new)
    module = types.ModuleType("released_svt")
    exec(compile(text, "svt.py", "exec"), module.__dict__)
    return module


def build(case):
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    model = released_module(case).SVT(
        num_classes=case["num_classes"], stem_hidden_dim=case["stem_width"], embed_dims=case["dims"],
        num_heads=case["heads"], mlp_ratios=case["ffn_ratios"], depths=case["depths"], norm_layer=norm,
        token_label=case["token_label"],
    )  # fmt: skip
    state = model.state_dict()
    for key, value in state.items():
        if value.dtype == torch.float32 and ".xfm." not in key and ".ifm." not in key:
            state[key] = torch.from_numpy(fill(key, tuple(value.shape)))
    model.load_state_dict(state)
    return model


def thumbnail(map_):
    """A few channels of a stage's map (B, N, C) or (B, C, H, W), enough to compare."""
    return map_.detach().numpy().reshape(map_.shape[0], -1)[:, ::97].astype(np.float32)


def evaluate(model, x):
    stages = {}
    hooks = []
    for index in range(1, 5):
        layer = getattr(model, f"norm{index}") if index < 4 else model.block4[-1]
        hooks.append(layer.register_forward_hook(lambda _, __, out, i=index: stages.__setitem__(f"stage{i}", out)))
    model.eval()
    with torch.no_grad():
        logits = model(x)
    for hook in hooks:
        hook.remove()
    return {"logits": logits.numpy(), **{name: thumbnail(value) for name, value in stages.items()}}


def train_step(model, x, targets):
    model.train()
    loss = torch.sum(-targets * torch.log_softmax(model(x), -1), -1).mean()
    loss.backward()
    norms = {f"norm:{name}": p.grad.norm().numpy() for name, p in model.named_parameters()}
    moments = {f"stat:{k}": v.numpy() for k, v in model.state_dict().items() if "running" in k}
    return {"loss": loss.detach().numpy(), **norms, **moments}


def main():
    torch.set_num_threads(1)
    stand_in_for_timm()
    for name, case in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        x, targets = map(torch.from_numpy, images(case))
        model = build(case)
        stored = evaluate(model, x)
        stored["shapes"] = np.array([f"{k}|{tuple(v.shape)}" for k, v in model.state_dict().items()])
        if name in TRAINED:
            stored |= train_step(model, x, targets)
        np.savez_compressed(HERE / "fixtures" / f"svt_{name}.npz", **stored)
        print(name, float(np.abs(stored["logits"]).max()), sum(p.numel() for p in model.parameters()))


if __name__ == "__main__":
    main()
