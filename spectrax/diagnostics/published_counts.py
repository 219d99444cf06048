"""Multiply-adds as tables of papers count them: those of the layers that a counter of PyTorch modules knows.

The convention is that of the counter in SVT's released code, with which the "GMAC" or "GFLOPs" of its paper's tables
were made; it descends from `ptflops`, as do the counters of many repositories. A product with the addition that follows
counts as one. Known are convolutions (with their biases), linear layers (without), batch norms (two for each value) and
activations that are modules of their own, one for each value: here an activation is a function, and one is counted with
each batch norm, which it follows in the networks that we know.

Left out is everything else: products of attention, complex mixing, spectral transforms and gates, layer norms,
activations elsewhere. What XLA counts (`ModuleCost.flops`) holds all of that, with products and additions apart:
SVT-H-S of the paper has 3.93 G by this rule, 4.37 G products in all, and 9.1 G operations.
"""

import math
from typing import Any

from flax import nnx

_CONVOLUTIONS = {"Conv", "Convolution3", "DepthwiseConv3x3"}
_TRANSPOSED = {"ConvTranspose"}
_LINEAR = {"Linear"}
_BATCH_NORMS = {"BatchNorm"}


def multiply_adds(module: nnx.Module, given: Any, output: Any) -> int:
    """Those of one call of one layer; 0 of what the rule does not know, and of modules made of others.

    Layers are known by the names of their classes, or of those that they derive from. What a layer does counts where
    it is called: with parameters that another module takes out of it, it does nothing.

    Args:
        given: its input, an array or `jax.ShapeDtypeStruct` (..., channels).
        output: what it gave, of any shape.
    """
    names = {base.__name__ for base in type(module).__mro__}
    if names & _CONVOLUTIONS:
        return (_size(module.kernel) + _size(getattr(module, "bias", None))) * math.prod(output.shape[:-1])
    if names & _TRANSPOSED:
        return _size(module.kernel) * math.prod(given.shape[:-1]) + _size(module.bias) * math.prod(output.shape[:-1])
    if names & _LINEAR:
        return _size(module.kernel) * math.prod(given.shape[:-1])
    if names & _BATCH_NORMS:
        return 3 * math.prod(given.shape)
    return 0


def _size(parameter: nnx.Variable | None) -> int:
    return 0 if parameter is None else math.prod(parameter.shape)
