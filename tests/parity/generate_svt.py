"""Make fixtures/svt_*.npz by running the released SVT code (PyTorch) with weights filled by a rule.

usage: SVT_SOURCE=/path/to/svt.py python tests/parity/generate_svt.py [CASE ...]   (needs torch, pytorch_wavelets; the
release's loss/ beside it)

The release chooses stages and mixer by editing its source, and ties weights to 224 px by literals; the same edits are
made here on the text in memory. Stored are outputs of both kinds of head, stage activations, losses, gradient norms and
running statistics; of MixToken and token labelling a training step with a given box.

Gradients jump where a ReLU's input is zero but for rounding, which may fall on the other side when a case is recorded
on another build of PyTorch: norms in the stem then differ by some 1e-3 from ours, and nothing else does.
"""

import os
import sys
import types
from functools import partial
from pathlib import Path

import numpy as np
import torch
from svt_cases import BOX, CASES, MIXED, TRAINED, fill, images, token_labels

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
    return executed("released_svt", text)


def executed(name, text):
    module = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
    return module


def build(case, box=None):
    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    module = released_module(case)
    module.rand_bbox = lambda *_, **__: box
    model = module.SVT(
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
    outputs = logits(model, x)
    for hook in hooks:
        hook.remove()
    return {"logits": outputs, **{name: thumbnail(value) for name, value in stages.items()}}


def logits(model, x):
    model.eval()
    with torch.no_grad():
        return model(x).numpy()


def train_step(model, x, targets):
    model.train()
    loss = torch.sum(-targets * torch.log_softmax(model(x), -1), -1).mean()
    loss.backward()
    return {"loss": loss.detach().numpy(), **after_step(model)}


def after_step(model):
    norms = {f"norm:{name}": p.grad.norm().numpy() for name, p in model.named_parameters()}
    moments = {f"stat:{k}": v.numpy() for k, v in model.state_dict().items() if "running" in k}
    return {**norms, **moments}


def mixed_step():
    """One training step with MixToken and token labels, and the loss where all tokens have the image's label."""
    source = Path(os.environ["SVT_SOURCE"]).parent / "loss" / "cross_entropy.py"
    losses = executed("released_loss", source.read_text())
    loss_of = losses.TokenLabelCrossEntropy(dense_weight=0.5, cls_weight=1.0, classes=MIXED["num_classes"])
    model = build(MIXED, BOX).train()
    x, targets = map(torch.from_numpy, images(MIXED))
    outputs = model(x)
    loss = loss_of(outputs, torch.from_numpy(token_labels(MIXED)))
    loss.backward()
    return {
        "logits": outputs[0].detach().numpy(),
        "token_logits": outputs[1].detach().numpy(),
        "loss": loss.detach().numpy(),
        "loss_of_images": loss_of(outputs, targets).detach().numpy(),
        "shapes": shapes(model),
        **after_step(model),
    }


def shapes(model):
    return np.array([f"{k}|{tuple(v.shape)}" for k, v in model.state_dict().items()])


def save(name, stored):
    np.savez_compressed(HERE / "fixtures" / f"svt_{name}.npz", **stored)
    print(name, float(np.abs(stored["logits"]).max()))


def main():
    torch.set_num_threads(1)
    stand_in_for_timm()
    for name, case in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        x, targets = map(torch.from_numpy, images(case))
        model = build(case)
        stored = {**evaluate(model, x), "shapes": shapes(model)}
        stored["other_logits"] = logits(build({**case, "token_label": not case["token_label"]}), x)
        if name in TRAINED:
            stored |= train_step(model, x, targets)
        save(name, stored)
    if len(sys.argv) == 1 or "mixed" in sys.argv[1:]:
        save("mixed", mixed_step())


if __name__ == "__main__":
    main()
