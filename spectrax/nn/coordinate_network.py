"""A learnt deformation of the plane, which takes the points of a cloud to where a Fourier transform finds them.

Source: Z. Li et al., "Fourier neural operator with learned deformations for PDEs on general geometries", JMLR 2023, as
in the released code of H. Wu et al., "Solving high-dimensional PDEs with latent spectral models", ICML 2023.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx

from spectrax.core.errors import ConfigError
from spectrax.nn.linear import uniform_linear

_CENTRE = 1e-4  # of both coordinates: angle and radius are taken about it
_FEATURES = 4  # both coordinates, angle and radius


class CoordinateNetwork(nnx.Module):
    """`x + x * network(x, code)` for points x of the plane, component by component.

    The network sees coordinates, angle and radius, their sines and cosines at `width / 4` frequencies pi 2^k, and
    what is known of the geometry, the code, if there is one. As in the release there are entrances for both, with and
    without code, and every model has the weights of both. Everything computes in float32.

    Args:
        width: a multiple of 4; of the features' linear layer, the hidden layers being four times as wide.
        code_size: numbers in a code.

    Raises:
        ConfigError: when `width` is no multiple of 4.
    """

    def __init__(self, *, width: int = 32, code_size: int = 42, rngs: nnx.Rngs):
        if width % _FEATURES:
            raise ConfigError(f"width={width} of the coordinate network must be a multiple of {_FEATURES}.")
        self.width = width
        self.features = uniform_linear(_FEATURES, width, rngs=rngs)
        self.with_code = uniform_linear(code_size, width, rngs=rngs)
        self.without_code = uniform_linear(3 * width, 4 * width, rngs=rngs)
        self.hidden = nnx.List([uniform_linear(4 * width, 4 * width, rngs=rngs) for _ in range(3)])
        self.output = uniform_linear(4 * width, 2, rngs=rngs)

    def __call__(self, points: jax.Array, code: jax.Array | None = None) -> jax.Array:
        """Points (batch, n, 2), and for each example its code (batch, code_size) -> where they go, (batch, n, 2)."""
        points = points.astype(jnp.float32)
        x = self._seen(points)
        if code is None:
            x = self.without_code(x)
        else:
            described = self.with_code(code.astype(jnp.float32))[:, None]
            described = jnp.broadcast_to(described, (*points.shape[:2], self.width))
            x = jnp.concatenate([described, x], axis=-1)
        for layer in self.hidden:
            x = jnp.tanh(layer(x))
        return points + points * self.output(x)

    def _seen(self, points: jax.Array) -> jax.Array:
        """(batch, n, 3 width): the features through a linear layer, their sines, their cosines."""
        centred = points - _CENTRE
        angle = jnp.arctan2(centred[..., 1], centred[..., 0])
        radius = jnp.sqrt(jnp.sum(centred**2, axis=-1))
        features = jnp.concatenate([points, angle[..., None], radius[..., None]], axis=-1)
        frequencies = math.pi * 2.0 ** jnp.arange(self.width // _FEATURES)
        phases = (features[..., None] * frequencies).reshape(*points.shape[:-1], self.width)
        return jnp.concatenate([self.features(features), jnp.sin(phases), jnp.cos(phases)], axis=-1)
