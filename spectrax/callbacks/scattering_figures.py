"""Figures of a network's wavelet mixers at the end of a run."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from spectrax.callbacks.callback import SilentCallback
from spectrax.core.errors import ConfigError
from spectrax.core.module_calls import modules, watched
from spectrax.core.protocols import Observation, Observed
from spectrax.nn.complex_mixing import ChannelMixing
from spectrax.nn.scattering import ScatterChannel, ScatterChannelToken
from spectrax.ops.dual_tree import ORIENTATIONS, ComplexBands, dual_tree_2d, inverse_dual_tree_2d
from spectrax.plots import scattering as plots


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
            raise ConfigError("callback: the network has no wavelet mixers to draw. Leave callback=scattering out.")
        return Observed(
            figures={
                "wavelet_bands": _bands(images),
                "low_pass_gates": plots.low_pass_gates({name: np.asarray(m.gate[...]) for name, m in mixers.items()}),
                "orientation_gains": plots.orientation_gains(orientation_gains(model, images), ORIENTATIONS),
                "complex_weights": plots.complex_weights(_weights(mixers)),
            }
        )


def orientation_gains(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Per channel mixing of the network, (6,): the root of the energy of a band behind it over that before it."""
    gains: dict[str, np.ndarray] = {}

    def around(path: str, module: Any, call: Callable[[], Any], given: Any) -> Any:
        output = call()
        if isinstance(module, ChannelMixing):
            name = path.removesuffix("/mixer/channel_mixing")
            gains[name] = np.sqrt(_energies(output) / _energies(given[0][0]))
        return output

    with watched(model, around):
        model(jnp.asarray(images), train=False, key=None)
    return gains


def _energies(bands: ComplexBands) -> np.ndarray:
    """Mean square per orientation, (6,)."""
    return np.asarray(sum(jnp.mean(part**2, axis=(0, 1, 2, 4)) for part in bands))


def _bands(images: np.ndarray) -> plots.Figure:
    """Of the image with the strongest bands, (height, width, channels), the mean of its channels."""
    greys = np.asarray(images, np.float32).mean(-1, keepdims=True)
    _, (bands,) = dual_tree_2d(jnp.asarray(greys))
    strength = sum(jnp.sum(part**2, axis=(1, 2, 3, 4)) for part in bands)
    grey = greys[[int(jnp.argmax(strength))]]
    low, (bands,) = dual_tree_2d(jnp.asarray(grey))
    height, width = grey.shape[1:3]
    alone = []
    for index in range(len(ORIENTATIONS)):
        kept = jnp.arange(len(ORIENTATIONS))[:, None] == index
        band = ComplexBands(*[part * kept for part in bands])
        alone.append(inverse_dual_tree_2d(None, [band], size=(height, width))[0, ..., 0])
    pictures = np.asarray(bands.real + 1j * bands.imaginary)[0, ..., 0]
    return plots.wavelet_bands(
        grey[0, ..., 0], np.asarray(low)[0, ..., 0], pictures, np.stack(alone, axis=-1), ORIENTATIONS
    )


def _weights(mixers: Mapping[str, Any]) -> dict[str, np.ndarray]:
    found = {}
    for name, mixer in mixers.items():
        for layer in ("first", "second"):
            weight = np.asarray(getattr(mixer.channel_mixing, layer)[...])
            found[f"{name} {layer}"] = weight[..., 0] + 1j * weight[..., 1]
    return found
