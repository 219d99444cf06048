"""Singular values of chosen weights: how many directions a layer uses, and how much it can stretch."""

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spectrax.callbacks.callback import SilentCallback
from spectrax.core.errors import ConfigError
from spectrax.core.protocols import Observation, Observed
from spectrax.core.trees import leaf_paths, outline
from spectrax.plots.spectra import singular_value_curves


class WeightSpectra(SilentCallback):
    """For each chosen weight `spectral_norm/<path>`, the largest singular value, and `stable_rank/<path>`, the squared
    Frobenius norm over the squared spectral norm (from 1 to the rank); and a figure of all singular values.

    A weight of two axes is a matrix; of a convolution's four, all but the last are its input; more leading axes, as
    of block-diagonal weights, make a stack of matrices, whose values are taken together.

    Args:
        layers: regular expressions searched in parameter paths such as `stages/0/blocks/0/mixer/first`.
        complex_layers: those among them that hold (real, imaginary) in their last axis.
        every: steps between two looks; None at each evaluation.

    Raises:
        ConfigError: for an invalid expression, and for one that fits no weight.
    """

    def __init__(self, layers: Sequence[str], complex_layers: Sequence[str] = (), every: int | None = None):
        super().__init__(every)
        for pattern in (*layers, *complex_layers):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"callback: {pattern!r} is not a regular expression ({error}).") from error
        self.layers, self.complex_layers = tuple(layers), tuple(complex_layers)

    def observe(self, seen: Observation) -> Observed:
        """Metrics and, at the end of the run, the figure."""
        spectra = self.spectra(seen.parameters)
        metrics = {}
        for path, values in spectra.items():
            metrics[f"spectral_norm/{path}"] = float(values[0])
            metrics[f"stable_rank/{path}"] = float(np.sum(values**2) / values[0] ** 2) if values[0] else 0.0
        return Observed(metrics, {"singular_values": self._figure(spectra)} if seen.last else {})

    def spectra(self, parameters: object) -> dict[str, np.ndarray]:
        """Singular values by path, falling; float64."""
        weights = {path: leaf for path, leaf in leaf_paths(parameters) if leaf.ndim >= 2}
        chosen = {path for path in weights if _fits(path, self.layers)}
        for pattern in self.layers:
            if not any(re.search(pattern, path) for path in weights):
                raise ConfigError(f"callback: {pattern!r} fits no weight. There are: {outline(weights)}.")
        return {path: self._values(path, np.asarray(weights[path], np.float64)) for path in sorted(chosen)}

    def _values(self, path: str, weight: np.ndarray) -> np.ndarray:
        if _fits(path, self.complex_layers):
            weight = weight[..., 0] + 1j * weight[..., 1]
        elif weight.ndim == 4:
            weight = weight.reshape(-1, weight.shape[-1])
        values = np.linalg.svd(weight, compute_uv=False)
        return np.sort(values.ravel())[::-1]

    def _figure(self, spectra: dict[str, np.ndarray]) -> Figure:
        return singular_value_curves(spectra)


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(re.search(pattern, path) for pattern in patterns)
