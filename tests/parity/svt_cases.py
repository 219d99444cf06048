"""The SVT configurations compared with the released code, and the rule that fills weights on both sides.

Nothing here depends on PyTorch or JAX: the generator and the test import it alike.
"""

import zlib

import numpy as np

SMALL = {
    "stem_width": 16, "dims": [64, 128, 160, 192], "heads": [2, 4, 5, 6], "ffn_ratios": [2, 2, 2, 2],
    "depths": [1, 2, 1, 1], "num_classes": 10,
}  # fmt: skip
LARGE_DIMS = {**SMALL, "dims": [96, 192, 160, 192]}
# At the released sizes, one block in each stage.
BASE_DIMS = {
    "stem_width": 64, "dims": [64, 128, 320, 512], "heads": [2, 4, 10, 16], "ffn_ratios": [8, 8, 4, 4],
    "depths": [1, 1, 1, 1], "num_classes": 1000,
}  # fmt: skip
LARGEST_DIMS = {**BASE_DIMS, "dims": [96, 192, 384, 512], "heads": [3, 6, 12, 16]}
PAPER_S = {
    "stem_width": 32, "dims": [64, 128, 320, 448], "heads": [2, 4, 10, 14], "ffn_ratios": [8, 8, 4, 4],
    "depths": [3, 4, 6, 3], "num_classes": 1000,
}  # fmt: skip


def _case(sizes, image_size, scatter_stages, mixer, token_label=False):
    return {
        **sizes,
        "image_size": image_size,
        "scatter_stages": scatter_stages,
        "mixer": mixer,
        "token_label": token_label,
    }


CASES = {
    "channel_1_64": _case(SMALL, 64, 1, "channel"),
    "channel_2_64_tokens": _case(SMALL, 64, 2, "channel", token_label=True),
    "channel_token_1_64_tokens": _case(SMALL, 64, 1, "channel_token", token_label=True),
    "channel_token_2_64": _case(SMALL, 64, 2, "channel_token"),
    "channel_token_2_96": _case(SMALL, 96, 2, "channel_token"),
    "channel_2_64_large": _case(LARGE_DIMS, 64, 2, "channel"),
    "channel_token_2_224_base": _case(BASE_DIMS, 224, 2, "channel_token"),
    "channel_1_224_largest_tokens": _case(LARGEST_DIMS, 224, 1, "channel", token_label=True),
    "paper_s_224": _case(PAPER_S, 224, 2, "channel_token"),
    "released_s_224_tokens": _case(PAPER_S, 224, 1, "channel", token_label=True),
}
TRAINED = ("channel_1_64", "channel_token_2_64", "channel_2_64_large")
BATCH = {64: 4, 96: 2, 224: 1}

# A training step with MixToken: the box (top, left, bottom, right) on the 3x3 tokens is given, not drawn.
MIXED = {**_case(SMALL, 96, 2, "channel_token", token_label=True), "depths": [1, 1, 1, 1]}
BOX = (0, 1, 2, 3)
TOKENS = 9


def fill(key, shape):
    """The array of an official state-dict key: seeded by its name, scaled so that activations stay near one."""
    generator = np.random.default_rng(zlib.crc32(key.encode()))
    noise = generator.standard_normal(shape).astype(np.float32)
    if key.endswith("running_var"):
        return (1 + 0.3 * np.abs(noise)).astype(np.float32)
    if key.endswith("complex_weight_ll"):
        return 1 + 0.3 * noise
    if "complex_weight_lh" in key:
        return 0.1 * noise if "_b" in key else noise * np.float32(shape[-2] ** -0.5)
    if len(shape) == 1:
        return (1 + 0.1 * noise) if ("norm" in key and key.endswith("weight")) or ".conv." in key else 0.1 * noise
    return noise * np.float32(np.prod(shape[1:]) ** -0.5)


def images(case):
    """NCHW float32 and soft targets for the loss."""
    generator = np.random.default_rng(5)
    batch = BATCH[case["image_size"]]
    x = generator.standard_normal((batch, 3, case["image_size"], case["image_size"])).astype(np.float32)
    return x, _distributions(generator, (batch, case["num_classes"]))


def token_labels(case):
    """Targets of token labelling (batch, classes, 2 + tokens): ground truth, the whole image's label, the tokens'."""
    generator = np.random.default_rng(6)
    targets = _distributions(generator, (BATCH[case["image_size"]], 2 + TOKENS, case["num_classes"]))
    return targets.transpose(0, 2, 1)


def _distributions(generator, shape):
    weights = generator.random(shape).astype(np.float32)
    return weights / weights.sum(-1, keepdims=True)
