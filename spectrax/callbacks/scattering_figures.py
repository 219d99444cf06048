"""Figures of a network's wavelet mixers at the end of a run."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.callbacks.callback import SilentCallback
from spectrax.core import trees
from spectrax.core.module_calls import modules, watched
from spectrax.core.protocols import Observation, Observed
from spectrax.nn.complex_mixing import ChannelMixing
from spectrax.nn.scattering import ScatterChannel, ScatterChannelToken
from spectrax.ops.dual_tree import ORIENTATIONS, ComplexBands, dual_tree_2d, inverse_dual_tree_2d
from spectrax.plots import scattering as plots

logger = logging.getLogger("spectrax")


class ScatteringFigures(SilentCallback):
    """Draws the wavelet bands of one example, and of every mixer its low-pass gate, what it lets each orientation pass
    on the probe batch, and its complex weights.

    Args:
        inputs: the field of a batch that the network is called with, (batch, height, width, channels).
        examples: how many probe examples to measure on.
    """

    def __init__(self, inputs: str = "image", examples: int = 64):
        super().__init__()
        self.inputs, self.examples = inputs, examples

    def observe(self, seen: Observation) -> Observed:
        """Four figures when the run ends, nothing before."""
        if not seen.last:
            return Observed()
        model, images = seen.model, seen.probe[self.inputs][: self.examples]
        mixers = {
            path.removesuffix("/mixer"): module
            for path, module in modules(model).items()
            if isinstance(module, ScatterChannel | ScatterChannelToken)
        }
        if not mixers:
            logger.info("The network has no wavelet mixers to draw.")
            return Observed()
        return Observed(
            figures={
                "wavelet_bands": _bands(images),
                "low_pass_gates": plots.low_pass_gates({name: np.asarray(m.gate[...]) for name, m in mixers.items()}),
                "orientation_gains": plots.orientation_gains(orientation_gains(model, images), ORIENTATIONS),
                "complex_weights": plots.complex_weights(_weights(mixers)),
            }
        )


def orientation_gains(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Per channel mixing of the network, (6,): the root of the energy of a band behind it over that before it.

    Without what the mixing makes of nothing, the same at every place of every band: often more than what passes, and
    over the energy before it a measure of how weak a band was.
    """
    graph, *weights = trees.split_module(model)

    @jax.jit
    def measured(weights: Any, images: jax.Array) -> dict[str, jax.Array]:
        network = trees.merge_module(graph, *weights)
        mixings = {path: one for path, one in modules(network).items() if isinstance(one, ChannelMixing)}
        constants = {path: mixing(_nothing(mixing)) for path, mixing in mixings.items()}
        gains: dict[str, jax.Array] = {}

        def around(path: str, module: Any, call: Callable[[], Any], given: Any) -> Any:
            output = call()
            if path in mixings:
                passed = ComplexBands(
                    *[part - of_nothing for part, of_nothing in zip(output, constants[path], strict=True)]
                )
                gains[path.removesuffix("/mixer/channel_mixing")] = jnp.sqrt(_energies(passed) / _energies(given[0][0]))
            return output

        with watched(network, around):
            network(images, train=False, key=None)
        return gains

    return {name: np.asarray(gain) for name, gain in measured(weights, images).items()}


def _nothing(mixing: ChannelMixing) -> ComplexBands:
    """Bands of one place that hold zeros."""
    blocks, width, _ = mixing.first_bias.shape
    zeros = jnp.zeros((1, 1, 1, len(ORIENTATIONS), blocks * width))
    return ComplexBands(zeros, zeros)


def _energies(bands: ComplexBands) -> jax.Array:
    """Mean square per orientation, (6,)."""
    return sum(jnp.mean(part**2, axis=(0, 1, 2, 4)) for part in bands)


@jax.jit
def band_pictures(images: jax.Array) -> tuple[jax.Array, ...]:
    """Of the image with the strongest bands, the mean of its channels.

    Args:
        images: (examples, height, width, channels).

    Returns:
        The grey image (height, width), its low-pass map, real and imaginary parts of its bands (height / 2, width / 2,
        6), and what each band alone contributes (height, width, 6).
    """
    greys = jnp.mean(images.astype(jnp.float32), axis=-1, keepdims=True)
    low, (bands,) = dual_tree_2d(greys)
    chosen = jnp.argmax(sum(jnp.sum(part**2, axis=(1, 2, 3, 4)) for part in bands))
    grey, low, real, imaginary = (part[chosen] for part in (greys, low, *bands))
    # Six images, each made of one band: the band's own axis becomes the batch.
    single = jnp.eye(len(ORIENTATIONS))[:, None, None, :, None]
    alone = inverse_dual_tree_2d(None, [ComplexBands(real * single, imaginary * single)], size=grey.shape[:2])
    return grey[..., 0], low[..., 0], real[..., 0], imaginary[..., 0], jnp.moveaxis(alone[..., 0], 0, -1)


def _bands(images: np.ndarray) -> plots.Figure:
    grey, low, real, imaginary, alone = map(np.asarray, band_pictures(images))
    return plots.wavelet_bands(grey, low, real + 1j * imaginary, alone, ORIENTATIONS)


def _weights(mixers: Mapping[str, Any]) -> dict[str, np.ndarray]:
    found = {}
    for name, mixer in mixers.items():
        for layer in ("first", "second"):
            weight = np.asarray(getattr(mixer.channel_mixing, layer)[...])
            found[f"{name} {layer}"] = weight[..., 0] + 1j * weight[..., 1]
    return found
